//! Scores with their labels.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use turbine_core::evaluation::roc_auc;

/// All scores up to a number, from then on a sample of that size in which each has the same chance to be (reservoir
/// sampling, Vitter's algorithm R).
#[derive(Debug)]
pub struct ScoreSample {
    capacity: usize,
    seen: u64,
    scores: Vec<f64>,
    labels: Vec<bool>,
    rng: ChaCha8Rng,
}

impl ScoreSample {
    /// How many the sender keeps: 9 MB.
    pub const CAPACITY: usize = 1_000_000;

    /// Keeps at most `capacity`.
    pub fn new(capacity: usize, seed: u64) -> Self {
        ScoreSample { capacity, seen: 0, scores: Vec::new(), labels: Vec::new(), rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Adds the score of a reading that is an anomaly or not.
    pub fn add(&mut self, score: f64, is_anomaly: bool) {
        self.seen += 1;
        if self.scores.len() < self.capacity {
            self.scores.push(score);
            self.labels.push(is_anomaly);
            return;
        }
        let place = self.rng.random_range(0..self.seen) as usize;
        if place < self.capacity {
            self.scores[place] = score;
            self.labels[place] = is_anomaly;
        }
    }

    /// Whether some are left out.
    pub fn is_partial(&self) -> bool {
        self.seen > self.capacity as u64
    }

    /// The area under the ROC curve of what is kept; `None` if the labels are all alike.
    pub fn roc_auc(&self) -> Option<f64> {
        roc_auc(&self.scores, &self.labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_kept_while_it_fits() {
        let mut sample = ScoreSample::new(3, 1);
        [(0.1, false), (0.2, true), (0.3, false)].into_iter().for_each(|(score, label)| sample.add(score, label));
        assert_eq!((sample.scores.as_slice(), sample.is_partial()), (&[0.1, 0.2, 0.3][..], false));
        // 0.2 beats 0.1 and loses to 0.3.
        assert_eq!(sample.roc_auc(), Some(0.5));
    }

    #[test]
    fn beyond_that_early_and_late_ones_have_the_same_chance() {
        let mut sample = ScoreSample::new(1_000, 1);
        (0..10_000).for_each(|i| sample.add(f64::from(i), i % 10 == 0));
        assert_eq!((sample.scores.len(), sample.is_partial()), (1_000, true));
        // Expected 500 of the first half, standard deviation about 15.
        let early = sample.scores.iter().filter(|&&score| score < 5_000.0).count();
        assert!(early.abs_diff(500) < 60, "{early}");
        // Labels stay with their scores.
        assert!(sample.scores.iter().zip(&sample.labels).all(|(&score, &label)| (score % 10.0 == 0.0) == label));
    }
}
