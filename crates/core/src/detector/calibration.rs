//! From a score to a surprisal: how rare among normal readings a score at least as high is, in decades.

use crate::quantile::quantile;
use serde::{Deserialize, Serialize};

/// Beyond this quantile of the held-out scores the tail is taken for exponential.
const TAIL: f64 = 0.9;

/// The surprisal where the tail begins: −log10(1 − [`TAIL`]).
const TAIL_SURPRISAL: f64 = 1.0;

/// The most scores that are kept; more are thinned out evenly.
const MOST_KNOTS: usize = 1024;

/// The highest surprisal: far beyond meaning, and finite whatever is added up.
pub const MOST_SURPRISAL: f64 = 1e6;

/// Scores of held-out normal readings, as much of them as surprisals need.
///
/// The surprisal of a score `s` is −log10 of the share of held-out scores at least as high. Beyond their 90 % quantile `u`
/// it is 1 + (s − u) / (mean excess · ln 10), an exponential tail. In decades: 3 = one normal reading in a thousand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// How many scores were held out.
    held_out: u64,
    /// How many of them are not above `tail_start`.
    below_tail: u64,
    /// Those, ascending, or an even choice of them: entry i of k has the rank ⌊i · below_tail / k⌋.
    scores: Vec<f64>,
    /// The 90 % quantile.
    tail_start: f64,
    /// By how much the scores above it are above it, on average.
    mean_excess: f64,
}

/// Why a written calibration cannot be used: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct CalibrationError {
    /// The field.
    pub field: &'static str,
    /// The problem.
    pub problem: String,
}

impl Calibration {
    /// Calibrates to the scores of normal readings that the scoring part was not fitted to.
    ///
    /// # Panics
    /// If there are none, or one is not finite.
    pub fn fit(held_out: &[f64]) -> Self {
        assert!(held_out.iter().all(|score| score.is_finite()), "scores are finite");
        let mut sorted = held_out.to_vec();
        sorted.sort_by(f64::total_cmp);
        let tail_start = quantile(&sorted, TAIL);
        let below = sorted.partition_point(|&score| score <= tail_start);
        let excesses = sorted[below..].iter().map(|score| score - tail_start);
        let mean_excess = excesses.sum::<f64>() / (sorted.len() - below) as f64;
        let knots = below.min(MOST_KNOTS);
        Calibration {
            held_out: sorted.len() as u64,
            below_tail: below as u64,
            scores: (0..knots).map(|i| sorted[i * below / knots]).collect(),
            tail_start,
            // No score stands out where the highest tenth are all alike: any higher one is then without precedent.
            mean_excess: if mean_excess > 0.0 { mean_excess } else { least_excess(&sorted, tail_start) },
        }
    }

    /// The surprisal of a score, from 0 to [`MOST_SURPRISAL`]; it never falls as the score rises.
    pub fn surprisal(&self, score: f64) -> f64 {
        if score > self.tail_start {
            let beyond = (score - self.tail_start) / self.mean_excess / std::f64::consts::LN_10;
            return (TAIL_SURPRISAL + beyond).min(MOST_SURPRISAL);
        }
        let place = self.scores.partition_point(|&held_out| held_out < score) as u64;
        let rank = place * self.below_tail / self.scores.len() as u64;
        let share = (self.held_out - rank + 1) as f64 / (self.held_out + 1) as f64;
        // Subtracted, since −log10(1) would be −0.
        (0.0 - libm::log10(share)).min(TAIL_SURPRISAL)
    }

    /// How many scores it was calibrated to.
    pub fn held_out(&self) -> u64 {
        self.held_out
    }

    /// The calibration itself, if it can be used.
    ///
    /// # Errors
    /// A [`CalibrationError`] for the first field that is wrong.
    pub fn checked(self) -> Result<Self, CalibrationError> {
        let Calibration { held_out, below_tail, scores, tail_start, mean_excess } = &self;
        let refuse = |field, problem: String| Err(CalibrationError { field, problem });
        if !(1..=1 << 52).contains(held_out) {
            return refuse("held_out", format!("is {held_out}; it must be 1 to 2^52"));
        }
        if !(1..=*held_out).contains(below_tail) {
            return refuse("below_tail", format!("is {below_tail}; it must be 1 to {held_out}"));
        }
        let expected = (*below_tail).min(MOST_KNOTS as u64);
        let ascending = scores.iter().all(|score| score.is_finite()) && scores.is_sorted();
        if !(scores.len() as u64 == expected && ascending) {
            return refuse("scores", format!("must be {expected} ascending finite numbers"));
        }
        if !(tail_start.is_finite() && *tail_start >= scores[scores.len() - 1]) {
            return refuse("tail_start", format!("is {tail_start}; it must be finite and not below the scores"));
        }
        if !(*mean_excess > 0.0 && mean_excess.is_finite()) {
            return refuse("mean_excess", format!("is {mean_excess}; it must be above 0"));
        }
        Ok(self)
    }
}

/// A mean excess to divide by: that of an exponential tail from the median on, or else what rounding can tell apart.
fn least_excess(sorted: &[f64], tail_start: f64) -> f64 {
    // From half to a tenth an exponential tail takes ln 5 mean excesses.
    let from_median = (tail_start - quantile(sorted, 0.5)) / libm::log(5.0);
    if from_median > 0.0 { from_median } else { tail_start.abs().max(1.0) * f64::EPSILON }
}
