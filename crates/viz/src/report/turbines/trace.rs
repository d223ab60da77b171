//! The second pass over the log: lines, gaps and alarms of the turbines that are drawn.

use super::MOST_PANELS;
use super::survey::TurbineSurvey;
use jiff::Timestamp;
use std::collections::HashMap;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// Columns of the time axis, of which a line keeps the lowest and the highest point: about one for each pixel of the file.
const COLUMNS: usize = 1_600;
/// The least width of an alarm, in columns.
const LEAST_BAND: f64 = 4.0;

/// A point of a line: seconds since 1970, decades.
type Point = (f64, f64);

/// Seconds since 1970, with fractions.
pub fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1_000.0
}

/// The traces of the turbines to draw.
#[derive(Debug, Clone)]
pub struct Traces {
    /// Place of each turbine in `traces`.
    places: HashMap<Option<TurbineId>, usize>,
    traces: Vec<Trace>,
}

/// One turbine over time.
#[derive(Debug, Clone)]
pub struct Trace {
    start: f64,
    /// Seconds of a column.
    width: f64,
    longest_gap: f64,
    columns: Vec<Option<Column>>,
    newest: Option<Timestamp>,
    /// Since when the alarm is on.
    alarm_since: Option<f64>,
    alarms: Vec<(f64, f64)>,
}

/// The points of a column.
#[derive(Debug, Clone, Copy)]
struct Column {
    first: f64,
    last: f64,
    low: Point,
    high: Point,
}

impl Traces {
    /// Empty traces of the turbines that are drawn, over the period of the picture.
    pub fn new(survey: &TurbineSurvey, period: (Timestamp, Timestamp)) -> Self {
        let highest = survey.highest(MOST_PANELS);
        let traces = highest.iter().map(|(_, turbine)| Trace::new(turbine.longest_gap(), period)).collect();
        let places = highest.into_iter().map(|(id, _)| id.clone()).zip(0..).collect();
        Traces { places, traces }
    }

    pub fn add(&mut self, record: &PredictionRecord) {
        if let Some(&place) = self.places.get(&record.turbine_id) {
            self.traces[place].add(record);
        }
    }

    /// The traces, in the order of [`TurbineSurvey::highest`].
    pub fn iter(&self) -> impl Iterator<Item = &Trace> {
        self.traces.iter()
    }
}

impl Trace {
    fn new(longest_gap: f64, (first, last): (Timestamp, Timestamp)) -> Self {
        let start = seconds(first);
        let width = ((seconds(last) - start) / COLUMNS as f64).max(1e-3);
        Trace {
            start,
            width,
            longest_gap: longest_gap.max(width),
            columns: vec![None; COLUMNS + 1],
            newest: None,
            alarm_since: None,
            alarms: Vec::new(),
        }
    }

    fn add(&mut self, record: &PredictionRecord) {
        // Its row repeats the state after a newer reading.
        if self.newest.is_some_and(|newest| record.timestamp <= newest) {
            return;
        }
        self.newest = Some(record.timestamp);
        let at = seconds(record.timestamp);
        match (self.alarm_since, record.watch.in_alarm) {
            (None, true) => self.alarm_since = Some(at),
            (Some(since), false) => {
                self.shade(since, at);
                self.alarm_since = None;
            }
            _ => {}
        }
        let Some(decades) = record.watch.smoothed_surprisal else { return };
        let point = (at, decades);
        let place = (((at - self.start) / self.width) as usize).min(COLUMNS);
        let column = self.columns[place].get_or_insert(Column { first: at, last: at, low: point, high: point });
        column.last = at;
        if decades < column.low.1 {
            column.low = point;
        }
        if decades > column.high.1 {
            column.high = point;
        }
    }

    /// Adds an alarm. Alarms less than a column apart are drawn as one.
    fn shade(&mut self, from: f64, to: f64) {
        match self.alarms.last_mut() {
            Some((_, end)) if from - *end < self.width => *end = to,
            _ => self.alarms.push((from, to)),
        }
    }

    /// The line, of which each column has its lowest and highest point, with a break (NaN) at each gap.
    pub fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        let mut last = None;
        for column in self.columns.iter().flatten() {
            if last.is_some_and(|last| self.is_gap(last, column.first)) {
                points.push((column.first, f64::NAN));
            }
            last = Some(column.last);
            let (low, high) = (column.low, column.high);
            let [earlier, later] = if low.0 <= high.0 { [low, high] } else { [high, low] };
            points.push(earlier);
            if later != earlier {
                points.push(later);
            }
        }
        points
    }

    /// The times without readings, also before the first and after the last one.
    pub fn gaps(&self) -> Vec<(f64, f64)> {
        let readings = self.columns.iter().flatten().map(|column| (column.first, column.last));
        let mut last = self.start;
        let mut gaps = Vec::new();
        for (from, to) in readings.chain([(self.end(), self.end())]) {
            if self.is_gap(last, from) {
                gaps.push((last, from));
            }
            last = to;
        }
        gaps
    }

    fn end(&self) -> f64 {
        self.start + self.width * COLUMNS as f64
    }

    fn is_gap(&self, from: f64, to: f64) -> bool {
        to - from > self.longest_gap
    }

    /// The times in alarm: from the reading that raised it to the one that cleared it, or to the last one; short ones
    /// widened so that they are seen.
    pub fn alarms(&self) -> Vec<(f64, f64)> {
        let still_on = self.alarm_since.zip(self.newest).map(|(since, newest)| (since, seconds(newest)));
        let (least, end) = (self.width * LEAST_BAND, self.end());
        let widened = |(from, to): (f64, f64)| {
            let to = to.max(from + least).min(end);
            (from.min(to - least), to)
        };
        let mut bands: Vec<(f64, f64)> = Vec::new();
        for (from, to) in self.alarms.iter().copied().chain(still_on).map(widened) {
            match bands.last_mut() {
                // Translucent bands would be darker where they overlap.
                Some((_, end)) if from <= *end => *end = end.max(to),
                _ => bands.push((from, to)),
            }
        }
        bands
    }
}

