//! The first pass over the log: its period, and the moments of its readings.

use jiff::Timestamp;
use turbine_core::prediction::PredictionRecord;

/// The period to draw, from `from` (included) to `to` (excluded).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl Period {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

/// Mean and variance of each feature, updated reading by reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    pub rows: u64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn new(n_features: usize) -> Self {
        Self { rows: 0, mean: vec![0.0; n_features], squares: vec![0.0; n_features] }
    }

    /// Welford's update, which avoids cancellation.
    fn add(&mut self, values: &[f64]) {
        self.rows += 1;
        for (i, value) in values.iter().enumerate() {
            let before = value - self.mean[i];
            self.mean[i] += before / self.rows as f64;
            self.squares[i] += before * (value - self.mean[i]);
        }
    }

    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Population standard deviations.
    pub fn std(&self) -> Vec<f64> {
        self.squares.iter().map(|s| (s / self.rows.max(1) as f64).sqrt()).collect()
    }
}

/// Period, counts and moments of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    period: Period,
    /// Valid rows, inside and outside the period.
    pub records: usize,
    /// Valid rows outside the period.
    pub outside: u64,
    /// Invalid lines.
    pub skipped: u64,
    /// First and last time of all valid rows.
    pub covered: Option<(Timestamp, Timestamp)>,
    span: Option<(Timestamp, Timestamp)>,
    /// Readings in the period that were predicted normal.
    pub normals: Moments,
    /// Readings in the period that were predicted anomalous.
    pub anomalies: Moments,
}

impl Survey {
    pub fn new(n_features: usize, period: Period) -> Self {
        let moments = || Moments::new(n_features);
        Self {
            period,
            records: 0,
            outside: 0,
            skipped: 0,
            covered: None,
            span: None,
            normals: moments(),
            anomalies: moments(),
        }
    }

    pub fn add(&mut self, record: &PredictionRecord) {
        self.records += 1;
        widen(&mut self.covered, record.timestamp);
        if !self.period.contains(record.timestamp) {
            self.outside += 1;
            return;
        }
        widen(&mut self.span, record.timestamp);
        let class = if record.prediction.is_anomaly { &mut self.anomalies } else { &mut self.normals };
        class.add(&record.values);
    }

    /// Rows in the period.
    pub fn rows(&self) -> u64 {
        self.normals.rows + self.anomalies.rows
    }

    /// First and last time in the period.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }
}

/// Rows need not be in order: several turbines may send, or recorded readings be replayed.
fn widen(span: &mut Option<(Timestamp, Timestamp)>, at: Timestamp) {
    *span = Some(span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use turbine_core::prediction::{Prediction, Watch};

    fn record(second: i64, value: f64, is_anomaly: bool) -> PredictionRecord {
        PredictionRecord {
            timestamp: Timestamp::from_second(second).unwrap(),
            values: vec![value],
            prediction: Prediction { anomaly_score: 0.5, is_anomaly },
            turbine_id: None,
            model_version: "".into(),
            watch: Watch::default(),
            gaps: Default::default(),
        }
    }

    #[test]
    fn moments_are_those_of_normal_readings() {
        let mut survey = Survey::new(1, Period { from: None, to: None });
        for (second, value, is_anomaly) in [(30, 2.0, false), (10, 4.0, false), (20, 99.0, true), (40, 9.0, false)] {
            survey.add(&record(second, value, is_anomaly));
        }
        // Mean of 2, 4, 9: 5. Squares: 9 + 1 + 16 = 26, 26 / 3.
        assert_eq!(survey.normals.mean(), [5.0]);
        assert!((survey.normals.std()[0] - (26.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((survey.rows(), survey.anomalies.rows), (4, 1));
        let (first, last) = survey.span().unwrap();
        assert_eq!((first.as_second(), last.as_second()), (10, 40));
    }

    #[test]
    fn the_period_includes_its_start_and_excludes_its_end() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let mut survey = Survey::new(1, Period { from: at(10), to: at(20) });
        (9..=20).for_each(|second| survey.add(&record(second, 1.0, false)));
        assert_eq!((survey.rows(), survey.outside, survey.records), (10, 2, 12));
    }
}
