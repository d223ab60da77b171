//! Lines through points, reference lines, shaded spans and remarks.

use super::ChartError;
use super::axis::Axes;
use super::canvas::{Anchor, Canvas, Rect, TextStyle};
use super::legend::{Entry, Key};
use super::plot::Layer;
use super::style::{self, Color, TICK};
use super::text::Weight;

/// A line through points, from left to right.
#[derive(Debug, Clone)]
pub struct Line {
    label: String,
    color: Color,
    points: Vec<(f64, f64)>,
    width: f64,
    markers: bool,
    filled: bool,
}

impl Line {
    /// A line through `points` (x, y), with a gap where y is NaN. With an empty `label` it has no
    /// legend entry.
    pub fn new(label: impl Into<String>, color: Color, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), color, points, width: 2.0, markers: false, filled: false }
    }

    /// The line with this width in logical pixels.
    pub fn width(self, width: f64) -> Self {
        Self { width, ..self }
    }

    /// The line with a marker on every point.
    pub fn with_markers(self) -> Self {
        Self { markers: true, ..self }
    }

    /// The line with a tinted area down to y = 0.
    pub fn filled(self) -> Self {
        Self { filled: true, ..self }
    }
}

impl Layer for Line {
    fn extent(&self) -> Vec<(f64, f64)> {
        let mut all = self.points.clone();
        if self.filled {
            all.push((f64::NAN, 0.0));
        }
        all
    }

    fn draw(&self, canvas: &Canvas<'_>, axes: &Axes) -> Result<(), ChartError> {
        for run in self.points.split(|(x, y)| !(x.is_finite() && y.is_finite())) {
            let run: Vec<_> = run.iter().map(|&(x, y)| axes.at(x, y)).collect();
            if let (true, [first, ..], [.., last]) = (self.filled, &run[..], &run[..]) {
                let floor = axes.y_at(0.0);
                let corners = [&[(first.0, floor)][..], &run, &[(last.0, floor)]].concat();
                canvas.polygon(&corners, self.color.with_alpha(0.12))?;
            }
            canvas.polyline(&run, self.width, self.color)?;
            if let [alone] = run[..] {
                canvas.circle(alone, self.width * 2.0, self.color)?;
            }
            if self.markers {
                for at in run {
                    canvas.circle(at, self.width * 1.7, self.color)?;
                    canvas.circle(at, self.width * 0.8, style::WHITE)?;
                }
            }
        }
        Ok(())
    }

    fn legend(&self) -> Vec<Entry> {
        entry(Key::Line(self.width), self.color, &self.label)
    }
}

fn entry(key: Key, color: Color, label: &str) -> Vec<Entry> {
    if label.is_empty() { Vec::new() } else { vec![Entry { key, color, label: label.to_owned() }] }
}

/// A dashed reference line across the whole plot.
#[derive(Debug, Clone)]
pub struct Rule {
    label: String,
    from: (f64, f64),
    to: (f64, f64),
}

impl Rule {
    /// A vertical line at `x`.
    pub fn vertical(label: impl Into<String>, x: f64) -> Self {
        Self { label: label.into(), from: (x, f64::NEG_INFINITY), to: (x, f64::INFINITY) }
    }

    /// A straight line between two points.
    pub fn between(label: impl Into<String>, from: (f64, f64), to: (f64, f64)) -> Self {
        Self { label: label.into(), from, to }
    }
}

impl Layer for Rule {
    fn extent(&self) -> Vec<(f64, f64)> {
        vec![self.from, self.to]
    }

    fn draw(&self, canvas: &Canvas<'_>, axes: &Axes) -> Result<(), ChartError> {
        const DASH: f64 = 5.0;
        const GAP: f64 = 3.0;
        let (from, to) = (axes.at(self.from.0, self.from.1), axes.at(self.to.0, self.to.1));
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let along = |d: f64| {
            let share = (d / length).min(1.0);
            (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
        };
        let dashes = (length / (DASH + GAP)).ceil() as usize;
        (0..dashes).try_for_each(|i| {
            let start = i as f64 * (DASH + GAP);
            canvas.polyline(&[along(start), along(start + DASH)], 1.5, style::MUTED)
        })
    }

    fn legend(&self) -> Vec<Entry> {
        entry(Key::Dashes, style::MUTED, &self.label)
    }
}

/// Shaded vertical bands behind the data, such as spans without readings.
#[derive(Debug, Clone)]
pub struct Band {
    label: String,
    spans: Vec<(f64, f64)>,
    color: Color,
    /// Lower and upper edge as shares of the plot's height.
    height: (f64, f64),
    always_in_legend: bool,
}

impl Band {
    /// Shades each span (from, to) of the horizontal axis in grey, over the whole height of the plot.
    pub fn new(label: impl Into<String>, spans: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), spans, color: SHADED, height: (0.0, 1.0), always_in_legend: false }
    }

    /// The band in this colour.
    pub fn colored(self, color: Color) -> Self {
        Self { color, ..self }
    }

    /// The band as a strip between two shares of the plot's height, 0 = bottom, 1 = top, so that it can lie over other
    /// bands without hiding them.
    pub fn between(self, lower: f64, upper: f64) -> Self {
        Self { height: (lower, upper), ..self }
    }

    /// The band with a legend entry also if it has no span: for the first of several plots, whose legend explains all.
    pub fn always_in_legend(self) -> Self {
        Self { always_in_legend: true, ..self }
    }
}

