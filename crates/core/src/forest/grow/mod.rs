//! Grows trees from random samples of the readings.

use std::cell::Cell;

mod plane;
mod sample;
mod value;

pub(super) use plane::is_right;

use plane::PlaneSplitter;
use sample::Sampler;
use value::ValueSplitter;

use super::{
    data::{Child, TreeData},
    rng::TreeRng,
};

/// Grows the trees of one forest one after the other, without an allocation per node.
pub(super) struct Grower<'a> {
    sampler: Sampler<'a>,
    splitter: Splitter,
    max_depth: u32,
    /// The sample's reading numbers, grouped by node.
    order: Vec<u32>,
    tree: TreeData,
}

enum Splitter {
    /// For classic trees.
    Value(ValueSplitter),
    /// For extended trees.
    Plane(PlaneSplitter),
}

impl<'a> Grower<'a> {
    /// Readings must be finite; `sample_size` is at most their number.
    pub(super) fn new(readings: &'a [f64], n_features: usize, sample_size: usize, extension_level: usize) -> Self {
        Self {
            sampler: Sampler::new(readings, n_features, sample_size),
            splitter: match extension_level {
                0 => Splitter::Value(ValueSplitter::new(n_features, sample_size)),
                _ => Splitter::Plane(PlaneSplitter::new(n_features, sample_size, extension_level + 1)),
            },
            // ⌈log2(sample_size)⌉
            max_depth: sample_size.next_power_of_two().ilog2(),
            order: Vec::with_capacity(sample_size),
            tree: TreeData::default(),
        }
    }

    pub(super) fn grow(&mut self, mut rng: TreeRng) -> TreeData {
        let drawn = self.sampler.draw(&mut rng);
        match &mut self.splitter {
            Splitter::Value(splitter) => splitter.take(drawn),
            Splitter::Plane(splitter) => splitter.take(drawn),
        }
        self.order.clear();
        self.order.extend(0..drawn.len() as u32);
        // Grown in a reused buffer, then cloned to its exact size.
        self.tree.clear();
        let root = self.grow_node(0, self.order.len(), 0, &mut rng);
        debug_assert_eq!(root, self.tree.root());
        self.tree.clone()
    }

    // Inlined, so that leaves, half of all nodes, need no call.
    #[inline(always)]
    fn grow_node(&mut self, start: usize, end: usize, depth: u32, rng: &mut TreeRng) -> Child {
        if end - start > 1
            && depth < self.max_depth
            && let Some(split) = self.grow_split(start, end, depth, rng)
        {
            return Child::Split(split);
        }
        self.tree.n_samples.push((end - start) as u32);
        Child::Leaf(self.tree.n_samples.len() - 1)
    }

    /// `None` if all readings are equal.
    fn grow_split(&mut self, start: usize, end: usize, depth: u32, rng: &mut TreeRng) -> Option<usize> {
        let node = &mut self.order[start..end];
        let n_left = match &mut self.splitter {
            Splitter::Value(splitter) => splitter.split(node, &mut self.tree, rng),
            Splitter::Plane(splitter) => splitter.split(node, &mut self.tree, rng),
        }?;
        let split = self.tree.left.len();
        self.tree.left.push(0);
        self.tree.right.push(0);
        self.tree.left[split] = self.grow_node(start, start + n_left, depth + 1, rng).encode();
        self.tree.right[split] = self.grow_node(start + n_left, end, depth + 1, rng).encode();
        Some(split)
    }
}

/// Extends a range to include a value.
#[inline(always)]
fn widen(low: &mut f64, high: &mut f64, value: f64) {
    // In this order each comparison compiles to a single minsd or maxsd on x86-64; otherwise the value is copied first.
    *low = if *low < value { *low } else { value };
    *high = if *high > value { *high } else { value };
}

/// Partitions a node into left and right readings; returns the number of left ones. The loop is unrolled `UNROLLED`
/// times, which helps if `is_left` is short.
// Not inlined: within the recursion it would need too many registers.
#[inline(never)]
fn partition<const UNROLLED: usize>(node: &mut [u32], is_left: impl Fn(u32) -> bool) -> usize {
    // Cells, so that one element can be read while another is moved.
    let node = Cell::from_mut(node).as_slice_of_cells();
    let (chunks, rest) = node.as_chunks::<UNROLLED>();
    let mut n_left = 0;
    chunks.iter().flatten().chain(rest).for_each(|cell| {
        // Always swaps and counts the swap or not, which is cheaper than an unpredictable branch.
        let row = cell.replace(node[n_left].get());
        node[n_left].set(row);
        n_left += usize::from(is_left(row));
    });
    n_left
}
