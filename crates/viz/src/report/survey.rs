//! The first pass over the log: which readings are drawn, their period and their moments.

use jiff::Timestamp;
use std::collections::BTreeSet;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// The readings to draw: from `from` (included) to `to` (excluded), of `turbines`, or of all if none is named.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub turbines: Vec<TurbineId>,
}

impl Selection {
    pub fn contains(&self, record: &PredictionRecord) -> bool {
        self.is_of_its_turbines(record) && self.is_in_its_period(record)
    }

    fn is_of_its_turbines(&self, record: &PredictionRecord) -> bool {
        self.turbines.is_empty() || record.turbine_id.as_ref().is_some_and(|id| self.turbines.contains(id))
    }

    fn is_in_its_period(&self, record: &PredictionRecord) -> bool {
        let at = record.timestamp;
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
    selection: Selection,
    /// Valid rows, selected or not.
    pub records: usize,
    /// Valid rows of the turbines outside the period.
    pub outside: u64,
    /// Valid rows of other turbines.
    pub of_others: u64,
    /// The turbines of all valid rows; not filled if all are selected.
    turbines: BTreeSet<TurbineId>,
    /// Invalid lines.
    pub skipped: u64,
    /// First and last time of all valid rows of the turbines.
    pub covered: Option<(Timestamp, Timestamp)>,
    span: Option<(Timestamp, Timestamp)>,
    /// Readings in the period that were predicted normal.
    pub normals: Moments,
    /// Readings in the period that were predicted anomalous.
    pub anomalies: Moments,
}

impl Survey {
    pub fn new(n_features: usize, selection: Selection) -> Self {
        let moments = || Moments::new(n_features);
        Self {
            selection,
            records: 0,
            outside: 0,
            of_others: 0,
            turbines: BTreeSet::new(),
            skipped: 0,
            covered: None,
            span: None,
            normals: moments(),
            anomalies: moments(),
        }
    }

    pub fn add(&mut self, record: &PredictionRecord) {
        self.records += 1;
        if let Some(id) = &record.turbine_id
            && !self.selection.turbines.is_empty()
            && !self.turbines.contains(id)
        {
            self.turbines.insert(id.clone());
        }
        if !self.selection.is_of_its_turbines(record) {
            self.of_others += 1;
            return;
        }
        widen(&mut self.covered, record.timestamp);
        if !self.selection.is_in_its_period(record) {
            self.outside += 1;
            return;
        }
        widen(&mut self.span, record.timestamp);
        let class = if record.prediction.is_anomaly { &mut self.anomalies } else { &mut self.normals };
        class.add(&record.values);
    }

    /// The first turbine that was asked for and has no row, and those that have some.
    pub fn missing_turbine(&self) -> Option<(&TurbineId, Vec<&str>)> {
        let missing = self.selection.turbines.iter().find(|id| !self.turbines.contains(*id))?;
        Some((missing, self.turbines.iter().map(TurbineId::as_str).collect()))
    }

    /// Rows selected.
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
        let mut survey = Survey::new(1, Selection::default());
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
        let mut survey = Survey::new(1, Selection { from: at(10), to: at(20), turbines: Vec::new() });
        (9..=20).for_each(|second| survey.add(&record(second, 1.0, false)));
        assert_eq!((survey.rows(), survey.outside, survey.records), (10, 2, 12));
    }

    #[test]
    fn only_the_turbines_asked_for_are_selected() {
        let of = |turbine: &str| PredictionRecord { turbine_id: turbine.parse().ok(), ..record(5, 1.0, false) };
        let selection =
            Selection { turbines: vec!["T2".parse().unwrap(), "T9".parse().unwrap()], ..Selection::default() };
        let mut survey = Survey::new(1, selection);
        ["T1", "T2", "", "T2"].iter().for_each(|turbine| survey.add(&of(turbine)));
        assert_eq!((survey.rows(), survey.of_others, survey.outside, survey.records), (2, 2, 0, 4));
        let (missing, known) = survey.missing_turbine().unwrap();
        assert_eq!((missing.as_str(), known), ("T9", vec!["T1", "T2"]));
    }
}
