//! The recording with its labelled events, the smoothed surprisal and the alarms over time.

use crate::comparison::Entry;
use crate::recording::{Recording, Turbine};
use crate::replay::Judged;
use crate::table;
use jiff::Timestamp;
use std::path::Path;
use turbine_core::model::Model;
use turbine_core::monitor::AlarmRule;
use viz::chart::{Axis, Band, ChartError, Line, Picture, Plot, Rule, count, style};

/// More turbines than this are not drawn.
const MOST_PANELS: usize = 12;
/// A band is at least this share of the time axis wide, so that a short alarm in a long recording is seen.
const LEAST_BAND: f64 = 0.002;
/// The strip of alarms, as shares of the plot's height; the line stays below it.
const STRIP: (f64, f64) = (0.95, 1.0);
/// Columns into which a line is thinned: about two for each pixel of the file.
const COLUMNS: usize = 1_600;

/// What to draw.
#[derive(Debug, Clone, Copy)]
pub struct Drawing<'a> {
    /// The name of the recording.
    pub source: &'a str,
    /// The recording.
    pub recording: &'a Recording,
    /// What the model made of it, one list a turbine.
    pub judged: &'a [Vec<Judged>],
    /// The model.
    pub model: &'a Model,
    /// The comparison, the model's line first.
    pub entries: &'a [Entry],
}

/// Draws the picture and saves it as `path`.
///
/// # Errors
/// If it cannot be drawn or written.
pub fn draw(drawing: Drawing<'_>, path: &Path) -> Result<(), ChartError> {
    let Drawing { source, recording, judged, model, entries } = drawing;
    let mut picture = Picture::new("Alarms against labelled faults");
    picture.note(format!(
        "{source}: {} readings, replayed by the model {}.",
        count(recording.len() as u64),
        model.version()
    ));
    let mut order: Vec<usize> = (0..recording.turbines.len()).collect();
    // Stable: of the others the first ones of the file.
    order.sort_by_key(|&t| !recording.turbines[t].labels.contains(&true));
    if order.len() > MOST_PANELS {
        picture.note(format!(
            "{MOST_PANELS} of {} turbines are drawn, those with labelled faults first.",
            count(order.len() as u64)
        ));
        order.truncate(MOST_PANELS);
    }
    let times = order.iter().flat_map(|&t| recording.turbines[t].times.iter().map(|&time| seconds(time)));
    let (start, end) = times.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    let interval = recording.typical_interval().unwrap_or(0.0);
    let alarm = model.monitor().settings().alarm;
    let scores = order.iter().flat_map(|&t| judged[t].iter().map(|judged| judged.verdict().score));
    let highest = scores.fold(alarm.map_or(0.0, |alarm| alarm.raise_above), f64::max);
    let height = if order.len() == 1 { 380.0 } else { 220.0 };
    for t in order {
        let (turbine, judged) = (&recording.turbines[t], &judged[t][..]);
        let panel = Panel { turbine, judged, model, interval, period: (start, end), highest };
        picture.row(height, vec![(1.0, Box::new(panel.plot()))]);
    }
    let table = table::chart(entries);
    picture.row(table.height(), vec![(1.0, Box::new(table))]);
    picture.save(path)
}

/// One turbine over time.
struct Panel<'a> {
    turbine: &'a Turbine,
    judged: &'a [Judged],
    model: &'a Model,
    /// Typical seconds between readings.
    interval: f64,
    /// The times that the axis covers, as seconds since 1970.
    period: (f64, f64),
    /// What the upright axis covers: the same for all turbines, so that they can be compared.
    highest: f64,
}

