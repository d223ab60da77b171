//! Path lengths of the leaves of a tree.

use super::{PathLength, TreeData};

/// Computes path lengths of leaves, with a table of `c(n)` for small `n`.
pub(super) struct PathLengths {
    convention: PathLength,
    averages: Vec<f64>,
}

impl PathLengths {
    pub(super) fn new(convention: PathLength) -> Self {
        Self { convention, averages: (0..=256).map(|n| convention.average(n)).collect() }
    }

    /// Path length of each leaf: its depth plus `c(n)` for its `n` readings.
    ///
    /// Summed from the leaf upwards, one by one, for the same rounding as in the reference crate's recursion.
    pub(super) fn of(&self, tree: &TreeData) -> Vec<f64> {
        let mut lengths = vec![0.0; tree.n_samples.len()];
        tree.for_each_leaf_depth(|leaf, depth| {
            let n = tree.n_samples[leaf];
            let average = self.averages.get(n as usize).copied().unwrap_or_else(|| self.convention.average(n));
            lengths[leaf] = (0..depth).fold(average, |length, _| length + 1.0);
        });
        lengths
    }
}
