//! One reading down extended trees.
//!
//! A split's side is first worked out in whatever way is fast; only where that lies so close to the plane that rounding
//! could have decided is it worked out in the reference's order of operations. So every decision is the reference's.

use super::layout::{Layout, Root, TOGETHER};
use crate::forest::{ForestData, grow, path_length::PathLengths};

/// Features are taken by so many at a time.
const LANES: usize = 4;
/// Enough for 64 features.
const MAX_LANES: usize = 17;

#[derive(Clone)]
pub(super) struct Planes {
    /// For each node, less the plane's distance from 0 in units of its normal, then the normal, then zeros up to whole
    /// lanes. A leaf's distance is ∞.
    planes: Vec<[f64; LANES]>,
    /// Lanes a node has.
    n_lanes: usize,
    /// The left child of each node, which the right one follows; a leaf is its own.
    left: Vec<u32>,
    /// The tree and the split of each node that is one.
    splits: Vec<Option<(usize, usize)>>,
    /// Path length of each node that is a leaf.
    lengths: Vec<f64>,
    roots: Vec<Root>,
    /// Largest sum of a normal's magnitudes, and of their products with the intercept's.
    normal: f64,
    distance: f64,
}

impl Planes {
    pub(super) fn new(data: &ForestData, path_lengths: &PathLengths) -> Self {
        let layout = Layout::new(&data.trees, path_lengths);
        let width = data.extension_level + 1;
        // Only some numbers of lanes are compiled; the rest are filled up with zeros.
        let n_lanes = match (data.n_features + 1).div_ceil(LANES) {
            few @ 0..=4 => few,
            5..=8 => 8,
            9..=MAX_LANES => MAX_LANES,
            many => many,
        };
        let mut planes = vec![[0.0; LANES]; layout.nodes.len() * n_lanes];
        let (mut largest_normal, mut largest_distance) = (0.0_f64, 0.0_f64);
        for (node, plane) in layout.nodes.iter().zip(planes.chunks_exact_mut(n_lanes)) {
            let plane = plane.as_flattened_mut();
            let Some((tree, split)) = node.split else {
                plane[0] = f64::NEG_INFINITY;
                continue;
            };
            let tree = &data.trees[tree];
            let (mut sum_of_normals, mut sum_of_distances) = (0.0, 0.0);
            for i in split * width..(split + 1) * width {
                let distance = tree.normal[i] * tree.intercept[i];
                plane[usize::from(tree.feature[i]) + 1] = tree.normal[i];
                plane[0] -= distance;
                sum_of_normals += tree.normal[i].abs();
                sum_of_distances += distance.abs();
            }
            largest_normal = largest_normal.max(sum_of_normals);
            largest_distance = largest_distance.max(sum_of_distances);
        }
        Self {
            planes,
            n_lanes,
            left: layout.nodes.iter().map(|node| node.left).collect(),
            splits: layout.nodes.iter().map(|node| node.split).collect(),
            lengths: layout.nodes.iter().map(|node| node.length).collect(),
            roots: layout.roots,
            normal: largest_normal,
            distance: largest_distance,
        }
    }

    /// A reading's path length, summed over the trees in their order.
    pub(super) fn path_sum(&self, data: &ForestData, reading: &[f64]) -> f64 {
        match self.n_lanes {
            1 => self.path_sum_in::<1>(data, reading),
            2 => self.path_sum_in::<2>(data, reading),
            3 => self.path_sum_in::<3>(data, reading),
            4 => self.path_sum_in::<4>(data, reading),
            8 => self.path_sum_in::<8>(data, reading),
            MAX_LANES => self.path_sum_in::<MAX_LANES>(data, reading),
            _ => self.path_sum_exactly(data, reading),
        }
    }

    /// `N` is `n_lanes`.
    #[inline(never)]
    fn path_sum_in<const N: usize>(&self, data: &ForestData, reading: &[f64]) -> f64 {
        let mut lanes = [[0.0; LANES]; N];
        lanes.as_flattened_mut()[0] = 1.0;
        lanes.as_flattened_mut()[1..=reading.len()].copy_from_slice(reading);
        let uncertain = self.uncertain(reading);
        let walker = Walker { planes: self, by_node: self.planes.as_chunks().0, data, reading, lanes, uncertain };
        let (together, rest) = self.roots.as_chunks::<TOGETHER>();
        let mut sum = 0.0;
        for roots in together {
            let mut at = roots.map(|root| root.node);
            for _ in 0..roots[0].depth {
                for at in &mut at {
                    *at = walker.step(*at);
                }
            }
            sum = at.iter().fold(sum, |sum, &at| sum + self.lengths[at as usize]);
        }
        for root in rest {
            let at = (0..root.depth).fold(root.node, |at, _| walker.step(at));
            sum += self.lengths[at as usize];
        }
        sum
    }

    fn path_sum_exactly(&self, data: &ForestData, reading: &[f64]) -> f64 {
        self.roots.iter().fold(0.0, |sum, root| {
            let step = |at: u32| self.left[at as usize] + u32::from(self.is_right(data, at, reading));
            let at = (0..root.depth).fold(root.node, |at, _| step(at));
            sum + self.lengths[at as usize]
        })
    }

    /// In the reference's order of operations.
    #[cold]
    #[inline(never)]
    fn is_right(&self, data: &ForestData, at: u32, reading: &[f64]) -> bool {
        let Some((tree, split)) = self.splits[at as usize] else {
            return false;
        };
        let width = data.extension_level + 1;
        let (tree, plane) = (&data.trees[tree], split * width..(split + 1) * width);
        let values = tree.feature[plane.clone()].iter().map(|&feature| reading[usize::from(feature)]);
        grow::is_right(values, &tree.normal[plane.clone()], &tree.intercept[plane])
    }

    /// Twice the most by which rounding moves a reading across a plane.
    ///
    /// Both ways add `w` products of up to three rounded operations. Each is off by no more than
    /// `(w + 3) · ε · Σ |normal| · (|value| + |intercept|)` (Higham: Accuracy and Stability of Numerical Algorithms,
    /// 3.1); twice that, with room for its own rounding.
    fn uncertain(&self, reading: &[f64]) -> f64 {
        let largest = reading.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let n_roundings = (self.n_lanes * LANES + 4) as f64;
        4.0 * n_roundings * f64::EPSILON * (self.normal * largest + self.distance) + f64::MIN_POSITIVE
    }
}

struct Walker<'a, const N: usize> {
    planes: &'a Planes,
    by_node: &'a [[[f64; LANES]; N]],
    data: &'a ForestData,
    reading: &'a [f64],
    /// 1, the reading, zeros.
    lanes: [[f64; LANES]; N],
    uncertain: f64,
}

impl<const N: usize> Walker<'_, N> {
    #[inline(always)]
    fn step(&self, at: u32) -> u32 {
        let mut sides = [0.0; LANES];
        for (lane, plane) in self.lanes.iter().zip(&self.by_node[at as usize]) {
            for i in 0..LANES {
                sides[i] += lane[i] * plane[i];
            }
        }
        let side = (sides[0] + sides[1]) + (sides[2] + sides[3]);
        let is_right =
            if side.abs() > self.uncertain { side > 0.0 } else { self.planes.is_right(self.data, at, self.reading) };
        self.planes.left[at as usize] + u32::from(is_right)
    }
}
