//! Counts and statistics of the answers, in bounded memory.

mod alarms;
mod latency;
mod scores;

pub use alarms::{AlarmFigures, AlarmTally};
pub use latency::LatencyHistogram;
pub use scores::ScoreSample;

use crate::client::{Answer, Verdict};
use crate::feed::Delivery;
use turbine_core::evaluation::Confusion;

/// Counts and statistics of the readings so far.
#[derive(Debug)]
pub struct Tally {
    /// Readings that were scored, or will be.
    pub sent: u64,
    /// Those of them that a cluster acknowledged and whose scores are unknown.
    pub acknowledged: u64,
    /// Readings that were refused.
    pub failed: u64,
    /// Readings without an answer after the last attempt.
    pub unsent: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Sent readings that the service had logged before, by an earlier attempt or an earlier run.
    pub duplicates: u64,
    /// Time from the due moment to the answer of the sent readings, or to the acknowledgement if there is no answer.
    pub latency: LatencyHistogram,
    /// Verdicts against labels, of the scored readings with a label.
    pub confusion: Confusion,
    /// Scores and labels of the same readings.
    pub scores: ScoreSample,
    /// Alarms against events, of all readings with a known phase.
    pub alarms: AlarmTally,
}

impl Tally {
    /// An empty tally. The seed selects which scores are kept once there are more than fit.
    pub fn new(seed: u64) -> Self {
        Tally {
            sent: 0,
            acknowledged: 0,
            failed: 0,
            unsent: 0,
            retries: 0,
            duplicates: 0,
            latency: LatencyHistogram::default(),
            confusion: Confusion::default(),
            scores: ScoreSample::new(ScoreSample::CAPACITY, seed),
            alarms: AlarmTally::default(),
        }
    }

    /// Adds a delivery and its answers, one per reading.
    pub fn add(&mut self, delivery: &Delivery, answers: &[Answer]) {
        let verdicts = answers.iter().map(|answer| &answer.verdict);
        self.alarms.add(delivery.number, delivery.readings.iter().zip(verdicts));
        for (reading, answer) in delivery.readings.iter().zip(answers) {
            match &answer.verdict {
                Verdict::Scored { prediction, duplicate, .. } => {
                    self.sent += 1;
                    self.duplicates += u64::from(*duplicate);
                    self.latency.record(answer.at.saturating_duration_since(delivery.due));
                    if let Some(is_anomaly) = reading.is_anomaly {
                        self.confusion.add(prediction.is_anomaly, is_anomaly);
                        self.scores.add(prediction.anomaly_score, is_anomaly);
                    }
                }
                Verdict::Acknowledged { duplicate, .. } => {
                    self.sent += 1;
                    self.acknowledged += 1;
                    self.duplicates += u64::from(*duplicate);
                    self.latency.record(answer.at.saturating_duration_since(delivery.due));
                }
                Verdict::Refused { .. } => self.failed += 1,
                Verdict::Unsent { .. } => self.unsent += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Outgoing;
    use std::time::{Duration, Instant};
    use turbine_core::prediction::Prediction;

    #[test]
    fn answers_are_counted_by_verdict() {
        let due = Instant::now();
        let reading = |is_anomaly| Outgoing { is_anomaly, ..Outgoing::default() };
        let labels = [Some(true), Some(false), None, Some(true), Some(false), Some(true), Some(true)];
        let delivery = Delivery { number: 0, first: 0, readings: labels.map(reading).to_vec(), due };
        let scored = |anomaly_score, is_anomaly, ms| Answer {
            verdict: Verdict::Scored {
                prediction: Prediction { anomaly_score, is_anomaly },
                duplicate: ms == 20,
                in_alarm: None,
            },
            at: due + Duration::from_millis(ms),
        };
        let at = due + Duration::from_secs(9);
        let answers = [
            scored(0.9, true, 10),
            scored(0.8, true, 20),
            scored(0.4, false, 30),
            scored(0.3, false, 40),
            Answer { verdict: Verdict::Refused { status: 400, error: String::new() }, at },
            Answer { verdict: Verdict::Unsent { error: String::new() }, at },
            Answer {
                verdict: Verdict::Acknowledged { place: None, duplicate: true },
                at: due + Duration::from_millis(35),
            },
        ];
        let mut tally = Tally::new(1);
        tally.add(&delivery, &answers);
        assert_eq!((tally.sent, tally.failed, tally.unsent, tally.duplicates), (5, 1, 1, 2));
        assert_eq!(tally.acknowledged, 1);
        // Labelled and scored: (flagged, anomaly) (flagged, normal) (not flagged, anomaly).
        let Confusion { true_positives, false_positives, true_negatives, false_negatives } = tally.confusion;
        assert_eq!((true_positives, false_positives, true_negatives, false_negatives), (1, 1, 0, 1));
        // Anomalies 0.9 and 0.3 against the normal 0.8: one of two pairs in order.
        assert_eq!(tally.scores.roc_auc(), Some(0.5));
        // The refused and the unsent reading (9 s) have no latency: the largest is 40 ms.
        assert!(tally.latency.quantile(1.0).is_some_and(|max| max.as_millis() == 40));
    }
}
