//! Splits of classic trees: a feature, and a value between its least and its greatest.

use super::{partition, sample::Sample};
use crate::forest::{data::TreeData, rng::TreeRng};

pub(super) struct ValueSplitter {
    n_features: usize,
    sample_size: usize,
    /// The sample, column-major.
    columns: Vec<f64>,
    /// Features that are not yet known to be constant in a node.
    candidates: Vec<u16>,
}

impl ValueSplitter {
    pub(super) fn new(n_features: usize, sample_size: usize) -> Self {
        let columns = vec![0.0; sample_size * n_features];
        Self { n_features, sample_size, columns, candidates: Vec::with_capacity(n_features) }
    }

    pub(super) fn take(&mut self, sample: Sample<'_>) {
        for (feature, column) in self.columns.chunks_exact_mut(self.sample_size).enumerate() {
            for (place, value) in column.iter_mut().zip(sample.column(feature)) {
                *place = value;
            }
        }
    }

    /// Splits on one of the features that vary in the node, each equally likely. Returns how many readings go left; none
    /// where nothing varies.
    pub(super) fn split(&mut self, node: &mut [u32], tree: &mut TreeData, rng: &mut TreeRng) -> Option<usize> {
        // Drawing among all and setting constant ones aside is drawing among those that vary.
        self.candidates.clear();
        self.candidates.extend(0..self.n_features as u16);
        while !self.candidates.is_empty() {
            let pick = rng.below(self.candidates.len() as u32) as usize;
            let feature = self.candidates.swap_remove(pick);
            let column = &self.columns[usize::from(feature) * self.sample_size..][..self.sample_size];
            let (low, high) = range(node, column);
            if low < high {
                let threshold = rng.between(low, high);
                tree.feature.push(feature);
                tree.threshold.push(threshold);
                return Some(partition(node, |row| column[row as usize] > threshold));
            }
        }
        None
    }
}

/// Least and greatest value of a column in a node.
fn range(node: &[u32], column: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for &row in node {
        let value = column[row as usize];
        low = if value < low { value } else { low };
        high = if value > high { value } else { high };
    }
    (low, high)
}