impl Panel<'_> {
    fn plot(&self) -> Plot<'static> {
        let (start, end) = self.period;
        let (line, unit) = match self.model.detector().is_calibrated() {
            true => ("smoothed surprisal", "surprisal (decades)"),
            false => ("anomaly score", ""),
        };
        let y = Axis::number(unit).covering(0.0, self.highest / (STRIP.0 - 0.02));
        let mut plot = Plot::new(self.turbine.name.clone(), Axis::time("time (UTC)").covering(start, end), y);
        let faults = self.spans(|i| self.turbine.labels[i]);
        plot.push(Band::new("labelled fault", faults).colored(style::WHITE.blend(style::ORANGE, 0.28)));
        plot.push(Line::new(line, style::BLUE, self.points()).width(1.2));
        if let Some(AlarmRule { raise_above, .. }) = self.model.monitor().settings().alarm {
            let (from, to) = ((f64::NEG_INFINITY, raise_above), (f64::INFINITY, raise_above));
            plot.push(Rule::between(format!("alarm threshold {raise_above:.2}"), from, to));
            let alarms = self.spans(|i| self.judged[i].in_alarm);
            plot.push(Band::new("alarm", alarms).colored(style::VERMILLION).between(STRIP.0, STRIP.1));
        }
        plot
    }

    /// The times from the first to the last reading of each run for which `is_in` is true, until the next is due.
    fn spans(&self, is_in: impl Fn(usize) -> bool) -> Vec<(f64, f64)> {
        let places: Vec<usize> = (0..self.judged.len()).collect();
        let least = (self.period.1 - self.period.0) * LEAST_BAND;
        let runs = places.chunk_by(|&a, &b| is_in(a) == is_in(b)).filter(|run| is_in(run[0]));
        runs.map(|run| {
            let [from, to] = [run[0], run[run.len() - 1]].map(|i| seconds(self.turbine.times[i]));
            (from, (to + self.interval).max(from + least).min(self.period.1.max(from)))
        })
        .collect()
    }

    /// The line, broken where smoothing started anew.
    fn points(&self) -> Vec<(f64, f64)> {
        let mut points = Vec::with_capacity(self.judged.len());
        for (judged, &time) in self.judged.iter().zip(&self.turbine.times) {
            let at = seconds(time);
            if judged.restarted {
                points.push((at, f64::NAN));
            }
            points.push((at, judged.verdict().score));
        }
        thin(points, self.period)
    }
}

fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1_000.0
}

/// The lowest and highest point of each column of the picture, in their order; breaks stay.
fn thin(points: Vec<(f64, f64)>, (start, end): (f64, f64)) -> Vec<(f64, f64)> {
    if points.len() <= 2 * COLUMNS {
        return points;
    }
    let column = |at: f64| ((at - start) / (end - start) * COLUMNS as f64) as usize;
    let mut thinned = Vec::with_capacity(3 * COLUMNS);
    for run in points.chunk_by(|a, b| column(a.0) == column(b.0) && a.1.is_nan() == b.1.is_nan()) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [run.iter().min_by(by_height), run.iter().max_by(by_height)].map(|point| point.copied());
        if let [Some(low), Some(high)] = ends {
            let (first, last) = if low.0 <= high.0 { (low, high) } else { (high, low) };
            thinned.push(first);
            thinned.extend((first != last && !last.1.is_nan()).then_some(last));
        }
    }
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_line_keeps_peaks_and_breaks() {
        let n = 40 * COLUMNS;
        let mut points: Vec<(f64, f64)> = (0..n).map(|i| (i as f64, f64::from(u8::from(i == 12_345)))).collect();
        points[30_000].1 = f64::NAN;
        let thinned = thin(points, (0.0, (n - 1) as f64));
        assert!(thinned.len() <= 2 * COLUMNS + 4, "{}", thinned.len());
        assert!(thinned.contains(&(12_345.0, 1.0)));
        assert_eq!(thinned.iter().filter(|(_, y)| y.is_nan()).count(), 1);
        assert!(thinned.is_sorted_by(|a, b| a.0 <= b.0));
        assert_eq!(thin(vec![(0.0, 1.0), (1.0, 2.0)], (0.0, 1.0)), [(0.0, 1.0), (1.0, 2.0)]);
    }
}
