//! Scores one reading of few features with bit masks: for each tree and feature a mask has a bit for every leaf, from left
//! to right, that is reachable with the feature's value. The reading's leaf is the first one in the intersection.
//!
//! (Lucchese et al.: QuickScorer, 2015, with the masks of a feature's splits combined in advance.)

use super::rank::Ranks;
use crate::forest::{Child, TreeData};

/// Maximum number of features; with more, descending the trees is faster.
pub(super) const MAX_FEATURES: usize = 4;
/// Maximum number of leaves of a tree.
pub(super) const MAX_LEAVES: usize = 256;

#[derive(Clone)]
pub(super) struct Masks {
    n_trees: usize,
    /// Words of 64 leaves in a mask: 1, 2 or 4.
    n_words: usize,
    /// Number of masks per tree and feature.
    n_ranks: usize,
    /// Per feature, `ranks × trees`: the rank among the tree's own thresholds.
    tree_ranks: Vec<Vec<u8>>,
    /// `trees × features × ranks × words`
    masks: Vec<u64>,
    /// `trees × leaves`, from left to right
    path_lengths: Vec<f64>,
}

/// Builds [`Masks`] feature by feature.
pub(super) struct MasksBuilder {
    masks: Masks,
    n_features: usize,
    /// For each split of each tree, the mask of the leaves that are not in its left subtree.
    not_left: Vec<u64>,
    first_splits: Vec<usize>,
    tree_row: Vec<u8>,
}

impl MasksBuilder {
    /// Builds masks for trees of at most [`MAX_LEAVES`] leaves; `path_lengths` has those of each tree's leaves. `n_ranks`
    /// is the maximum number of thresholds of one feature in one tree, plus one.
    pub(super) fn new(trees: &[TreeData], path_lengths: &[Vec<f64>], n_features: usize, n_ranks: usize) -> Self {
        let n_leaves = trees.iter().map(|tree| tree.n_samples.len()).max().unwrap_or(1);
        let n_words = n_leaves.div_ceil(64).next_power_of_two();
        let mut masks = Masks {
            n_trees: trees.len(),
            n_words,
            n_ranks,
            tree_ranks: Vec::with_capacity(n_features),
            masks: vec![u64::MAX; trees.len() * n_features * n_ranks * n_words],
            path_lengths: vec![0.0; trees.len() * n_words * 64],
        };
        let (mut not_left, mut first_splits) = (Vec::new(), Vec::with_capacity(trees.len()));
        let ordered = masks.path_lengths.chunks_exact_mut(n_words * 64);
        for ((tree, lengths), ordered) in trees.iter().zip(path_lengths).zip(ordered) {
            let first = not_left.len();
            first_splits.push(first / n_words);
            not_left.resize(first + tree.n_splits() * n_words, u64::MAX);
            LeafOrder { tree, lengths, ordered, not_left: &mut not_left[first..], n_words, next: 0 }.visit(tree.root());
        }
        Self { masks, n_features, not_left, first_splits, tree_row: vec![0; trees.len()] }
    }

    /// Starts the next feature, which has `n_thresholds` thresholds.
    pub(super) fn start_feature(&mut self, n_thresholds: usize) {
        self.tree_row.fill(0);
        let mut rows = Vec::with_capacity((n_thresholds + 1) * self.tree_row.len());
        rows.extend_from_slice(&self.tree_row);
        self.masks.tree_ranks.push(rows);
    }

    /// Adds the feature's next threshold: values above it do not reach the leaves in the left subtree of its split.
    pub(super) fn pass(&mut self, tree: usize, split: usize) {
        let feature = self.masks.tree_ranks.len() - 1;
        let n_words = self.masks.n_words;
        let before = (tree * self.n_features + feature) * self.masks.n_ranks + usize::from(self.tree_row[tree]);
        let not_left = &self.not_left[(self.first_splits[tree] + split) * n_words..][..n_words];
        let (before, after) = self.masks.masks[before * n_words..][..2 * n_words].split_at_mut(n_words);
        for ((after, before), not_left) in after.iter_mut().zip(before).zip(not_left) {
            *after = *before & not_left;
        }
        self.tree_row[tree] += 1;
        self.masks.tree_ranks[feature].extend_from_slice(&self.tree_row);
    }

    pub(super) fn build(self) -> Masks {
        self.masks
    }
}

/// Numbers a tree's leaves from left to right.
struct LeafOrder<'a> {
    tree: &'a TreeData,
    lengths: &'a [f64],
    ordered: &'a mut [f64],
    not_left: &'a mut [u64],
    n_words: usize,
    next: usize,
}

impl LeafOrder<'_> {
    fn visit(&mut self, child: Child) {
        match child {
            Child::Leaf(leaf) => {
                self.ordered[self.next] = self.lengths[leaf];
                self.next += 1;
            }
            Child::Split(split) => {
                let start = self.next;
                self.visit(Child::decode(self.tree.left[split]));
                for leaf in start..self.next {
                    self.not_left[split * self.n_words + leaf / 64] &= !(1 << (leaf % 64));
                }
                self.visit(Child::decode(self.tree.right[split]));
            }
        }
    }
}

impl Masks {
    /// Adds the path length of each tree to `sum`, in order.
    #[inline(always)]
    pub(super) fn add_path_lengths(&self, ranks: &[Ranks], reading: &[f64], sum: f64) -> f64 {
        match self.n_words {
            1 => self.of_words::<1>(ranks, reading, sum),
            2 => self.of_words::<2>(ranks, reading, sum),
            _ => self.of_words::<4>(ranks, reading, sum),
        }
    }

    #[inline(always)]
    fn of_words<const W: usize>(&self, ranks: &[Ranks], reading: &[f64], sum: f64) -> f64 {
        match *reading {
            [a] => self.add::<1, W>(ranks, [a], sum),
            [a, b] => self.add::<2, W>(ranks, [a, b], sum),
            [a, b, c] => self.add::<3, W>(ranks, [a, b, c], sum),
            [a, b, c, d] => self.add::<4, W>(ranks, [a, b, c, d], sum),
            _ => unreachable!("masks exist for up to {MAX_FEATURES} features"),
        }
    }

    // Not inlined: all instances in one function would need too many registers.
    #[inline(never)]
    fn add<const F: usize, const W: usize>(&self, ranks: &[Ranks], reading: [f64; F], mut sum: f64) -> f64 {
        let n_trees = self.n_trees;
        let rows: [&[u8]; F] =
            std::array::from_fn(|f| &self.tree_ranks[f][ranks[f].rank(reading[f]) * n_trees..][..n_trees]);
        let masks = self.masks.as_chunks::<W>().0.chunks_exact(F * self.n_ranks);
        let lengths = self.path_lengths.as_chunks::<64>().0.as_chunks::<W>().0;
        for (tree, (masks, lengths)) in masks.zip(lengths).enumerate().take(n_trees) {
            let mut allowed = [u64::MAX; W];
            for f in 0..F {
                let mask = &masks[f * self.n_ranks + usize::from(rows[f][tree])];
                for word in 0..W {
                    allowed[word] &= mask[word];
                }
            }
            // The last leaf of a tree is in no left subtree, so some word is not 0.
            let mut length = 0.0;
            for word in (0..W).rev() {
                let first = lengths[word][(allowed[word].trailing_zeros() % 64) as usize];
                length = if allowed[word] != 0 { first } else { length };
            }
            sum += length;
        }
        sum
    }
}
