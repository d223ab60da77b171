//! Legends in rows above a plot, where they hide no data.

use super::ChartError;
use super::canvas::{Anchor, Canvas, Rect, TextStyle};
use super::style::{self, Color, LABEL};
use super::text::{self, Weight};

/// The mark in front of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Key {
    /// A stroke of this width.
    Line(f64),
    /// A dashed stroke.
    Dashes,
    /// A filled square.
    Square,
    /// A disc of this radius.
    Disc(f64),
    /// No mark: the entry is a heading for those that follow.
    None,
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Key,
    pub color: Color,
    pub label: String,
}

const ROW: f64 = 18.0;
const GAP: f64 = 12.0;
const KEY_GAP: f64 = 6.0;

impl Key {
    fn width(self) -> f64 {
        match self {
            Self::Line(_) | Self::Dashes => 20.0,
            Self::Square => 11.0,
            Self::Disc(radius) => 2.0 * radius,
            Self::None => 0.0,
        }
    }

    /// The gap between the mark and its label.
    fn gap(self) -> f64 {
        if self == Self::None { 0.0 } else { KEY_GAP }
    }

    fn height(self) -> f64 {
        match self {
            Self::Disc(radius) => 2.0 * radius + 4.0,
            _ => ROW,
        }
    }
}

/// An entry with its position.
struct Placed {
    x: f64,
    row: usize,
    entry: Entry,
}

/// Entries in rows of a maximum width.
pub struct Legend {
    placed: Vec<Placed>,
    row_height: f64,
    rows: usize,
}

impl Legend {
    pub fn new(entries: Vec<Entry>, width: f64) -> Result<Self, ChartError> {
        let row_height = entries.iter().map(|e| e.key.height()).fold(ROW, f64::max);
        let (mut x, mut row) = (0.0, 0);
        let mut placed = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let key = entry.key.width() + entry.key.gap();
            entry.label = text::shorten(&entry.label, width - key, LABEL, Weight::Normal)?;
            let needed = key + text::width(&entry.label, LABEL, Weight::Normal)?;
            if x > 0.0 && x + needed > width {
                (x, row) = (0.0, row + 1);
            }
            placed.push(Placed { x, row, entry });
            x += needed + GAP;
        }
        let rows = if placed.is_empty() { 0 } else { row + 1 };
        Ok(Self { placed, row_height, rows })
    }

    pub fn height(&self) -> f64 {
        self.rows as f64 * self.row_height
    }

    pub fn draw(&self, canvas: &Canvas<'_>, (x, y): (f64, f64)) -> Result<(), ChartError> {
        for Placed { x: offset, row, entry } in &self.placed {
            let left = x + offset;
            let middle = y + (*row as f64 + 0.5) * self.row_height;
            let right = left + entry.key.width();
            match entry.key {
                Key::Line(width) => canvas.horizontal((left, right), middle, width, entry.color)?,
                Key::Dashes => {
                    for part in 0..3 {
                        let start = left + f64::from(part) * 7.5;
                        canvas.horizontal((start, start + 5.0), middle, 1.5, entry.color)?;
                    }
                }
                Key::Square => {
                    canvas.rect(Rect { x: left, y: middle - 5.5, w: 11.0, h: 11.0 }, entry.color)?;
                }
                Key::Disc(radius) => canvas.circle((left + radius, middle), radius, entry.color)?,
                Key::None => {}
            }
            let style = TextStyle::new(LABEL, style::INK, Anchor::Left);
            canvas.text((right + entry.key.gap(), middle + LABEL * 0.36), &entry.label, style)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entries(n: usize) -> Vec<Entry> {
        (0..n).map(|i| Entry { key: Key::Square, color: style::BLUE, label: format!("feature {i}") }).collect()
    }

    #[test]
    fn entries_wrap_and_stay_within_the_width() {
        let legend = Legend::new(entries(7), 200.0).unwrap();
        assert!(legend.rows > 2);
        for placed in &legend.placed {
            let label = text::width(&placed.entry.label, LABEL, Weight::Normal).unwrap();
            assert!(placed.x + 11.0 + KEY_GAP + label <= 200.0);
        }
    }

    #[test]
    fn an_empty_legend_has_no_height() {
        assert_eq!(Legend::new(Vec::new(), 200.0).unwrap().height(), 0.0);
    }
}
