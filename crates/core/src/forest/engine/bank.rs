//! Up to 128 classic trees with their thresholds replaced by ranks.

use super::{
    masks::{self, Masks, MasksBuilder},
    program::Program,
    rank::{Entry, Ranks},
};
use crate::forest::{TreeData, leaves::PathLengths};

/// Maximum number of trees: the tables have thresholds × trees entries.
pub(super) const MAX_TREES: usize = 128;
/// Maximum number of thresholds per feature in a group, so that a rank fits a byte.
const MAX_GROUP_THRESHOLDS: usize = 254;

/// The number of a group's thresholds below a value, minus 128.
pub(super) type GroupRank = i8;
const MIN_GROUP_RANK: GroupRank = GroupRank::MIN;

#[derive(Clone)]
pub(super) struct Bank {
    /// Per feature, the search for a value's rank among the thresholds.
    pub ranks: Vec<Ranks>,
    /// Per feature, group ranks, `ranks × groups`.
    pub group_ranks: Vec<Vec<GroupRank>>,
    /// Groups of consecutive trees whose ranks fit a byte.
    pub groups: Vec<Vec<Program>>,
    /// `None` with too many features.
    masks: Option<Masks>,
}

impl Bank {
    /// A bank of up to [`MAX_TREES`] classic trees; `None` if a tree has too many leaves or thresholds.
    pub(super) fn new(trees: &[TreeData], n_features: usize, path_lengths: &PathLengths) -> Option<Self> {
        if trees.iter().any(|tree| tree.n_samples.len() > masks::MAX_LEAVES) {
            return None;
        }
        let mut thresholds = Thresholds::new(trees, n_features)?;
        let path_lengths: Vec<Vec<f64>> = trees.iter().map(|tree| path_lengths.of(tree)).collect();
        let mut masks = (n_features <= masks::MAX_FEATURES)
            .then(|| MasksBuilder::new(trees, &path_lengths, n_features, thresholds.max_per_tree + 1));
        let n_groups = thresholds.n_groups;
        let mut split_ranks = vec![[0; 256]; trees.len()];
        let (mut ranks, mut group_ranks) = (Vec::with_capacity(n_features), Vec::with_capacity(n_features));
        let mut scratch = Vec::new();
        for entries in &mut thresholds.entries {
            ranks.push(Ranks::new(entries, &mut scratch));
            if let Some(masks) = &mut masks {
                masks.start_feature(entries.len());
            }
            let mut row = [MIN_GROUP_RANK; MAX_TREES];
            let mut rows = Vec::with_capacity((entries.len() + 1) * n_groups);
            rows.extend_from_slice(&row[..n_groups]);
            for &(_, id) in &*entries {
                let (tree, split) = (id as usize / masks::MAX_LEAVES, id as usize % masks::MAX_LEAVES);
                let group = thresholds.group_of[tree];
                // Equal thresholds have distinct ranks; a value exceeds all of them or none.
                split_ranks[tree][split] = row[group];
                row[group] += 1;
                rows.extend_from_slice(&row[..n_groups]);
                if let Some(masks) = &mut masks {
                    masks.pass(tree, split);
                }
            }
            group_ranks.push(rows);
        }
        let mut groups = vec![Vec::new(); n_groups];
        for (((tree, lengths), split_ranks), &group) in
            trees.iter().zip(path_lengths).zip(&split_ranks).zip(&thresholds.group_of)
        {
            groups[group].push(Program::new(tree, lengths, split_ranks));
        }
        Some(Self { ranks, group_ranks, groups, masks: masks.map(MasksBuilder::build) })
    }

    /// Adds the path length of each tree to `sum`, in order; only with masks.
    #[inline(always)]
    pub(super) fn add_path_lengths(&self, reading: &[f64], sum: f64) -> f64 {
        self.masks.as_ref().map_or(sum, |masks| masks.add_path_lengths(&self.ranks, reading, sum))
    }
}

/// The trees' thresholds by feature, and the assignment of trees to groups.
struct Thresholds {
    /// Per feature, thresholds with tree and split numbers.
    entries: Vec<Vec<Entry>>,
    group_of: Vec<usize>,
    n_groups: usize,
    /// Maximum number of thresholds of one feature in one tree.
    max_per_tree: usize,
}

impl Thresholds {
    fn new(trees: &[TreeData], n_features: usize) -> Option<Self> {
        let n_splits: usize = trees.iter().map(TreeData::n_splits).sum();
        let mut entries: Vec<Vec<Entry>> = (0..n_features).map(|_| Vec::with_capacity(n_splits / n_features)).collect();
        let mut group_of = Vec::with_capacity(trees.len());
        let (mut group, mut max_per_tree) = (0, 0);
        let mut of_group = vec![0; n_features];
        let mut of_tree = vec![0; n_features];
        for (number, tree) in trees.iter().enumerate() {
            of_tree.fill(0);
            for (split, (&feature, &threshold)) in tree.feature.iter().zip(&tree.threshold).enumerate() {
                let feature = usize::from(feature);
                of_tree[feature] += 1;
                // Adding 0 turns −0 into 0.
                entries[feature].push((threshold + 0.0, (number * masks::MAX_LEAVES + split) as u32));
            }
            max_per_tree = of_tree.iter().copied().max().unwrap_or(0).max(max_per_tree);
            if of_group.iter().zip(&of_tree).any(|(group, tree)| group + tree > MAX_GROUP_THRESHOLDS) {
                group += 1;
                of_group.fill(0);
            }
            of_group.iter_mut().zip(&of_tree).for_each(|(group, tree)| *group += tree);
            group_of.push(group);
        }
        let fits = max_per_tree <= MAX_GROUP_THRESHOLDS;
        fits.then_some(Self { entries, group_of, n_groups: group + 1, max_per_tree })
    }
}
