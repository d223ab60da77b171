//! Bars of any width on y = 0.

use super::ChartError;
use super::axis::Axes;
use super::canvas::{Canvas, Rect};
use super::legend::{Entry, Key};
use super::plot::Layer;
use super::style::Color;

/// One bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Value at the left edge.
    pub from: f64,
    /// Value at the right edge.
    pub to: f64,
    /// The height.
    pub height: f64,
}

/// Bars of one colour.
#[derive(Debug, Clone)]
pub struct Bars {
    label: String,
    color: Color,
    bars: Vec<Bar>,
    outlined: bool,
}

/// Bars at least this wide have a gap between them; narrower ones touch.
const MIN_WIDTH_WITH_GAP: f64 = 5.0;

impl Bars {
    /// Solid bars, left to right. With an empty `label` they have no legend entry.
    pub fn new(label: impl Into<String>, color: Color, bars: Vec<Bar>) -> Self {
        Self { label: label.into(), color, bars, outlined: false }
    }

    /// Transparent bars with a solid outline, so that bars of another colour show through.
    pub fn outlined(self) -> Self {
        Self { outlined: true, ..self }
    }

    fn draw_outline(&self, canvas: &Canvas<'_>, axes: &Axes) -> Result<(), ChartError> {
        const STROKE: f64 = 1.5;
        let floor = axes.y_at(0.0);
        let mut level = floor;
        let mut right = None;
        for bar in &self.bars {
            let (left, top) = (axes.x_at(bar.from), axes.y_at(bar.height));
            if right.is_some_and(|r: f64| (r - left).abs() > 0.01) {
                level = floor;
            }
            if (level - top).abs() > 0.01 {
                canvas.polyline(&[(left, level), (left, top)], STROKE, self.color)?;
            }
            let end = axes.x_at(bar.to);
            if bar.height > 0.0 {
                canvas.polyline(&[(left, top), (end, top)], STROKE, self.color)?;
            }
            (level, right) = (top, Some(end));
        }
        match right {
            Some(x) if level < floor => canvas.polyline(&[(x, level), (x, floor)], STROKE, self.color),
            _ => Ok(()),
        }
    }
}

impl Layer for Bars {
    fn extent(&self) -> Vec<(f64, f64)> {
        let ends = self.bars.iter().flat_map(|b| [(b.from, b.height), (b.to, 0.0)]);
        ends.collect()
    }

    fn draw(&self, canvas: &Canvas<'_>, axes: &Axes) -> Result<(), ChartError> {
        let floor = axes.y_at(0.0);
        let fill = if self.outlined { self.color.with_alpha(0.3) } else { self.color };
        for bar in self.bars.iter().filter(|b| b.height > 0.0) {
            let (left, right) = (axes.x_at(bar.from), axes.x_at(bar.to));
            let top = axes.y_at(bar.height);
            let gap = if self.outlined || right - left < MIN_WIDTH_WITH_GAP { 0.0 } else { 1.0 };
            // At least one pixel: a single anomaly in a long log must be visible.
            let w = (right - left - gap).max(if self.outlined { 0.0 } else { 1.0 });
            canvas.rect(Rect { x: left, y: top, w, h: floor - top }, fill)?;
        }
        if self.outlined { self.draw_outline(canvas, axes) } else { Ok(()) }
    }

    fn legend(&self) -> Vec<Entry> {
        if self.label.is_empty() {
            return Vec::new();
        }
        vec![Entry { key: Key::Square, color: self.color, label: self.label.clone() }]
    }
}
