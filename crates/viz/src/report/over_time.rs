//! The two pictures of anomalies over time.

use super::Drawing;
use super::counts::{Counts, smooth};
use super::normal::DEVIATIONS;
use crate::chart::style::WHITE;
use crate::chart::{Axis, Band, Bar, Bars, ChartError, Line, Panel, Picture, Plot, count, grid_columns, style};
use jiff::Timestamp;
use std::ops::Range;
use std::path::Path;

/// Maximum number of features in one plot; with more, each has its own panel.
const MAX_LINES: usize = style::SERIES.len();
/// Maximum number of buckets with a marker on every count.
const MAX_MARKERS: usize = 60;
/// Minimum width of the time axis, in buckets.
const MIN_BUCKETS: usize = 6;

/// Outlying values, a line per feature.
pub fn deviations(drawing: &Drawing, path: &Path) -> Result<(), ChartError> {
    let Drawing { features, counts, normal, .. } = drawing;
    let width = counts.buckets.width();
    let mut picture = Picture::new(format!("Readings more than {DEVIATIONS} standard deviations from normal"));
    picture.note(covered(drawing));
    picture.note(format!("Normal: mean and standard deviation of {}.", normal.source));
    if counts.buckets.len() > 2 {
        let buckets = format!("Thin: counts in each bucket of {width}. Thick: mean of each bucket and its neighbours.");
        picture.note(buckets);
    }
    let title = format!("readings in {width}");
    if features.len() <= MAX_LINES {
        let mut plot = time_plot("", counts, &title);
        for (i, name) in features.names().enumerate() {
            let offset = i as f64 - (features.len() as f64 - 1.0) / 2.0;
            let strokes = (2.0, 1.0);
            add_feature(&mut plot, counts, i, LineStyle { label: name, color: style::SERIES[i], offset, strokes });
        }
        picture.row(380.0, vec![(1.0, Box::new(plot))]);
    } else {
        let panels = features.names().enumerate().map(|(i, name)| {
            let mut plot = time_plot(name, counts, &title);
            add_feature(
                &mut plot,
                counts,
                i,
                LineStyle { label: "", color: style::BLUE, offset: 0.0, strokes: (1.4, 0.7) },
            );
            Box::new(plot) as Box<dyn Panel>
        });
        picture.grid(grid_columns(features.len()), 210.0, panels.collect());
    }
    picture.save(path)
}

/// Predicted anomalies, a bar per bucket.
pub fn predicted(drawing: &Drawing, path: &Path) -> Result<(), ChartError> {
    let Drawing { counts, .. } = drawing;
    let buckets = &counts.buckets;
    let bar = |(i, &n): (usize, &u32)| Bar { from: buckets.start(i), to: buckets.start(i + 1), height: f64::from(n) };
    let bars = counts.anomalies().iter().enumerate().map(bar).collect();
    let plot = time_plot("", counts, &format!("anomalies in {}", buckets.width())).with(Bars::new(
        "predicted anomalies",
        style::VERMILLION,
        bars,
    ));
    let mut picture = Picture::new("Predicted anomalies over time");
    picture.note(covered(drawing));
    picture.row(340.0, vec![(1.0, Box::new(plot))]);
    picture.save(path)
}

/// What the pictures cover, in a sentence.
pub fn covered(drawing: &Drawing) -> String {
    let survey = &drawing.survey;
    let (rows, anomalies) = (count(survey.rows()), count(survey.anomalies.rows));
    let share = survey.anomalies.rows as f64 / survey.rows() as f64 * 100.0;
    let period = survey.span().map_or_else(String::new, |(first, last)| format!(", {} UTC", period(first, last)));
    format!("{rows} readings, {anomalies} ({share:.2} %) predicted anomalous{period}.")
}

/// A period; the second date is omitted if it equals the first.
fn period(first: Timestamp, last: Timestamp) -> String {
    let date = |at: Timestamp| at.strftime("%-d %b %Y").to_string();
    let end_date = if date(first) == date(last) { String::new() } else { date(last) + " " };
    format!("{} {} to {end_date}{}", date(first), first.strftime("%H:%M"), last.strftime("%H:%M"))
}

fn time_plot(title: &str, counts: &Counts, y_title: &str) -> Plot<'static> {
    let buckets = &counts.buckets;
    let (first, last) = (buckets.start(0), buckets.start(buckets.len()));
    // A single bucket would otherwise fill the whole plot.
    let padding = MIN_BUCKETS.saturating_sub(buckets.len()).div_ceil(2) as f64 * buckets.width().seconds() as f64;
    let time = Axis::time("time (UTC)").covering(first - padding, last + padding);
    let span = |run: Range<usize>| (buckets.start(run.start), buckets.start(run.end));
    let mut spans: Vec<(f64, f64)> = counts.gaps().into_iter().map(span).collect();
    if padding > 0.0 {
        spans.extend([(first - padding, first), (last, last + padding)]);
    }
    Plot::new(title, time, Axis::whole(y_title).covering(0.0, 1.0)).with(Band::new("no readings", spans))
}

/// The style of a feature's lines.
struct LineStyle<'a> {
    label: &'a str,
    color: style::Color,
    /// Horizontal offset that separates the lines of features with equal counts; used if there are few buckets.
    offset: f64,
    /// Widths of the line of averages and the line of counts.
    strokes: (f64, f64),
}

fn add_feature(plot: &mut Plot<'_>, counts: &Counts, i: usize, style: LineStyle<'_>) {
    let buckets = &counts.buckets;
    let few = buckets.len() <= MAX_MARKERS;
    let shift = if few { style.offset * 0.12 * buckets.width().seconds() as f64 } else { 0.0 };
    let mut heights: Vec<f64> = counts.outliers(i).iter().map(|&n| f64::from(n)).collect();
    for run in counts.gaps() {
        heights[run].fill(f64::NAN);
    }
    let points = |heights: Vec<f64>| -> Vec<(f64, f64)> {
        heights.into_iter().enumerate().map(|(i, height)| (buckets.middle(i) + shift, height)).collect()
    };
    let smoothed = smooth(&heights);
    let measured = Line::new("", WHITE.blend(style.color, 0.45), points(heights)).width(style.strokes.1);
    plot.push(if few { measured.with_markers() } else { measured });
    plot.push(Line::new(style.label, style.color, points(smoothed)).width(style.strokes.0));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_end_date_is_omitted() {
        let at = |text: &str| text.parse().unwrap();
        let morning = at("2026-03-01T10:02:00Z");
        assert_eq!(period(morning, at("2026-03-01T10:04:59Z")), "1 Mar 2026 10:02 to 10:04");
        assert_eq!(period(morning, at("2026-03-02T09:00:00Z")), "1 Mar 2026 10:02 to 2 Mar 2026 09:00");
    }
}
