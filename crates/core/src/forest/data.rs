//! The file format of a forest.

use serde::{Deserialize, Serialize};

use super::PathLength;

/// A forest in its file format, unchecked.
///
/// [`Forest`](super::Forest)`::try_from` checks it; [`Forest::to_data`](super::Forest::to_data) is the inverse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestData {
    /// Number of values in a reading.
    pub n_features: usize,
    /// Number of readings per tree; scores are relative to the average path length `c(sample_size)`.
    pub sample_size: u32,
    /// Number of features per split, less one.
    pub extension_level: usize,
    /// How average path lengths are computed.
    pub path_length: PathLength,
    /// The trees; path lengths are summed in this order.
    pub trees: Vec<TreeData>,
}

/// One tree, with an array per property of its splits and leaves.
///
/// A child `c ≥ 0` is split `c`, which comes after its parent; `c < 0` is leaf `−1 − c`. The root is split 0, or leaf 0 if
/// there is no split.
///
/// With `extension_level` 0, a reading goes left if `reading[feature] <= threshold`. Otherwise a split has
/// `extension_level + 1` consecutive entries in `feature`, `normal` and `intercept`, and a reading goes left if
/// `Σ (reading[feature] − intercept) · normal <= 0`, summed in that order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeData {
    /// The features of each split, ascending within a split.
    pub feature: Vec<u16>,
    /// Classic splits: the largest value that goes left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threshold: Vec<f64>,
    /// Extended splits: the normal vector of the hyperplane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub normal: Vec<f64>,
    /// Extended splits: a point on the hyperplane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intercept: Vec<f64>,
    /// The left child of each split.
    pub left: Vec<i32>,
    /// The right child of each split.
    pub right: Vec<i32>,
    /// Number of training readings in each leaf.
    pub n_samples: Vec<u32>,
}

/// A decoded child index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    Split(usize),
    Leaf(usize),
}

impl Child {
    pub(crate) fn decode(child: i32) -> Self {
        if child >= 0 { Self::Split(child as usize) } else { Self::Leaf(!child as usize) }
    }

    pub(crate) fn encode(self) -> i32 {
        match self {
            Self::Split(split) => split as i32,
            Self::Leaf(leaf) => !(leaf as i32),
        }
    }
}

impl TreeData {
    /// Number of splits; a checked tree has one leaf more.
    pub(crate) fn n_splits(&self) -> usize {
        self.left.len()
    }

    /// Removes all splits and leaves and keeps the capacity.
    pub(super) fn clear(&mut self) {
        let Self { feature, threshold, normal, intercept, left, right, n_samples } = self;
        feature.clear();
        n_samples.clear();
        threshold.clear();
        normal.clear();
        intercept.clear();
        left.clear();
        right.clear();
    }

    pub(crate) fn root(&self) -> Child {
        if self.left.is_empty() { Child::Leaf(0) } else { Child::Split(0) }
    }

    /// Calls `call` with each leaf and its depth.
    pub(super) fn for_each_leaf_depth(&self, mut call: impl FnMut(usize, u32)) {
        if self.left.is_empty() {
            call(0, 0);
        }
        let mut depths = vec![0; self.n_splits()];
        for (split, children) in self.left.iter().zip(&self.right).enumerate() {
            let depth = depths[split] + 1;
            for child in [*children.0, *children.1] {
                match Child::decode(child) {
                    Child::Split(split) => depths[split] = depth,
                    Child::Leaf(leaf) => call(leaf, depth),
                }
            }
        }
    }
}
