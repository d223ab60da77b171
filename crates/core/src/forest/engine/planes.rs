//! Scores one reading by descending extended trees.
//!
//! The side of a split is computed in a fast order of operations first, and again in the reference's order if the reading
//! is so close to the plane that rounding could matter. So every decision is that of the reference.

use super::layout::{Layout, Root, TOGETHER};
use crate::forest::{ForestData, grow, leaves::PathLengths};

/// Number of features processed at a time.
const LANES: usize = 4;
/// Number of lanes for 64 features.
const MAX_LANES: usize = 17;

#[derive(Clone)]
pub(super) struct Planes {
    /// Per node: minus the dot product of normal and intercept (−∞ for a leaf), the normal, and zero padding.
    planes: Vec<[f64; LANES]>,
    /// Number of lanes per node.
    n_lanes: usize,
    /// The left child of each node; the right one follows it. A leaf points to itself.
    left: Vec<u32>,
    /// The tree and split number of each node; `None` for a leaf.
    splits: Vec<Option<(usize, usize)>>,
    /// Path length of each leaf node.
    lengths: Vec<f64>,
    roots: Vec<Root>,
    /// Maxima over the nodes of Σ |normal| and Σ |normal · intercept|, for the error bound.
    normal: f64,
    distance: f64,
}

impl Planes {
    pub(super) fn new(data: &ForestData, path_lengths: &PathLengths) -> Self {
        let layout = Layout::new(&data.trees, path_lengths);
        let width = data.extension_level + 1;
        // Code exists for some numbers of lanes only; others are padded to the next.
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

    /// A reading's path length, summed over the trees in order.
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
        let error_bound = self.error_bound(reading);
        let walker = Walker { planes: self, by_node: self.planes.as_chunks().0, data, reading, lanes, error_bound };
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

    /// The side in the reference's order of operations.
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

    /// Twice the maximum rounding error of a side.
    ///
    /// Both orders sum `w` products of up to three rounded operations. The error of each is at most
    /// `(w + 3) · ε · Σ |normal| · (|value| + |intercept|)` (Higham: Accuracy and Stability of Numerical Algorithms,
    /// 3.1); the bound is twice that, and more for its own rounding.
    fn error_bound(&self, reading: &[f64]) -> f64 {
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
    /// 1, the values of the reading, zero padding.
    lanes: [[f64; LANES]; N],
    error_bound: f64,
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
            if side.abs() > self.error_bound { side > 0.0 } else { self.planes.is_right(self.data, at, self.reading) };
        self.planes.left[at as usize] + u32::from(is_right)
    }
}
