use serde::{Deserialize, Serialize};

use super::PathLength;

/// A forest as it is written: plain, complete, and not yet proved.
///
/// [`Forest`](super::Forest)`::try_from` proves it; [`Forest::to_data`](super::Forest::to_data) gives it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestData {
    /// Values in a reading.
    pub n_features: usize,
    /// Readings each tree was grown from; scores are measured against the average path length of that many.
    pub sample_size: u32,
    /// Features a split looks at, less one.
    pub extension_level: usize,
    /// How the rest of a path is estimated, in the leaves as in the measure.
    pub path_length: PathLength,
    /// The trees, in the order in which their path lengths are added.
    pub trees: Vec<TreeData>,
}

/// One tree: its splits and its leaves, an array a property.
///
/// A child `c ≥ 0` is the split `c`, which comes after its parent; `c < 0` is the leaf `−1 − c`. The root is split 0, or
/// leaf 0 where there is no split.
///
/// With `extension_level` 0, a reading goes left where `reading[feature] <= threshold`. Otherwise a split has
/// `extension_level + 1` consecutive entries in `feature`, `normal` and `intercept`, and a reading goes left where
/// `Σ (reading[feature] − intercept) · normal <= 0`, added in that order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeData {
    /// The features a split looks at, ascending within a split.
    pub feature: Vec<u16>,
    /// Classic splits: the largest value that goes left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threshold: Vec<f64>,
    /// Extended splits: the direction in which the hyperplane cuts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub normal: Vec<f64>,
    /// Extended splits: a point the hyperplane passes through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intercept: Vec<f64>,
    /// Where a reading goes that is on the low side, an entry a split.
    pub left: Vec<i32>,
    /// Where a reading goes that is on the high side, an entry a split.
    pub right: Vec<i32>,
    /// Training readings that ended in each leaf.
    pub n_samples: Vec<u32>,
}

/// What a child index points at.
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
    /// Number of splits; a tree that passed the check has one leaf more.
    pub(crate) fn n_splits(&self) -> usize {
        self.left.len()
    }

    /// Without splits and leaves, but with room for as many.
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

    /// Calls with each leaf and its depth.
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