impl Layer for Band {
    fn extent(&self) -> Vec<(f64, f64)> {
        self.spans.iter().flat_map(|&(from, to)| [(from, f64::NAN), (to, f64::NAN)]).collect()
    }

    fn draw(&self, canvas: &Canvas<'_>, axes: &Axes) -> Result<(), ChartError> {
        self.spans.iter().try_for_each(|&(from, to)| {
            let (left, right) = (axes.x_at(from), axes.x_at(to));
            // Do not cover the axis line.
            let room = axes.plot.h - 0.5;
            let (lower, upper) = self.height;
            let (y, h) = (axes.plot.y + room * (1.0 - upper), room * (upper - lower));
            canvas.rect(Rect { x: left, y, w: right - left, h }, self.color)
        })
    }

    fn legend(&self) -> Vec<Entry> {
        let label = if self.spans.is_empty() && !self.always_in_legend { "" } else { &self.label };
        entry(Key::Square, self.color, label)
    }
}

const SHADED: Color = Color::rgb(0xED, 0xED, 0xED);

/// A remark inside the plot, in its lower right corner.
#[derive(Debug, Clone)]
pub struct Remark(String);

impl Remark {
    /// A short remark, such as the area under the curve.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Layer for Remark {
    fn extent(&self) -> Vec<(f64, f64)> {
        Vec::new()
    }

    fn draw(&self, canvas: &Canvas<'_>, axes: &Axes) -> Result<(), ChartError> {
        let at = (axes.plot.right() - 10.0, axes.plot.bottom() - 12.0);
        let width = canvas.text_width(&self.0, TICK + 1.0, Weight::Bold)?;
        let background = Rect { x: at.0 - width - 5.0, y: at.1 - 14.0, w: width + 10.0, h: 20.0 };
        canvas.rect(background, style::WHITE.with_alpha(0.85))?;
        canvas.text(at, &self.0, TextStyle::new(TICK + 1.0, style::INK, Anchor::Right).bold()).map(|_| ())
    }

    fn legend(&self) -> Vec<Entry> {
        Vec::new()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Picture, Plot};
    use std::fs::File;
    use std::io::BufReader;

    /// How many pixels of a picture with this band have exactly its colour, and the row of the first.
    fn painted(band: Band, color: Color) -> (usize, usize) {
        let axis = || Axis::number("").covering(0.0, 10.0);
        let mut picture = Picture::new("");
        picture.row(200.0, vec![(1.0, Box::new(Plot::new("", axis(), axis()).with(band)))]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("band.png");
        picture.save(&path).unwrap();
        let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let is_painted = |pixel: &[u8]| pixel == color.rgb;
        let count = pixels.chunks_exact(3).filter(|pixel| is_painted(pixel)).count();
        let first = pixels.chunks_exact(3).position(is_painted).unwrap();
        (count, first / reader.info().width as usize)
    }

    #[test]
    fn a_strip_has_its_share_of_the_height_and_its_colour() {
        let band = || Band::new("", vec![(2.0, 4.0), (6.0, 7.0)]).colored(style::VERMILLION);
        let (whole, top) = painted(band(), style::VERMILLION);
        let (strip, below) = painted(band().between(0.25, 0.5), style::VERMILLION);
        // A quarter of the height, from half way down; its two edges may be blended.
        assert!((strip as f64 / whole as f64 - 0.25).abs() < 0.02, "{strip} of {whole}");
        // The plot is about 150 logical pixels high, 300 of the file.
        assert!((100..200).contains(&(below - top)), "{top} {below}");
    }

    #[test]
    fn a_band_without_spans_has_a_legend_entry_only_if_asked_for() {
        let entries = |band: Band| band.legend().len();
        assert_eq!(entries(Band::new("alarm", vec![(1.0, 2.0)])), 1);
        assert_eq!(entries(Band::new("alarm", vec![])), 0);
        assert_eq!(entries(Band::new("alarm", vec![]).always_in_legend()), 1);
        assert_eq!(entries(Band::new("", vec![(1.0, 2.0)]).always_in_legend()), 0);
    }
}
