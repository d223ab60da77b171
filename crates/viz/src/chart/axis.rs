//! Axes: titles, ranges, ticks, and the mapping from values to pixels.

use super::ChartError;
use super::canvas::{Anchor, Canvas, Rect, TextStyle};
use super::style::{self, TICK};
use super::text::Weight;
use super::ticks::{self, Ticks};
use super::time_ticks::{self, TimeTick};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Whole,
    Time,
}

/// One axis of a [`Plot`](super::Plot): its title (with the unit) and the range it must cover.
#[derive(Debug, Clone)]
pub struct Axis {
    pub(super) title: String,
    kind: Kind,
    covers: Option<(f64, f64)>,
    min_span: f64,
    margin: f64,
}

impl Axis {
    fn new(title: impl Into<String>, kind: Kind) -> Self {
        Self { title: title.into(), kind, covers: None, min_span: 0.0, margin: 0.0 }
    }

    /// A numeric axis.
    pub fn number(title: impl Into<String>) -> Self {
        Self::new(title, Kind::Number)
    }

    /// An axis of whole numbers such as counts, without ticks between them.
    pub fn whole(title: impl Into<String>) -> Self {
        Self::new(title, Kind::Whole)
    }

    /// A time axis: seconds since 1970-01-01T00:00:00Z, labelled with UTC times and dates.
    pub fn time(title: impl Into<String>) -> Self {
        Self::new(title, Kind::Time)
    }

    /// The axis covers at least `low` to `high`; data outside widen it.
    pub fn covering(self, low: f64, high: f64) -> Self {
        Self { covers: Some((low, high)), ..self }
    }

    /// The axis spans at least `min`, so that noise on a flat line is not magnified.
    pub fn spanning(self, min: f64) -> Self {
        Self { min_span: min, ..self }
    }

    /// A margin at both ends, as a share of the data's span.
    pub fn margin(self, share: f64) -> Self {
        Self { margin: share, ..self }
    }

