//! Evaluation of scores against labels: confusion counts, precision, recall, F1, ROC AUC.
//!
//! An undefined metric, such as precision if nothing was flagged, is `None`, never 0.

mod curve;
mod precision_recall;
mod time;

pub use curve::{F1Point, RocPoint, f1_curve, roc_auc, roc_curve};
pub use precision_recall::average_precision;
pub use time::{Event, Moment, TimeEvaluation};

use serde::{Deserialize, Serialize};

/// The confusion matrix: counts of verdicts by label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confusion {
    /// Anomalies that were flagged.
    pub true_positives: u64,
    /// Normal readings that were flagged.
    pub false_positives: u64,
    /// Normal readings that were not flagged.
    pub true_negatives: u64,
    /// Anomalies that were not flagged.
    pub false_negatives: u64,
}

impl Confusion {
    /// Counts pairs of verdict and label.
    pub fn count(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut confusion = Confusion::default();
        pairs.into_iter().for_each(|(flagged, is_anomaly)| confusion.add(flagged, is_anomaly));
        confusion
    }

    /// Counts the verdicts "score above `threshold`".
    pub fn at_threshold(scores: &[f64], labels: &[bool], threshold: f64) -> Self {
        Confusion::count(scores.iter().zip(labels).map(|(&score, &label)| (score > threshold, label)))
    }

    /// Adds one verdict and its label.
    pub fn add(&mut self, flagged: bool, is_anomaly: bool) {
        *match (flagged, is_anomaly) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, false) => &mut self.true_negatives,
            (false, true) => &mut self.false_negatives,
        } += 1;
    }

    /// The number of verdicts.
    pub fn total(&self) -> u64 {
        self.true_positives + self.false_positives + self.true_negatives + self.false_negatives
    }

    /// Share of correct verdicts; `None` without verdicts.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.true_positives + self.true_negatives, self.total())
    }

    /// Share of anomalies among the flagged readings; `None` if nothing was flagged.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Share of flagged readings among the anomalies; `None` if there are none.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); `None` if there are neither flagged
    /// readings nor anomalies.
    pub fn f1(&self) -> Option<f64> {
        ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The metrics of a model on one part of the data, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The counts behind the metrics.
    pub confusion: Confusion,
    /// See [`Confusion::accuracy`].
    pub accuracy: Option<f64>,
    /// See [`Confusion::precision`].
    pub precision: Option<f64>,
    /// See [`Confusion::recall`].
    pub recall: Option<f64>,
    /// See [`Confusion::f1`].
    pub f1: Option<f64>,
    /// See [`roc_auc`].
    pub roc_auc: Option<f64>,
}

impl Evaluation {
    /// Evaluates scores against labels at a threshold.
    ///
    /// # Panics
    /// If there is not one label per score.
    pub fn new(scores: &[f64], labels: &[bool], threshold: f64) -> Self {
        assert_eq!(scores.len(), labels.len(), "one label per score");
        let confusion = Confusion::at_threshold(scores, labels, threshold);
        Evaluation {
            confusion,
            accuracy: confusion.accuracy(),
            precision: confusion.precision(),
            recall: confusion.recall(),
            f1: confusion.f1(),
            roc_auc: roc_auc(scores, labels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_from_unequal_counts() {
        // 6 TP, 2 FP, 9 TN, 3 FN: accuracy 15/20, precision 6/8, recall 6/9, F1 12/17.
        let cells = [((true, true), 6), ((true, false), 2), ((false, false), 9), ((false, true), 3)];
        let pairs = cells.into_iter().flat_map(|(pair, times)| std::iter::repeat_n(pair, times));
        let confusion = Confusion::count(pairs);
        assert_eq!(
            confusion,
            Confusion { true_positives: 6, false_positives: 2, true_negatives: 9, false_negatives: 3 }
        );
        assert_eq!(confusion.accuracy(), Some(0.75));
        assert_eq!(confusion.precision(), Some(0.75));
        assert_eq!(confusion.recall(), Some(6.0 / 9.0));
        assert_eq!(confusion.f1(), Some(12.0 / 17.0));
    }

    #[test]
    fn undefined_metrics_are_none() {
        let empty = Confusion::default();
        assert_eq!((empty.accuracy(), empty.precision(), empty.recall(), empty.f1()), (None, None, None, None));
        let none_flagged = Confusion::count([(false, true), (false, false)]);
        assert_eq!((none_flagged.precision(), none_flagged.recall(), none_flagged.f1()), (None, Some(0.0), Some(0.0)));
    }

    #[test]
    fn a_score_at_the_threshold_is_not_flagged() {
        let confusion = Confusion::at_threshold(&[0.5, 0.6], &[true, true], 0.5);
        assert_eq!((confusion.true_positives, confusion.false_negatives), (1, 1));
    }
}
