//! How the values of one feature were distributed in training.

use super::DEFAULT_WINDOW;
use super::comparison::Comparison;
use serde::{Deserialize, Serialize};

/// About how many bins hold the values: the distance is exact at their ends, and in between short by less than one bin.
const BINS: usize = 120;

/// The most bins: [`BINS`] quantiles, and two ends for each value that is frequent.
const MOST_BINS: usize = 4 * BINS;

/// The values of one feature in training, counted in bins.
///
/// The bins lie between quantiles. A value that makes up a whole bin, as many readings of zero do, has a bin of its own, so
/// that values beside it are told from it; a constant feature has one below, its own, and one above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// The upper end of each bin but the last, ascending, in the feature's unit. A bin holds its upper end; the first and
    /// the last one have no bounds.
    upper: Vec<f64>,
    /// How many training values lie in each bin.
    counts: Vec<u64>,
    /// The highest PSI, beyond what chance explains, of [`DEFAULT_WINDOW`] training values in a row against all of them;
    /// `None` if they are in no known order.
    usual_psi: Option<f64>,
}

impl Distribution {
    /// Counts values, which are in the order of time if `in_time`.
    ///
    /// # Panics
    /// If there are none, or one is not finite.
    pub fn fit(values: &[f64], in_time: bool) -> Self {
        assert!(!values.is_empty() && values.iter().all(|value| value.is_finite()), "values are finite");
        let upper = upper_ends(values);
        let mut distribution = Distribution { counts: vec![0; upper.len() + 1], upper, usual_psi: None };
        for &value in values {
            let bin = distribution.bin(value);
            distribution.counts[bin] += 1;
        }
        if in_time {
            distribution.usual_psi = Some(distribution.highest_psi_of_windows(values));
        }
        distribution
    }

    /// The highest PSI, beyond what chance explains, of the windows of `values`, of which one begins at each quarter.
    fn highest_psi_of_windows(&self, values: &[f64]) -> f64 {
        let quarters: Vec<Vec<u32>> =
            values.chunks_exact(DEFAULT_WINDOW / 4).map(|values| self.count(values)).collect();
        let windows = quarters.windows(4).filter_map(|quarters| {
            let sum = |bin: usize| quarters.iter().map(|counts| counts[bin]).sum();
            Comparison::new(&self.counts, &(0..self.bins()).map(sum).collect::<Vec<u32>>())
        });
        windows.map(|found| found.excess_psi()).fold(0.0, f64::max)
    }

    fn count(&self, values: &[f64]) -> Vec<u32> {
        let mut counts = vec![0; self.bins()];
        for &value in values {
            counts[self.bin(value)] += 1;
        }
        counts
    }

    /// The bin of a value.
    pub(super) fn bin(&self, value: f64) -> usize {
        self.upper.partition_point(|&end| end < value)
    }

    /// How many bins there are.
    pub(super) fn bins(&self) -> usize {
        self.counts.len()
    }

    /// How many training values lie in each bin.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The upper end of each bin but the last.
    pub(super) fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// The highest PSI, beyond what chance explains, that a window had within the training; `None` if its order is unknown.
    pub(super) fn usual_psi(&self) -> Option<f64> {
        self.usual_psi
    }

    /// Compares other values with these; `None` if there are none.
    pub fn compare(&self, values: &[f64]) -> Option<Comparison> {
        Comparison::new(&self.counts, &self.count(values))
    }

    /// What is wrong with a written distribution: the field and the problem.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let bins = self.counts.len();
        if !(1..=MOST_BINS).contains(&bins) {
            return Err(("counts", format!("has {bins} entries; it must have 1 to {MOST_BINS}")));
        }
        let ascending = self.upper.windows(2).all(|pair| pair[0] < pair[1]);
        if !(self.upper.len() == bins - 1 && ascending && self.upper.iter().all(|end| end.is_finite())) {
            return Err(("upper", format!("must be {} ascending finite numbers, one less than counts", bins - 1)));
        }
        let total = self.counts.iter().try_fold(0_u64, |total, &count| total.checked_add(count));
        if !total.is_some_and(|total| (1..=1 << 52).contains(&total)) {
            return Err(("counts", "must add up to 1 to 2^52".to_owned()));
        }
        match self.usual_psi {
            Some(psi) if !(psi >= 0.0 && psi.is_finite()) => {
                Err(("usual_psi", format!("is {psi}; it must be 0 or more")))
            }
            _ => Ok(()),
        }
    }
}

/// The quantiles that bins end at, and both ends of the bins of frequent values.
fn upper_ends(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ranks = (1..BINS).map(|i| i * sorted.len() / BINS).filter(|&rank| rank > 0);
    let mut ends: Vec<f64> = ranks.map(|rank| sorted[rank - 1]).collect();
    let frequent = sorted.len().div_ceil(BINS).max(2);
    for run in sorted.chunk_by(|a, b| a == b).filter(|run| run.len() >= frequent) {
        ends.extend([run[0].next_down(), run[0]]);
    }
    ends.retain(|end| end.is_finite());
    ends.sort_by(f64::total_cmp);
    // Written with ==, since 0 and −0 are one end.
    ends.dedup_by(|a, b| a == b);
    ends
}
