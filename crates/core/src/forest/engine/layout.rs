//! The nodes of all trees in one array, siblings adjacent.

use crate::forest::{Child, TreeData, leaves::PathLengths};

/// Number of trees descended together.
pub(super) const TOGETHER: usize = 8;

pub(super) struct Layout {
    pub nodes: Vec<LaidNode>,
    pub roots: Vec<Root>,
}

/// A split or a leaf.
pub(super) struct LaidNode {
    /// The tree and split number; `None` for a leaf.
    pub split: Option<(usize, usize)>,
    /// The left child; the right one follows it. A leaf points to itself.
    pub left: u32,
    /// The path length of a leaf.
    pub length: f64,
}

#[derive(Clone, Copy)]
pub(super) struct Root {
    pub node: u32,
    /// Maximum depth of the trees descended together.
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
