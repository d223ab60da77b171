//! Bubble charts: points whose area is a third value.

use super::ChartError;
use super::axis::Axes;
use super::canvas::Canvas;
use super::legend::{Entry, Key};
use super::plot::Layer;
use super::style::{self, Color};
use super::ticks;

/// One point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bubble {
    /// Horizontal value.
    pub x: f64,
    /// Vertical value.
    pub y: f64,
    /// Value shown by the area.
    pub size: f64,
}

/// Maps a value to a bubble's area: linear from `low` to `high`, constant outside.
#[derive(Debug, Clone)]
pub struct SizeScale {
    /// Name of the value with its unit; empty if all bubbles are equal.
    title: String,
    low: f64,
    high: f64,
    radii: (f64, f64),
}

impl SizeScale {
    /// The scale for `sizes`, from their 2nd to their 98th percentile, so that outliers do not shrink
    /// all other bubbles to dots.
    pub fn new(title: impl Into<String>, sizes: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = sizes.filter(|s| s.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted.get((sorted.len().saturating_sub(1) as f64 * share).round() as usize);
        let (low, high) = match (at(0.02), at(0.98)) {
            (Some(low), Some(high)) => (*low, *high),
            _ => (0.0, 1.0),
        };
        Self { title: title.into(), low, high, radii: radii(sorted.len()) }
    }

    /// `n` bubbles of equal size.
    pub fn equal(n: usize) -> Self {
        Self { title: String::new(), low: 0.0, high: 0.0, radii: radii(n) }
    }

    fn radius(&self, size: f64) -> f64 {
        let (small, large) = self.radii;
        if self.high <= self.low {
            return (small + large) / 3.0;
        }
        let share = ((size - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        (small * small + (large * large - small * small) * share).sqrt()
    }

    /// Legend entries: the name of the value, then a small, a medium and a large bubble.
    fn entries(&self) -> Vec<Entry> {
        if self.title.is_empty() || self.high <= self.low {
            return Vec::new();
        }
        let step = ticks::round_step((self.high - self.low) / 20.0, false);
        let entry = |value: f64| {
            let value = (value / step).round() * step;
            Entry { key: Key::Disc(self.radius(value)), color: style::AXIS, label: ticks::number(value, step) }
        };
        let title = Entry { key: Key::None, color: style::INK, label: format!("area: {}", self.title) };
        let sizes = [self.low, (self.low + self.high) / 2.0, self.high].map(entry);
        [title].into_iter().chain(sizes).collect()
    }
}

/// Minimum and maximum radius of `n` bubbles; fewer are larger.
fn radii(n: usize) -> (f64, f64) {
    match n {
        0..=1_000 => (2.0, 9.0),
        1_001..=5_000 => (1.5, 6.0),
        _ => (1.0, 4.0),
    }
}

/// Opacity of `n` bubbles, at which dense regions remain distinguishable.
fn opacity(n: usize) -> f64 {
    match n {
        0..=200 => 0.75,
        201..=1_000 => 0.45,
        1_001..=5_000 => 0.22,
        _ => 0.12,
    }
}

/// Bubbles of one colour.
#[derive(Debug, Clone)]
pub struct Bubbles<'a> {
    label: String,
    color: Color,
    bubbles: &'a [Bubble],
    scale: SizeScale,
    min_opacity: f64,
    legend_sizes: bool,
}

impl<'a> Bubbles<'a> {
    /// Bubbles sized by `scale`; the more bubbles, the more transparent.
    pub fn new(label: impl Into<String>, color: Color, bubbles: &'a [Bubble], scale: &SizeScale) -> Self {
        Self { label: label.into(), color, bubbles, scale: scale.clone(), min_opacity: 0.0, legend_sizes: false }
    }

    /// Bubbles that stand out from those below them: with a minimum opacity.
    pub fn emphasised(self) -> Self {
        Self { min_opacity: 0.6, ..self }
    }

    /// The legend also explains the sizes; for the last group of a plot.
    pub fn explaining_sizes(self) -> Self {
        Self { legend_sizes: true, ..self }
    }
}

impl Layer for Bubbles<'_> {
    fn extent(&self) -> Vec<(f64, f64)> {
        self.bubbles.iter().map(|b| (b.x, b.y)).collect()
    }

    fn draw(&self, canvas: &Canvas<'_>, axes: &Axes) -> Result<(), ChartError> {
        let fill = self.color.with_alpha(opacity(self.bubbles.len()).max(self.min_opacity));
        self.bubbles
            .iter()
            .filter(|b| b.x.is_finite() && b.y.is_finite())
            .try_for_each(|bubble| canvas.circle(axes.at(bubble.x, bubble.y), self.scale.radius(bubble.size), fill))
    }

    fn legend(&self) -> Vec<Entry> {
        let group = Entry { key: Key::Disc(5.0), color: self.color, label: self.label.clone() };
        let sizes = if self.legend_sizes { self.scale.entries() } else { Vec::new() };
        [group].into_iter().chain(sizes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_is_linear() {
        let scale = SizeScale { title: "s".into(), low: 0.0, high: 10.0, radii: (2.0, 8.0) };
        // Half way, the squared radius is (4 + 64) / 2 = 34.
        assert!((scale.radius(5.0) - 34f64.sqrt()).abs() < 1e-12);
        assert_eq!((scale.radius(-3.0), scale.radius(99.0)), (2.0, 8.0));
    }

    #[test]
    fn an_outlier_does_not_shrink_the_others() {
        let sizes = (0..100).map(f64::from).chain([1e6]);
        let scale = SizeScale::new("s", sizes);
        // 101 values: the 98th percentile is the value at index 98.
        assert_eq!((scale.low, scale.high), (2.0, 98.0));
    }

    #[test]
    fn equal_sizes_need_no_legend() {
        assert!(SizeScale::equal(10).entries().is_empty());
        assert!(SizeScale::new("s", [4.0, 4.0].into_iter()).entries().is_empty());
        assert_eq!(SizeScale::new("s", [1.0, 9.0].into_iter()).entries().len(), 4);
    }

    #[test]
    fn more_bubbles_are_smaller_and_fainter() {
        let sizes = [10, 500, 3_000, 100_000];
        assert!(sizes.windows(2).all(|n| radii(n[1]).1 <= radii(n[0]).1 && opacity(n[1]) < opacity(n[0])));
    }
}
