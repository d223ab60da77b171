//! A bounded sample of scores and labels.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use turbine_core::evaluation::roc_auc;

/// The scores and labels of all readings, or of a uniform random sample once there are more than the capacity
/// (reservoir sampling, Vitter's algorithm R).
#[derive(Debug)]
pub struct ScoreSample {
    capacity: usize,
    seen: u64,
    scores: Vec<f64>,
    labels: Vec<bool>,
    rng: ChaCha8Rng,
}

impl ScoreSample {
    /// The sender's capacity: 9 MB.
    pub const CAPACITY: usize = 1_000_000;

    /// An empty sample of at most `capacity` scores.
    pub fn new(capacity: usize, seed: u64) -> Self {
        ScoreSample { capacity, seen: 0, scores: Vec::new(), labels: Vec::new(), rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Adds a score and its label.
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

    /// Whether scores were left out.
    pub fn is_partial(&self) -> bool {
        self.seen > self.capacity as u64
    }

    /// The area under the ROC curve of the sample; `None` without both labels.
    pub fn roc_auc(&self) -> Option<f64> {
        roc_auc(&self.scores, &self.labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_scores_are_kept_up_to_the_capacity() {
        let mut sample = ScoreSample::new(3, 1);
        [(0.1, false), (0.2, true), (0.3, false)].into_iter().for_each(|(score, label)| sample.add(score, label));
        assert_eq!((sample.scores.as_slice(), sample.is_partial()), (&[0.1, 0.2, 0.3][..], false));
        // 0.2 beats 0.1 and loses to 0.3.
        assert_eq!(sample.roc_auc(), Some(0.5));
    }

    #[test]
    fn beyond_the_capacity_the_sample_is_uniform() {
        let mut sample = ScoreSample::new(1_000, 1);
        (0..10_000).for_each(|i| sample.add(f64::from(i), i % 10 == 0));
        assert_eq!((sample.scores.len(), sample.is_partial()), (1_000, true));
        // Of the first half: mean 500, standard deviation about 15.
        let early = sample.scores.iter().filter(|&&score| score < 5_000.0).count();
        assert!(early.abs_diff(500) < 60, "{early}");
        // Labels stay with their scores.
        assert!(sample.scores.iter().zip(&sample.labels).all(|(&score, &label)| (score % 10.0 == 0.0) == label));
    }
}
