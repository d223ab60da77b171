//! The two pictures of anomalies over time.

use super::Drawing;
use super::counts::{Counts, smooth};
use super::normal::DEVIATIONS;
use crate::chart::style::WHITE;
use crate::chart::{Axis, Band, Bar, Bars, ChartError, Line, Notice, Panel, Picture, Plot, count, grid_columns, style};
use jiff::Timestamp;
use std::ops::Range;
use std::path::Path;

/// Maximum number of features in one plot; with more, each has its own panel.
const MAX_LINES: usize = style::SERIES.len();
/// Maximum number of buckets with a marker on every count.
const MAX_MARKERS: usize = 60;
/// Height of a notice in place of a chart.
const NOTICE: f64 = 100.0;
/// Minimum width of the time axis, in buckets.
const MIN_BUCKETS: usize = 6;

/// Outlying values, a line per feature that has some.
pub fn deviations(drawing: &Drawing, path: &Path) -> Result<(), ChartError> {
    let Drawing { features, shown, counts, normal, .. } = drawing;
    let width = counts.buckets.width();
    let mut picture = Picture::new(format!("Sensors more than {DEVIATIONS} standard deviations from normal"));
    picture.note(covered(drawing));
    picture.note(format!("Normal: mean and standard deviation of {}.", normal.source));
    let (outlying, never): (Vec<usize>, Vec<usize>) = shown.iter().partition(|&&i| counts.n_outliers(i) > 0);
    if outlying.is_empty() {
        let notice = Notice::new("", "No value is that far from normal: there is nothing to draw.");
        picture.row(NOTICE, vec![(1.0, Box::new(notice))]);
        return picture.save(path);
    }
    if !never.is_empty() {
        let names: Vec<&str> = never.iter().map(|&i| features[i].name.as_str()).collect();
        picture.note(format!("Never that far, and not drawn: {}.", names.join(", ")));
    }
    if counts.buckets.len() > 2 {
        let buckets = format!("Thin: counts in each bucket of {width}. Thick: mean of each bucket and its neighbours.");
        picture.note(buckets);
    }
    let label = |i: usize| {
        let (n, share) = (counts.n_outliers(i), share(counts.n_outliers(i), drawing.survey.rows()));
        format!("{}: {} ({share})", features[i].name, count(n))
    };
    let title = format!("readings in {width}");
    if outlying.len() <= MAX_LINES {
        let mut plot = time_plot("", counts, &title);
        for (line, &i) in outlying.iter().enumerate() {
            let offset = line as f64 - (outlying.len() as f64 - 1.0) / 2.0;
            let style = LineStyle { label: &label(i), color: style::SERIES[line], offset, strokes: (2.0, 1.0) };
            add_feature(&mut plot, counts, i, style);
        }
        picture.row(380.0, vec![(1.0, Box::new(plot))]);
    } else {
        picture.note("All panels have the same scale.");
        let most = outlying.iter().flat_map(|&i| counts.outliers(i)).max().copied().unwrap_or(1);
        let panels = outlying.iter().map(|&i| {
            let mut plot = time_plot_to(f64::from(most), &label(i), counts, &title);
            let style = LineStyle { label: "", color: style::BLUE, offset: 0.0, strokes: (1.4, 0.7) };
            add_feature(&mut plot, counts, i, style);
            Box::new(plot) as Box<dyn Panel>
        });
        picture.grid(grid_columns(outlying.len()), 210.0, panels.collect());
    }
    picture.save(path)
}

/// Predicted anomalies, a bar per bucket: how many, and what share of the readings.
pub fn predicted(drawing: &Drawing, path: &Path) -> Result<(), ChartError> {
    let Drawing { counts, survey, .. } = drawing;
    let mut picture = Picture::new("Readings that the model predicted to be anomalies");
    picture.note(covered(drawing));
    if survey.anomalies.rows == 0 {
        let notice = Notice::new("", "No reading was predicted to be an anomaly: there is nothing to draw.");
        picture.row(NOTICE, vec![(1.0, Box::new(notice))]);
        return picture.save(path);
    }
    let buckets = &counts.buckets;
    let bars = |heights: Vec<f64>| {
        let bar = |(i, height)| Bar { from: buckets.start(i), to: buckets.start(i + 1), height };
        Bars::new("", style::VERMILLION, heights.into_iter().enumerate().map(bar).collect())
    };
    let n_anomalies = counts.anomalies().iter().map(|&n| f64::from(n));
    let readings = counts.readings().iter().map(|&n| f64::from(n.max(1)));
    let shares = n_anomalies.clone().zip(readings).map(|(anomalies, readings)| 100.0 * anomalies / readings);
    let width = buckets.width();
    let numbers = time_plot("", counts, &format!("anomalies in {width}")).with(bars(n_anomalies.collect()));
    picture.row(280.0, vec![(1.0, Box::new(numbers))]);
    let axis = Axis::number(format!("% of the readings in {width}")).covering(0.0, 1.0);
    picture.row(200.0, vec![(1.0, Box::new(time_plot_on(axis, "", counts).with(bars(shares.collect()))))]);
    picture.save(path)
}

/// A share in per cent; small ones with more decimals.
fn share(part: u64, all: u64) -> String {
    let share = part as f64 / all as f64 * 100.0;
    if share < 1.0 { format!("{share:.2} %") } else { format!("{share:.1} %") }
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
    time_plot_to(1.0, title, counts, y_title)
}

/// Counts on an axis that reaches at least to `most`.
fn time_plot_to(most: f64, title: &str, counts: &Counts, y_title: &str) -> Plot<'static> {
    time_plot_on(Axis::whole(y_title).covering(0.0, most), title, counts)
}

fn time_plot_on(upright: Axis, title: &str, counts: &Counts) -> Plot<'static> {
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
    Plot::new(title, time, upright).with(Band::new("no readings", spans))
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
    fn small_shares_have_more_decimals() {
        assert_eq!([share(1, 1_000), share(1, 8), share(0, 5)], ["0.10 %", "12.5 %", "0.00 %"]);
    }

    #[test]
    fn an_equal_end_date_is_omitted() {
        let at = |text: &str| text.parse().unwrap();
        let morning = at("2026-03-01T10:02:00Z");
        assert_eq!(period(morning, at("2026-03-01T10:04:59Z")), "1 Mar 2026 10:02 to 10:04");
        assert_eq!(period(morning, at("2026-03-02T09:00:00Z")), "1 Mar 2026 10:02 to 2 Mar 2026 09:00");
    }
}
