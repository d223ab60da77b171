//! A tree as a straight line of selections, from the leaves up to the root.

use crate::forest::{Child, TreeData};

/// Most selections one operation makes after its first.
pub(super) const MAX_CHAIN: usize = 3;

/// `if row > threshold { leaf } else { what there was }`
#[derive(Clone, Copy, Default)]
pub(super) struct Test {
    /// Twice the feature, for its ranks; one more for their complements, which turn the comparison round.
    pub row: u16,
    /// As [`super::bank::GroupRank`].
    pub threshold: i8,
    pub leaf: u8,
}

/// What an operation starts from. The slots are a stack.
#[derive(Clone, Copy)]
pub(super) enum Base {
    /// Pushes one of two leaves.
    Leaves,
    /// Takes the upper slot where the first test holds, else the one beneath it, in place of both.
    Merge,
    /// The upper slot; the first test is not made.
    Top,
}

/// One pass over a block of readings.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub base: Base,
    pub chain_length: u8,
    /// For [`Base::Leaves`], the leaf where the first test does not hold.
    pub low_leaf: u8,
    pub first: Test,
    pub chain: [Test; MAX_CHAIN],
}

#[derive(Clone)]
pub(super) struct Program {
    pub operations: Vec<Operation>,
    pub path_lengths: Vec<f64>,
}

impl Program {
    /// For a tree of at most 256 leaves. `ranks` gives, for each split, the group rank of its threshold.
    pub(super) fn new(tree: &TreeData, path_lengths: Vec<f64>, ranks: &[i8; 256]) -> Self {
        let mut operations = Vec::with_capacity(tree.n_splits().max(1));
        match tree.root() {
            // No rank exceeds the greatest, so this is the only leaf, leaf 0.
            Child::Leaf(_) => {
                operations.push(Operation::new(Base::Leaves, Test { threshold: i8::MAX, ..Test::default() }))
            }
            Child::Split(root) => {
                let mut n_slots = [0; 256];
                for split in (0..tree.n_splits()).rev() {
                    let [left, right] = [tree.left[split], tree.right[split]].map(|child| match Child::decode(child) {
                        Child::Split(split) => n_slots[split],
                        Child::Leaf(_) => 0,
                    });
                    n_slots[split] = if left == right { left + 1 } else { left.max(right) };
                }
                Compiler { tree, ranks, n_slots, operations: &mut operations }.emit(root);
            }
        }
        Self { operations, path_lengths }
    }
}

impl Operation {
    fn new(base: Base, first: Test) -> Self {
        Self { base, chain_length: 0, low_leaf: 0, first, chain: [Test::default(); MAX_CHAIN] }
    }
}

struct Compiler<'a> {
    tree: &'a TreeData,
    ranks: &'a [i8; 256],
    /// How many slots the part of the tree below each split needs (Sethi and Ullman, 1970).
    n_slots: [u8; 256],
    operations: &'a mut Vec<Operation>,
}

impl Compiler<'_> {
    fn emit(&mut self, split: usize) {
        let (row, rank) = (2 * self.tree.feature[split], self.ranks[split]);
        let high = |leaf: usize| Test { row, threshold: rank, leaf: leaf as u8 };
        // value <= rank where !value > !rank − 1
        let low = |leaf: usize| Test { row: row + 1, threshold: !rank - 1, leaf: leaf as u8 };
        match (Child::decode(self.tree.left[split]), Child::decode(self.tree.right[split])) {
            (Child::Leaf(left), Child::Leaf(right)) => {
                let operation = Operation { low_leaf: left as u8, ..Operation::new(Base::Leaves, high(right)) };
                self.operations.push(operation);
            }
            (Child::Split(left), Child::Leaf(leaf)) => {
                self.emit(left);
                self.chain(high(leaf));
            }
            (Child::Leaf(leaf), Child::Split(right)) => {
                self.emit(right);
                self.chain(low(leaf));
            }
            // The side that needs more slots goes first, when more are free.
            (Child::Split(left), Child::Split(right)) => {
                let (first, second, test) = match self.n_slots[left] >= self.n_slots[right] {
                    true => (left, right, high(0)),
                    false => (right, left, low(0)),
                };
                self.emit(first);
                self.emit(second);
                self.operations.push(Operation::new(Base::Merge, test));
            }
        }
    }

    /// Adds a test to the last operation, whose result it overrides.
    fn chain(&mut self, test: Test) {
        let is_full = |operation: &Operation| usize::from(operation.chain_length) == MAX_CHAIN;
        if self.operations.last().is_none_or(is_full) {
            self.operations.push(Operation::new(Base::Top, Test::default()));
        }
        if let Some(last) = self.operations.last_mut() {
            last.chain[usize::from(last.chain_length)] = test;
            last.chain_length += 1;
        }
    }
}