/// A row of the log, of a turbine (`""` = none named), at that second.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub fn record(turbine: &str, second: i64, smoothed_surprisal: Option<f64>, in_alarm: bool) -> PredictionRecord {
    use turbine_core::prediction::{Prediction, Watch};
    PredictionRecord {
        timestamp: Timestamp::from_second(second).unwrap(),
        values: vec![1.0],
        prediction: Prediction { anomaly_score: 0.5, is_anomaly: false },
        turbine_id: (!turbine.is_empty()).then(|| turbine.parse().unwrap()),
        model_version: "m1".into(),
        watch: Watch { surprisal: smoothed_surprisal, smoothed_surprisal, in_alarm },
        gaps: Default::default(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn trace(longest_gap: f64, period: (i64, i64), rows: &[PredictionRecord]) -> Trace {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut trace = Trace::new(longest_gap, (at(period.0), at(period.1)));
        rows.iter().for_each(|row| trace.add(row));
        trace
    }

    #[test]
    fn a_short_line_has_every_point_and_breaks_at_gaps() {
        let rows = [(0, 1.0), (10, 2.0), (20, 1.5), (130, 3.0)].map(|(at, y)| record("T1", at, Some(y), false));
        let trace = trace(100.0, (0, 130), &rows);
        let points = trace.points();
        assert_eq!(points[..3], [(0.0, 1.0), (10.0, 2.0), (20.0, 1.5)]);
        // 110 s are more than 100.
        assert!(points[3].1.is_nan());
        assert_eq!(points[4..], [(130.0, 3.0)]);
        assert_eq!(trace.gaps(), [(20.0, 130.0)]);
    }

    #[test]
    fn silence_before_the_first_and_after_the_last_reading_is_a_gap() {
        let rows = [1_000, 1_060].map(|at| record("T1", at, Some(1.0), false));
        assert_eq!(trace(600.0, (0, 3_200), &rows).gaps(), [(0.0, 1_000.0), (1_060.0, 3_200.0)]);
        assert_eq!(trace(600.0, (500, 1_600), &rows).gaps(), []);
    }

    #[test]
    fn a_long_line_keeps_every_extreme_in_its_order() {
        // 160,000 s of readings a second: 100 a column. One reading is high, one low, in the same column.
        let height = |at: i64| match at {
            500 => 9.0,
            510 => -9.0,
            _ => 1.0,
        };
        let rows: Vec<_> = (0..=160_000).map(|at| record("T1", at, Some(height(at)), false)).collect();
        let points = trace(10.0, (0, 160_000), &rows).points();
        assert!(points.len() <= 2 * (COLUMNS + 1), "{}", points.len());
        let high = points.iter().position(|&point| point == (500.0, 9.0)).unwrap();
        assert_eq!(points[high + 1], (510.0, -9.0));
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(points.iter().all(|point| point.1.is_finite()));
    }

    #[test]
    fn alarms_end_with_the_reading_that_clears_them() {
        let on = [false, true, true, false, false, true, true];
        let rows: Vec<_> = (0..).zip(on).map(|(i, on)| record("T1", 1_000 * i, Some(1.0), on)).collect();
        assert_eq!(trace(1e9, (0, 6_000), &rows).alarms(), [(1_000.0, 3_000.0), (5_000.0, 6_000.0)]);
        // One reading in alarm in 1,600 s, at their beginning or end: four columns of 1 s within them.
        for (at, band) in [(0, (0.0, 4.0)), (1_600, (1_596.0, 1_600.0))] {
            assert_eq!(trace(1e9, (0, 1_600), &[record("T1", at, Some(1.0), true)]).alarms(), [band]);
        }
        // Alarms at 100 s and 102 s: 100 to 104 and 102 to 106, one band.
        let rows =
            [(100, true), (101, false), (102, true), (103, false)].map(|(at, on)| record("T1", at, Some(1.0), on));
        assert_eq!(trace(1e9, (0, 1_600), &rows).alarms(), [(100.0, 106.0)]);
    }

    #[test]
    fn a_reading_that_is_not_newer_is_left_out() {
        let rows = [(5, 1.0, false), (3, 2.0, true), (5, 2.0, true)].map(|(at, y, on)| record("T1", at, Some(y), on));
        let trace = trace(100.0, (0, 10), &rows);
        assert_eq!(trace.points(), [(5.0, 1.0)]);
        assert_eq!(trace.alarms(), []);
    }

    #[test]
    fn a_log_of_one_moment_is_one_point() {
        let trace = trace(f64::INFINITY, (7, 7), &[record("T1", 7, Some(1.0), false)]);
        assert_eq!((trace.points(), trace.gaps()), (vec![(7.0, 1.0)], vec![]));
    }

    #[test]
    fn each_row_goes_to_its_turbine() {
        let rows =
            [record("T1", 0, Some(1.0), false), record("", 1, Some(2.0), false), record("T2", 2, Some(0.1), false)];
        let mut survey = TurbineSurvey::default();
        rows.iter().for_each(|row| survey.add(row));
        let mut traces = Traces::new(&survey, (rows[0].timestamp, rows[2].timestamp));
        rows.iter().for_each(|row| traces.add(row));
        let points: Vec<_> = traces.iter().map(Trace::points).collect();
        assert_eq!(points, [[(1.0, 2.0)], [(0.0, 1.0)], [(2.0, 0.1)]]);
    }
}
