//! Splits of classic trees: a random feature and a random threshold between its minimum and maximum.

use super::{partition, sample::Sample, widen};
use crate::forest::{data::TreeData, rng::TreeRng};

pub(super) struct ValueSplitter {
    n_features: usize,
    sample_size: usize,
    /// The sample, column-major.
    columns: Vec<f64>,
    /// Features not yet known to be constant in the node.
    candidates: Vec<u16>,
}

impl ValueSplitter {
    pub(super) fn new(n_features: usize, sample_size: usize) -> Self {
        let columns = vec![0.0; sample_size * n_features];
        Self { n_features, sample_size, columns, candidates: Vec::with_capacity(n_features) }
    }

    pub(super) fn take(&mut self, sample: Sample<'_>) {
        for (feature, column) in self.columns.chunks_exact_mut(self.sample_size).enumerate() {
            sample.copy_column(feature, column);
        }
    }

    /// Splits on a feature chosen uniformly among those that vary in the node. Returns the number of readings that go left;
    /// `None` if all features are constant.
    pub(super) fn split(&mut self, node: &mut [u32], tree: &mut TreeData, rng: &mut TreeRng) -> Option<usize> {
        // Drawing among all features and rejecting constant ones is uniform over those that vary.
        let feature = rng.below(self.n_features as u32) as u16;
        self.split_on(feature, node, tree, rng).or_else(|| self.split_on_another(feature, node, tree, rng))
    }

    /// Separate, to keep the common path short.
    #[cold]
    fn split_on_another(
        &mut self,
        constant: u16,
        node: &mut [u32],
        tree: &mut TreeData,
        rng: &mut TreeRng,
    ) -> Option<usize> {
        self.candidates.clear();
        self.candidates.extend(0..self.n_features as u16);
        self.candidates.swap_remove(usize::from(constant));
        while !self.candidates.is_empty() {
            let pick = rng.below(self.candidates.len() as u32) as usize;
            let feature = self.candidates.swap_remove(pick);
            let n_left = self.split_on(feature, node, tree, rng);
            if n_left.is_some() {
                return n_left;
            }
        }
        None
    }

    /// `None` if the feature is constant in the node.
    #[inline(always)]
    fn split_on(&self, feature: u16, node: &mut [u32], tree: &mut TreeData, rng: &mut TreeRng) -> Option<usize> {
        let column = &self.columns[usize::from(feature) * self.sample_size..][..self.sample_size];
        let (low, high) = range(node, column);
        if low >= high {
            return None;
        }
        let threshold = rng.between(low, high);
        tree.feature.push(feature);
        tree.threshold.push(threshold);
        Some(partition::<4>(node, move |row| column[row as usize] <= threshold))
    }
}

/// Minimum and maximum of a column in a non-empty node.
fn range(node: &[u32], column: &[f64]) -> (f64, f64) {
    // Two of each, to break the dependency between consecutive readings. They start with the last reading, which may have
    // no partner.
    let last = column[node[node.len() - 1] as usize];
    let (mut low, mut high) = ([last; 2], [last; 2]);
    for rows in node.as_chunks::<2>().0 {
        let values = rows.map(|row| column[row as usize]);
        for i in 0..2 {
            widen(&mut low[i], &mut high[i], values[i]);
        }
    }
    let ([mut low, other_low], [mut high, other_high]) = (low, high);
    widen(&mut low, &mut high, other_low);
    widen(&mut low, &mut high, other_high);
    (low, high)
}
