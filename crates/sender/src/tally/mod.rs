//! Keeps count, in bounded memory however long the stream.

mod latency;
mod scores;

pub use latency::LatencyHistogram;
pub use scores::ScoreSample;

use crate::client::{Answer, Verdict};
use crate::feed::Delivery;
use turbine_core::evaluation::Confusion;

/// What became of the readings so far.
#[derive(Debug)]
pub struct Tally {
    /// Readings the model answered.
    pub sent: u64,
    /// Readings that were refused.
    pub failed: u64,
    /// Readings that were given up.
    pub unsent: u64,
    /// How often a request was tried again.
    pub retries: u64,
    /// From the due moment to the answer, of the readings that were answered.
    pub latency: LatencyHistogram,
    /// Verdicts against labels, of the answered readings whose label is known.
    pub confusion: Confusion,
    /// Scores against labels, likewise.
    pub scores: ScoreSample,
}

impl Tally {
    /// Nothing yet. The seed is that of the sample which is kept when there are more scores than can be.
    pub fn new(seed: u64) -> Self {
        Tally {
            sent: 0,
            failed: 0,
            unsent: 0,
            retries: 0,
            latency: LatencyHistogram::default(),
            confusion: Confusion::default(),
            scores: ScoreSample::new(ScoreSample::CAPACITY, seed),
        }
    }

    /// Adds a delivery and its answers, one a reading.
    pub fn add(&mut self, delivery: &Delivery, answers: &[Answer]) {
        for (reading, answer) in delivery.readings.iter().zip(answers) {
            match &answer.verdict {
                Verdict::Scored { prediction } => {
                    self.sent += 1;
                    self.latency.record(answer.at.saturating_duration_since(delivery.due));
                    if let Some(is_anomaly) = reading.is_anomaly {
                        self.confusion.add(prediction.is_anomaly, is_anomaly);
                        self.scores.add(prediction.anomaly_score, is_anomaly);
                    }
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
    fn answers_are_counted_by_what_they_are() {
        let due = Instant::now();
        let reading = |is_anomaly| Outgoing { json: String::new(), values: Vec::new(), is_anomaly };
        let labels = [Some(true), Some(false), None, Some(true), Some(false), Some(true)];
        let delivery = Delivery { number: 0, readings: labels.map(reading).to_vec(), due };
        let scored = |anomaly_score, is_anomaly, ms| Answer {
            verdict: Verdict::Scored { prediction: Prediction { anomaly_score, is_anomaly } },
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
        ];
        let mut tally = Tally::new(1);
        tally.add(&delivery, &answers);
        assert_eq!((tally.sent, tally.failed, tally.unsent), (4, 1, 1));
        // Labelled and answered: (flagged, anomaly) (flagged, normal) (passed, anomaly).
        let Confusion { true_positives, false_positives, true_negatives, false_negatives } = tally.confusion;
        assert_eq!((true_positives, false_positives, true_negatives, false_negatives), (1, 1, 0, 1));
        // Anomalies 0.9 and 0.3 against the normal 0.8: one pair of two in order.
        assert_eq!(tally.scores.roc_auc(), Some(0.5));
        // The refused and the unsent one do not count.
        assert_eq!(tally.latency.max(), Duration::from_millis(40));
    }
}
