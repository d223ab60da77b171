//! Colours and font sizes.

/// An sRGB colour with its opacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Color {
    /// Red, green and blue, 0..=255 each.
    pub rgb: [u8; 3],
    /// 0 = invisible, 1 = opaque.
    pub alpha: f64,
}

impl Color {
    /// An opaque colour.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: [red, green, blue], alpha: 1.0 }
    }

    /// The same colour at another opacity, 0..=1.
    pub const fn with_alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// The opaque colour that lies `share` (0..=1) of the way from this one to `other`.
    pub fn blend(self, other: Self, share: f64) -> Self {
        let share = share.clamp(0.0, 1.0);
        let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        let [r, g, b] = self.rgb;
        let [s, h, c] = other.rgb;
        Self::rgb(mix(r, s), mix(g, h), mix(b, c))
    }

    /// Relative luminance as WCAG 2 defines it: 0 = black, 1 = white.
    pub fn luminance(self) -> f64 {
        let [r, g, b] = self.rgb.map(|channel| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Black or white, whichever has more contrast on this background.
    pub fn readable_text(self) -> Self {
        // The WCAG contrast ratio is (lighter + 0.05) / (darker + 0.05); black wins where
        // (L + 0.05) / 0.05 > 1.05 / (L + 0.05).
        if (self.luminance() + 0.05).powi(2) > 0.05 * 1.05 { BLACK } else { WHITE }
    }
}

/// Okabe–Ito sky blue, `#56B4E9`.
pub const SKY: Color = Color::rgb(0x56, 0xB4, 0xE9);
/// Okabe–Ito orange, `#E69F00`.
pub const ORANGE: Color = Color::rgb(0xE6, 0x9F, 0x00);
/// Okabe–Ito bluish green, `#009E73`.
pub const GREEN: Color = Color::rgb(0x00, 0x9E, 0x73);
/// Okabe–Ito blue, `#0072B2`.
pub const BLUE: Color = Color::rgb(0x00, 0x72, 0xB2);
/// Okabe–Ito vermillion, `#D55E00`.
pub const VERMILLION: Color = Color::rgb(0xD5, 0x5E, 0x00);
/// The colours of a chart's series, in order.
pub const SERIES: [Color; 5] = [BLUE, ORANGE, GREEN, VERMILLION, SKY];

/// Pure white: the page.
pub const WHITE: Color = Color::rgb(255, 255, 255);
/// Pure black.
pub const BLACK: Color = Color::rgb(0, 0, 0);
/// Titles and numbers.
pub const INK: Color = Color::rgb(0x22, 0x22, 0x22);
/// Axis titles, notes, reference lines.
pub const MUTED: Color = Color::rgb(0x59, 0x59, 0x59);
/// Axis lines.
pub const AXIS: Color = Color::rgb(0x8C, 0x8C, 0x8C);
/// Grid lines.
pub const GRID: Color = Color::rgb(0xE4, 0xE4, 0xE4);
/// Backgrounds: alternate table rows, notices, blank cells.
pub const SHADE: Color = Color::rgb(0xF1, 0xF1, 0xF1);

/// Font size of a picture's title, in logical pixels per em.
pub const PAGE_TITLE: f64 = 16.0;
/// Font size of a panel's title.
pub const PANEL_TITLE: f64 = 13.0;
/// Font size of legends, axis titles, table cells and notes.
pub const LABEL: f64 = 11.5;
/// Font size of tick labels.
pub const TICK: f64 = 11.0;

/// Maps values to cell colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColorScale {
    /// −1 blue, 0 white, +1 vermillion.
    Diverging,
    /// 0 white, 1 blue.
    Sequential,
}

impl ColorScale {
    /// The colour of `value`; values outside the scale have the colour of its end.
    pub fn color(self, value: f64) -> Color {
        match self {
            Self::Diverging if value < 0.0 => WHITE.blend(BLUE, -value),
            Self::Diverging => WHITE.blend(VERMILLION, value),
            Self::Sequential => WHITE.blend(BLUE, value),
        }
    }

    /// The values at the ends of the scale.
    pub fn ends(self) -> (f64, f64) {
        match self {
            Self::Diverging => (-1.0, 1.0),
            Self::Sequential => (0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luminance_of_primaries() {
        // WCAG weights: green carries 0.7152 of white's luminance, red 0.2126.
        assert!((WHITE.luminance() - 1.0).abs() < 1e-12);
        assert!((Color::rgb(0, 255, 0).luminance() - 0.7152).abs() < 1e-12);
        assert!((Color::rgb(255, 0, 0).luminance() - 0.2126).abs() < 1e-12);
    }

    #[test]
    fn text_contrasts_with_every_colour_of_both_scales() {
        for scale in [ColorScale::Diverging, ColorScale::Sequential] {
            for step in -20..=20 {
                let behind = scale.color(f64::from(step) / 20.0);
                let text = behind.readable_text();
                let (a, b) = (behind.luminance() + 0.05, text.luminance() + 0.05);
                let contrast = a.max(b) / a.min(b);
                // WCAG AA requires 4.5 for small text; the better of black and white always reaches
                // sqrt(21) = 4.58.
                assert!(contrast >= 4.5, "{scale:?} at {step}/20: contrast {contrast}");
            }
        }
        assert_eq!(BLUE.readable_text(), WHITE);
        assert_eq!(WHITE.readable_text(), BLACK);
        assert_eq!(ORANGE.readable_text(), BLACK);
    }

    #[test]
    fn blend_is_linear() {
        // 0 + (255 - 0) · 0.5 = 127.5, rounded away from zero to 128.
        assert_eq!(BLACK.blend(WHITE, 0.5), Color::rgb(128, 128, 128));
        assert_eq!(BLACK.blend(WHITE, 7.0), WHITE);
    }
}
