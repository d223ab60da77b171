//! Text: the embedded font, and the layout and pixels of a line.
//!
//! Glyphs are laid out here and not by plotters, whose bitmap text drops each glyph's side bearing
//! and rounds advances to whole pixels.

use super::ChartError;
use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use std::sync::OnceLock;

/// Weight of a line of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Normal,
    Bold,
}

/// Replaces the middle of a shortened label.
const ELLIPSIS: char = '…';

fn font(weight: Weight) -> Result<&'static FontRef<'static>, ChartError> {
    static NORMAL: OnceLock<FontRef<'static>> = OnceLock::new();
    static BOLD: OnceLock<FontRef<'static>> = OnceLock::new();
    let (cell, bytes) = match weight {
        Weight::Normal => (&NORMAL, dejavu::sans::regular()),
        Weight::Bold => (&BOLD, dejavu::sans::bold()),
    };
    if let Some(font) = cell.get() {
        return Ok(font);
    }
    let font = FontRef::try_from_slice(bytes)?;
    Ok(cell.get_or_init(|| font))
}

/// Converts a size in em, as in CSS, to ab_glyph's line height.
fn line_height(font: &FontRef<'_>, em: f64) -> PxScale {
    let units = f64::from(font.units_per_em().unwrap_or(2048.0));
    PxScale::from((em * f64::from(font.height_unscaled()) / units) as f32)
}

/// A line of text laid out at a size in pixels, with its baseline starting at (0, 0).
pub struct TextLine {
    font: &'static FontRef<'static>,
    glyphs: Vec<Glyph>,
    width: f64,
}

impl TextLine {
    pub fn new(text: &str, em: f64, weight: Weight) -> Result<Self, ChartError> {
        let font = font(weight)?;
        let scaled = font.as_scaled(line_height(font, em));
        let mut glyphs: Vec<Glyph> = Vec::with_capacity(text.len());
        let mut x = 0.0;
        for character in text.chars().filter(|c| !c.is_control()) {
            let id = scaled.glyph_id(character);
            if let Some(last) = glyphs.last() {
                x += scaled.kern(last.id, id);
            }
            glyphs.push(id.with_scale_and_position(scaled.scale(), point(x, 0.0)));
            x += scaled.h_advance(id);
        }
        Ok(Self { font, glyphs, width: f64::from(x) })
    }

    pub fn width(&self) -> f64 {
        self.width
    }

    /// Calls `put(x, y, coverage)` for every pixel of the line, y growing downwards.
    pub fn pixels(self, origin: (f64, f64), mut put: impl FnMut(i32, i32, f64)) {
        for mut glyph in self.glyphs {
            glyph.position.x += origin.0 as f32;
            glyph.position.y += origin.1 as f32;
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                put(corner.x as i32 + x as i32, corner.y as i32 + y as i32, f64::from(coverage));
            });
        }
    }
}

/// Width of a line of text in pixels.
pub fn width(text: &str, em: f64, weight: Weight) -> Result<f64, ChartError> {
    Ok(TextLine::new(text, em, weight)?.width())
}

/// `text` shortened to at most `room` pixels by replacing its middle: names with a common beginning
/// often differ at the end.
pub fn shorten(text: &str, room: f64, em: f64, weight: Weight) -> Result<String, ChartError> {
    if width(text, em, weight)? <= room {
        return Ok(text.to_owned());
    }
    let characters: Vec<char> = text.chars().collect();
    for kept in (2..characters.len()).rev() {
        let head = kept.div_ceil(2);
        let tail = characters.len() - (kept - head);
        let short: String = characters[..head].iter().chain([&ELLIPSIS]).chain(&characters[tail..]).collect();
        if width(&short, em, weight)? <= room {
            return Ok(short);
        }
    }
    Ok(ELLIPSIS.to_string())
}

/// `text` wrapped at spaces into lines of at most `room` pixels.
pub fn wrap(text: &str, room: f64, em: f64, weight: Weight) -> Result<Vec<String>, ChartError> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if width(&longer, em, weight)? <= room {
                *line = longer;
                continue;
            }
        }
        lines.push(shorten(word, room, em, weight)?);
    }
    Ok(lines)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn digits_have_equal_widths() {
        // DejaVu Sans has tabular figures of 1303 / 2048 em, so 10 of them at 20.48 px are 130.3 px.
        let w = width("0123456789", 20.48, Weight::Normal).unwrap();
        assert!((w - 130.3).abs() < 0.05, "{w}");
    }

    #[test]
    fn a_label_that_fits_is_unchanged() {
        assert_eq!(shorten("humidity", 200.0, 11.0, Weight::Normal).unwrap(), "humidity");
    }

    #[test]
    fn a_long_label_keeps_both_ends_and_fits() {
        let name = "gearbox_high_speed_shaft_bearing_temperature_front";
        let short = shorten(name, 120.0, 11.0, Weight::Bold).unwrap();
        assert!(short.starts_with("gear") && short.ends_with("ront") && short.contains('…'), "{short}");
        assert!(width(&short, 11.0, Weight::Bold).unwrap() <= 120.0);
        assert_eq!(shorten(name, 1.0, 11.0, Weight::Bold).unwrap(), "…");
    }

    #[test]
    fn wrapped_lines_fit_and_keep_every_word() {
        let text = "normal = mean and standard deviation of the readings the model called normal";
        let lines = wrap(text, 150.0, 11.0, Weight::Normal).unwrap();
        assert!(lines.len() > 2);
        assert_eq!(lines.join(" "), text);
        for line in lines {
            assert!(width(&line, 11.0, Weight::Normal).unwrap() <= 150.0, "{line}");
        }
    }
}
