//! Compiles a tree to a branchless sequence of selections, from the leaves up to the root.

use crate::forest::{Child, TreeData};

/// Maximum number of selections of an operation after its first.
pub(super) const MAX_CHAIN: usize = 3;

/// `if row > threshold { leaf } else { previous value }`
#[derive(Clone, Copy, Default)]
pub(super) struct Test {
    /// 2 · feature for its ranks, 2 · feature + 1 for their complements, which reverse the comparison.
    pub row: u16,
    /// A [`super::bank::GroupRank`].
    pub threshold: i8,
    pub leaf: u8,
}

/// The start value of an operation. The slots form a stack.
#[derive(Clone, Copy)]
pub(super) enum Base {
    /// Pushes one of two leaves.
    Leaves,
    /// Replaces the top two slots by the upper one if the first test holds, else by the lower one.
    Merge,
    /// The top slot, without the first test.
    Top,
}

/// One pass over a block of readings.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub base: Base,
    pub chain_length: u8,
    /// For [`Base::Leaves`], the leaf if the first test does not hold.
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
    /// Compiles a tree of at most 256 leaves. `ranks` has the group rank of each split's threshold.
    pub(super) fn new(tree: &TreeData, path_lengths: Vec<f64>, ranks: &[i8; 256]) -> Self {
        let mut operations = Vec::with_capacity(tree.n_splits().max(1));
        match tree.root() {
            // No rank exceeds the maximum, so the result is always leaf 0.
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
    /// Number of slots needed by the subtree of each split (Sethi and Ullman, 1970).
    n_slots: [u8; 256],
    operations: &'a mut Vec<Operation>,
}

impl Compiler<'_> {
    fn emit(&mut self, split: usize) {
        let (row, rank) = (2 * self.tree.feature[split], self.ranks[split]);
        let high = |leaf: usize| Test { row, threshold: rank, leaf: leaf as u8 };
        // value <= rank if and only if !value > !rank − 1
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
            // The subtree that needs more slots goes first, while more are free.
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

    /// Appends a test that overrides the result of the last operation.
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
