//! All trees' nodes in one array, siblings side by side.

use crate::forest::{Child, TreeData, path_length::PathLengths};

/// Trees that are walked together.
pub(super) const TOGETHER: usize = 8;

pub(super) struct Layout {
    pub nodes: Vec<LaidNode>,
    pub roots: Vec<Root>,
}

/// A split or a leaf.
pub(super) struct LaidNode {
    /// The tree and its split; none for a leaf.
    pub split: Option<(usize, usize)>,
    /// The left child, which the right one follows; a leaf is its own.
    pub left: u32,
    /// Of a leaf, its path length.
    pub length: f64,
}

#[derive(Clone, Copy)]
pub(super) struct Root {
    pub node: u32,
    /// Steps after which each of the trees that are walked together has come to a leaf.
    pub depth: u32,
}

impl Layout {
    pub(super) fn new(trees: &[TreeData], path_lengths: &PathLengths) -> Self {
        let n_nodes = trees.iter().map(|tree| 2 * tree.n_splits() + 1).sum();
        let mut layout = Self { nodes: Vec::with_capacity(n_nodes), roots: Vec::with_capacity(trees.len()) };
        for (number, tree) in trees.iter().enumerate() {
            let mut depth = 0;
            tree.for_each_leaf_depth(|_, leaf_depth| depth = leaf_depth.max(depth));
            let root = layout.nodes.len();
            layout.roots.push(Root { node: root as u32, depth });
            layout.push_leaf();
            layout.place(tree, number, &path_lengths.of(tree), tree.root(), root);
        }
        for roots in layout.roots.chunks_mut(TOGETHER) {
            let depth = roots.iter().map(|root| root.depth).max().unwrap_or(0);
            roots.iter_mut().for_each(|root| root.depth = depth);
        }
        layout
    }

    fn push_leaf(&mut self) {
        self.nodes.push(LaidNode { split: None, left: self.nodes.len() as u32, length: 0.0 });
    }

    fn place(&mut self, tree: &TreeData, number: usize, lengths: &[f64], child: Child, at: usize) {
        match child {
            Child::Leaf(leaf) => self.nodes[at].length = lengths[leaf],
            Child::Split(split) => {
                let left = self.nodes.len();
                self.push_leaf();
                self.push_leaf();
                self.nodes[at].split = Some((number, split));
                self.nodes[at].left = left as u32;
                self.place(tree, number, lengths, Child::decode(tree.left[split]), left);
                self.place(tree, number, lengths, Child::decode(tree.right[split]), left + 1);
            }
        }
    }
}
