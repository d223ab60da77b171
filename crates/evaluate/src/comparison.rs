//! What each detector made of a recording, held against its labels.

use crate::recording::Recording;
use crate::replay::Verdict;
use turbine_core::evaluation::{Confusion, Moment, TimeEvaluation, average_precision, roc_auc};

/// One detector's line of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name.
    pub detector: String,
    /// How it did; `None` if it was not available.
    pub evaluation: Option<TimeEvaluation>,
    /// Whether it has alarms; without them only ROC AUC and average precision mean something.
    pub has_alarms: bool,
}

impl Entry {
    /// Evaluates the verdicts of a detector, one list a turbine.
    pub fn new(
        detector: impl Into<String>,
        recording: &Recording,
        verdicts: &[Vec<Verdict>],
        has_alarms: bool,
    ) -> Self {
        Entry { detector: detector.into(), evaluation: Some(evaluate(recording, verdicts)), has_alarms }
    }

    /// The line of a detector that was not available.
    pub fn unavailable(detector: impl Into<String>) -> Self {
        Entry { detector: detector.into(), evaluation: None, has_alarms: false }
    }

    /// An alarm that is always on: what a detector has to beat.
    pub fn always_on(recording: &Recording) -> Self {
        let on = Verdict { score: 1.0, in_alarm: true };
        let verdicts: Vec<Vec<Verdict>> =
            recording.turbines.iter().map(|turbine| vec![on; turbine.times.len()]).collect();
        Entry::new("always on", recording, &verdicts, true)
    }

    /// The evaluation as far as it depends on alarms.
    pub fn alarms(&self) -> Option<&TimeEvaluation> {
        self.evaluation.as_ref().filter(|_| self.has_alarms)
    }
}

/// All turbines together: their readings are ranked in one list; events, false alarms and normal days add up.
fn evaluate(recording: &Recording, verdicts: &[Vec<Verdict>]) -> TimeEvaluation {
    let scores: Vec<f64> = verdicts.iter().flatten().map(|verdict| verdict.score).collect();
    let labels: Vec<bool> = recording.turbines.iter().flat_map(|turbine| &turbine.labels).copied().collect();
    let mut all = TimeEvaluation {
        roc_auc: roc_auc(&scores, &labels),
        average_precision: average_precision(&scores, &labels),
        events: Vec::new(),
        false_alarms: 0,
        normal_days: None,
        confusion: Confusion::default(),
    };
    for (turbine, verdicts) in recording.turbines.iter().zip(verdicts) {
        let rows = turbine.times.iter().zip(&turbine.labels).zip(verdicts);
        let moments = rows.map(|((&timestamp, &label), verdict)| Moment {
            timestamp,
            label,
            score: verdict.score,
            in_alarm: verdict.in_alarm,
        });
        let one = TimeEvaluation::new(&moments.collect::<Vec<_>>());
        all.events.extend(one.events);
        all.false_alarms += one.false_alarms;
        all.normal_days = [all.normal_days, one.normal_days].into_iter().flatten().reduce(|a, b| a + b);
        all.confusion.true_positives += one.confusion.true_positives;
        all.confusion.false_positives += one.confusion.false_positives;
        all.confusion.true_negatives += one.confusion.true_negatives;
        all.confusion.false_negatives += one.confusion.false_negatives;
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::recording::Turbine;
    use jiff::{SignedDuration, Timestamp};

    /// A reading every six hours: `F` and `f` are labelled as faults, capitals are in alarm.
    fn turbine(text: &str) -> (Turbine, Vec<Verdict>) {
        let turbine = Turbine {
            times: (0..text.len()).map(|i| Timestamp::from_second(i as i64 * 6 * 3_600).unwrap()).collect(),
            labels: text.chars().map(|c| matches!(c, 'F' | 'f')).collect(),
            ..Turbine::default()
        };
        let verdict = |c: char| Verdict { score: f64::from(u8::from(c.is_uppercase())), in_alarm: c.is_uppercase() };
        (turbine, text.chars().map(verdict).collect())
    }

    fn recording(texts: &[&str]) -> (Recording, Vec<Vec<Verdict>>) {
        let (turbines, verdicts) = texts.iter().map(|text| turbine(text)).unzip();
        (Recording { n_features: 1, turbines, left_out: Default::default(), out_of_order: 0 }, verdicts)
    }

    #[test]
    fn turbines_add_up() {
        // The second turbine begins in alarm: a false one of its own, not the first's fault going on.
        let (recording, verdicts) = recording(&["nNnffFF", "NnfffFn"]);
        let entry = Entry::new("x", &recording, &verdicts, true);
        let all = entry.alarms().unwrap();
        assert_eq!((all.events_found(), all.events.len(), all.false_alarms), (2, 2, 2));
        // Found after 2 and 3 readings, 1 and 0 readings before the end; the medians are the lower ones.
        assert_eq!(all.median_delay(), Some(SignedDuration::from_hours(12)));
        assert_eq!(all.median_lead(), Some(SignedDuration::ZERO));
        // 6 normal readings of a quarter of a day, two of them in alarm.
        assert_eq!((all.normal_days, all.normal_time_in_alarm()), (Some(1.5), Some(2.0 / 6.0)));
        // 3 of 8 fault readings in alarm: 2 · 3 / (2 · 3 + 2 + 5).
        assert_eq!(all.f1(), Some(6.0 / 13.0));
        // Faults 3 × 1, 5 × 0; normal 2 × 1, 4 × 0. Pairs: 3 · 4 wins, 3 · 2 + 5 · 4 ties: (12 + 13) / 48.
        assert!((all.roc_auc.unwrap() - 25.0 / 48.0).abs() < 1e-12);
        // Score 1: 3 of 5 are faults; score 0: the other 5, at 8 of 14. (3 · 3/5 + 5 · 8/14) / 8.
        assert!((all.average_precision.unwrap() - (1.8 + 40.0 / 14.0) / 8.0).abs() < 1e-12);
    }

    #[test]
    fn always_on_by_hand() {
        let (recording, _) = recording(&["nnnfff"]);
        let entry = Entry::always_on(&recording);
        let all = entry.alarms().unwrap();
        assert_eq!((all.roc_auc, all.average_precision), (Some(0.5), Some(0.5)));
        assert_eq!((all.events_found(), all.false_alarms, all.normal_time_in_alarm()), (1, 1, Some(1.0)));
        assert_eq!(all.f1(), Some(2.0 * 3.0 / (2.0 * 3.0 + 3.0)));
    }

    #[test]
    fn a_turbine_of_one_reading_adds_no_days_and_a_detector_without_alarms_no_figures() {
        let (recording, verdicts) = recording(&["n", "nnff"]);
        let entry = Entry::new("x", &recording, &verdicts, false);
        assert_eq!(entry.evaluation.as_ref().unwrap().normal_days, Some(0.5));
        assert_eq!((entry.alarms(), Entry::unavailable("y").alarms()), (None, None));
    }
}