    /// The range of the axis, given the minimum and maximum of its data.
    pub(super) fn range(&self, data: Option<(f64, f64)>) -> (f64, f64) {
        let (mut low, mut high) = match (data, self.covers) {
            (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
            (Some(range), None) | (None, Some(range)) => range,
            (None, None) => (0.0, 1.0),
        };
        let margin = (high - low) * self.margin;
        // No margin beyond the bounds of `covers`, such as 0 and 1 of a share.
        if self.covers.is_none_or(|(min, _)| low < min) {
            low -= margin;
        }
        if self.covers.is_none_or(|(_, max)| high > max) {
            high += margin;
        }
        let min_span = match self.kind {
            Kind::Time | Kind::Whole => self.min_span.max(1.0),
            Kind::Number => self.min_span.max(high.abs().max(low.abs()) * 1e-9).max(1e-12),
        };
        let missing = min_span - (high - low);
        if missing > 0.0 {
            // Grow away from the bounds of `covers`, or in both directions without them.
            match self.covers {
                Some((_, max)) if high <= max && low < max && self.min_span > 0.0 => low -= missing,
                Some(_) => high += missing,
                None if high == low && self.min_span == 0.0 => {
                    let half = if high == 0.0 { 0.5 } else { high.abs() * 0.05 };
                    let half = if self.kind == Kind::Number { half } else { half.max(1.0) };
                    return (low - half, high + half);
                }
                None => {
                    low -= missing / 2.0;
                    high += missing / 2.0;
                }
            }
        }
        (low, high)
    }

    /// The ticks of a vertical axis of `height` pixels, and its range, widened to the outer ticks unless the axis has a
    /// margin.
    pub(super) fn vertical(&self, range: (f64, f64), height: f64) -> (Ticks, (f64, f64)) {
        let max_ticks = (height / 34.0).clamp(2.0, 8.0) as usize;
        let whole = self.kind == Kind::Whole;
        if self.margin > 0.0 {
            return (ticks::ticks(range, max_ticks, whole), range);
        }
        let step = ticks::round_step((range.1 - range.0) / max_ticks as f64, whole);
        let grown = ((range.0 / step + 1e-6).floor() * step, (range.1 / step - 1e-6).ceil() * step);
        (ticks::ticks(grown, ((grown.1 - grown.0) / step).round() as usize, whole), grown)
    }

    /// The ticks of a horizontal axis of `width` pixels: as many as fit without overlapping labels.
    pub(super) fn horizontal(
        &self,
        canvas: &Canvas<'_>,
        range: (f64, f64),
        width: f64,
    ) -> Result<Vec<TimeTick>, ChartError> {
        if self.kind == Kind::Time {
            return Ok(time_ticks::time_ticks(range, width));
        }
        for max_ticks in (2..=10).rev() {
            let ticks = ticks::ticks(range, max_ticks, self.kind == Kind::Whole);
            let room = ticks.step / (range.1 - range.0) * width - 12.0;
            let mut widest: f64 = 0.0;
            for (_, label) in &ticks.marks {
                widest = widest.max(canvas.text_width(label, TICK, Weight::Normal)?);
            }
            if (widest <= room && ticks.marks.len() <= max_ticks + 1) || max_ticks == 2 {
                let plain = |(at, label)| TimeTick { at, label, below: None };
                return Ok(ticks.marks.into_iter().map(plain).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Height of the tick labels below a horizontal axis.
    pub(super) fn label_height(&self) -> f64 {
        if self.kind == Kind::Time { 32.0 } else { 18.0 }
    }
}

/// Maps values to pixels of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axes {
    /// The rectangle between the axes, in logical pixels.
    pub plot: Rect,
    /// Values at the left and right edge.
    pub x: (f64, f64),
    /// Values at the bottom and top edge.
    pub y: (f64, f64),
}

impl Axes {
    /// The pixel of a pair of values; outside the axes, the nearest edge.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x_at(x), self.y_at(y))
    }

    /// The horizontal pixel of `x`.
    pub fn x_at(&self, x: f64) -> f64 {
        self.plot.x + ((x - self.x.0) / (self.x.1 - self.x.0)).clamp(0.0, 1.0) * self.plot.w
    }

    /// The vertical pixel of `y`.
    pub fn y_at(&self, y: f64) -> f64 {
        self.plot.bottom() - ((y - self.y.0) / (self.y.1 - self.y.0)).clamp(0.0, 1.0) * self.plot.h
    }

    /// Grid lines, axis line and tick labels.
    pub(super) fn draw(&self, canvas: &Canvas<'_>, x_ticks: &[TimeTick], y_ticks: &Ticks) -> Result<(), ChartError> {
        let plot = self.plot;
        let right = TextStyle::new(TICK, style::INK, Anchor::Right);
        for (value, label) in &y_ticks.marks {
            let y = self.y_at(*value).round();
            canvas.horizontal((plot.x, plot.right()), y, 1.0, style::GRID)?;
            canvas.text((plot.x - 7.0, y + TICK * 0.36), label, right)?;
        }
        for tick in x_ticks {
            let x = self.x_at(tick.at).round();
            canvas.vertical(x, (plot.y, plot.bottom()), 1.0, style::GRID)?;
            canvas.vertical(x, (plot.bottom(), plot.bottom() + 4.0), 1.0, style::AXIS)?;
            let middle = TextStyle::new(TICK, style::INK, Anchor::Middle);
            canvas.text((x, plot.bottom() + 16.0), &tick.label, middle)?;
            if let Some(below) = &tick.below {
                let muted = TextStyle::new(TICK, style::MUTED, Anchor::Middle);
                let half = canvas.text_width(below, TICK, Weight::Normal)? / 2.0;
                // Keep the wider second line inside the panel.
                let x = x.min(plot.right() + 10.0 - half).max(plot.x - 40.0 + half);
                canvas.text((x, plot.bottom() + 30.0), below, muted)?;
            }
        }
        canvas.horizontal((plot.x, plot.right()), plot.bottom(), 1.0, style::AXIS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_covers_data_and_bounds() {
        assert_eq!(Axis::number("").range(Some((2.0, 3.0))), (2.0, 3.0));
        assert_eq!(Axis::number("").covering(0.0, 1.0).range(Some((0.2, 3.0))), (0.0, 3.0));
        assert_eq!(Axis::number("").range(None), (0.0, 1.0));
        // 10 % of 2 at both ends.
        assert_eq!(Axis::number("").margin(0.1).range(Some((4.0, 6.0))), (3.8, 6.2));
    }

    #[test]
    fn a_single_value_gets_a_range() {
        let (low, high) = Axis::number("").range(Some((20.0, 20.0)));
        assert_eq!((low, high), (19.0, 21.0));
        let (low, high) = Axis::time("").range(Some((1e9, 1e9)));
        assert!(high > low);
        let (low, high) = Axis::whole("").covering(0.0, 0.0).range(Some((0.0, 0.0)));
        assert_eq!((low, high), (0.0, 1.0));
    }

    #[test]
    fn a_flat_score_near_one_is_not_magnified() {
        // The data span 0.01 of at least 0.1: the rest is added below, since 1 is the maximum of F1.
        let (low, high) = Axis::number("F1").covering(0.99, 1.0).spanning(0.1).range(Some((0.99, 1.0)));
        assert!((low - 0.9).abs() < 1e-12 && high == 1.0, "{low} {high}");
    }

    #[test]
    fn vertical_axes_end_on_ticks() {
        // 0..=87 in 200 px: 200 / 34 = 5 ticks, 87 / 5 = 17.4 → 20, grown to 100.
        let (ticks, range) = Axis::number("").vertical((0.0, 87.0), 200.0);
        assert_eq!(range, (0.0, 100.0));
        assert_eq!(ticks.marks.len(), 6);
    }

    #[test]
    fn values_map_to_pixels() {
        let plot = Rect { x: 10.0, y: 20.0, w: 100.0, h: 50.0 };
        let axes = Axes { plot, x: (0.0, 10.0), y: (-1.0, 1.0) };
        assert_eq!(axes.at(5.0, 0.0), (60.0, 45.0));
        assert_eq!(axes.at(99.0, -9.0), (110.0, 70.0));
    }
}
