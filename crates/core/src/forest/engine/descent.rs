//! Scores one reading by descending several classic trees at a time, so that their memory accesses overlap.

use super::layout::{Layout, Root, TOGETHER};
use crate::forest::{ForestData, leaves::PathLengths};

#[derive(Clone)]
pub(super) struct Descent {
    nodes: Vec<Node>,
    /// Path length of each leaf node.
    lengths: Vec<f64>,
    roots: Vec<Root>,
}

#[derive(Clone, Copy)]
struct Node {
    /// Largest value that goes left; ∞ for a leaf.
    threshold: f64,
    /// The left child; the right one follows it. A leaf points to itself.
    left: u32,
    feature: u32,
}

impl Descent {
    pub(super) fn new(data: &ForestData, path_lengths: &PathLengths) -> Self {
        let layout = Layout::new(&data.trees, path_lengths);
        let nodes = layout.nodes.iter().map(|node| match node.split {
            None => Node { threshold: f64::INFINITY, left: node.left, feature: 0 },
            Some((tree, split)) => {
                let tree = &data.trees[tree];
                Node { threshold: tree.threshold[split], left: node.left, feature: u32::from(tree.feature[split]) }
            }
        });
        let lengths = layout.nodes.iter().map(|node| node.length).collect();
        Self { nodes: nodes.collect(), lengths, roots: layout.roots }
    }

    /// A reading's path length, summed over the trees in order.
    #[inline(always)]
    pub(super) fn path_sum(&self, reading: &[f64]) -> f64 {
        let (together, rest) = self.roots.as_chunks::<TOGETHER>();
        let mut sum = 0.0;
        for roots in together {
            let mut at = roots.map(|root| root.node);
            for _ in 0..roots[0].depth {
                for at in &mut at {
                    *at = self.step(reading, *at);
                }
            }
            sum = at.iter().fold(sum, |sum, &at| sum + self.lengths[at as usize]);
        }
        for root in rest {
            let at = (0..root.depth).fold(root.node, |at, _| self.step(reading, at));
            sum += self.lengths[at as usize];
        }
        sum
    }

    #[inline(always)]
    fn step(&self, reading: &[f64], at: u32) -> u32 {
        let node = &self.nodes[at as usize];
        node.left + u32::from(reading[node.feature as usize] > node.threshold)
    }
}
