//! Plots: a panel with two axes and any number of layers.

use super::ChartError;
use super::axis::{Axes, Axis};
use super::canvas::{Anchor, Canvas, Rect, TextStyle};
use super::legend::{Entry, Legend};
use super::picture::{Panel, panel_title};
use super::style::{self, LABEL, TICK};
use super::text::{self, Weight};

/// Data drawn between the axes of a [`Plot`].
pub trait Layer {
    /// The values that the axes must cover, as (x, y); NaN = no constraint.
    fn extent(&self) -> Vec<(f64, f64)>;
    #[doc(hidden)]
    fn draw(&self, canvas: &Canvas<'_>, axes: &Axes) -> Result<(), ChartError>;
    #[doc(hidden)]
    fn legend(&self) -> Vec<Entry>;
}

/// A panel with a horizontal and a vertical axis.
pub struct Plot<'a> {
    title: String,
    x: Axis,
    y: Axis,
    layers: Vec<Box<dyn Layer + 'a>>,
}

impl<'a> Plot<'a> {
    /// An empty plot.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, layers: Vec::new() }
    }

    /// The plot with another layer on top.
    pub fn with(mut self, layer: impl Layer + 'a) -> Self {
        self.push(layer);
        self
    }

    /// Adds a layer on top.
    pub fn push(&mut self, layer: impl Layer + 'a) {
        self.layers.push(Box::new(layer));
    }

    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let (mut x, mut y) = (None, None);
        for (a, b) in self.layers.iter().flat_map(|layer| layer.extent()) {
            widen(&mut x, a);
            widen(&mut y, b);
        }
        (self.x.range(x), self.y.range(y))
    }
}

fn widen(range: &mut Option<(f64, f64)>, value: f64) {
    if value.is_finite() {
        *range = Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
    }
}

impl Panel for Plot<'_> {
    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<(), ChartError> {
        let area = panel_title(canvas, area, &self.title)?;
        let legend = Legend::new(self.layers.iter().flat_map(|l| l.legend()).collect(), area.w)?;
        legend.draw(canvas, (area.x, area.y))?;
        let area = area.below(legend.height() + 16.0);
        let label = TextStyle::new(LABEL, style::MUTED, Anchor::Left);
        let y_title = text::shorten(&self.y.title, area.w, LABEL, Weight::Normal)?;
        canvas.text((area.x, area.y - 3.0), &y_title, label)?;

        let (x_range, y_range) = self.ranges();
        let below = self.x.label_height() + if self.x.title.is_empty() { 0.0 } else { 18.0 };
        let plot = Rect { y: area.y + 8.0, h: (area.h - below - 8.0).max(20.0), ..area };
        let (y_ticks, y_range) = self.y.vertical(y_range, plot.h);
        let mut gutter: f64 = 0.0;
        for (_, label) in &y_ticks.marks {
            gutter = gutter.max(canvas.text_width(label, TICK, Weight::Normal)?);
        }
        // 14 pixels on the right for half of the last tick's label.
        let gutter = (gutter + 8.0).ceil();
        let plot = Rect { x: area.x + gutter, w: (area.w - gutter - 14.0).max(20.0), ..plot };
        let x_ticks = self.x.horizontal(canvas, x_range, plot.w)?;
        let axes = Axes { plot, x: x_range, y: y_range };
        axes.draw(canvas, &x_ticks, &y_ticks)?;
        let title = text::shorten(&self.x.title, area.w, LABEL, Weight::Normal)?;
        let middle = TextStyle { anchor: Anchor::Middle, ..label };
        canvas.text((plot.x + plot.w / 2.0, plot.bottom() + below - 3.0), &title, middle)?;
        self.layers.iter().try_for_each(|layer| layer.draw(canvas, &axes))
    }
}
