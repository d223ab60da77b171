//! Splits of extended trees: a hyperplane with a random normal through a random point of the node's bounding box.

use super::{partition, sample::Sample, widen};
use crate::forest::{data::TreeData, rng::TreeRng};

/// Number of values processed at a time; rows are padded with zeros.
const LANES: usize = 4;

type Lane = [f64; LANES];

pub(super) struct PlaneSplitter {
    n_features: usize,
    /// Number of features per plane.
    width: usize,
    /// Number of lanes per row.
    n_lanes: usize,
    /// The sample, row-major.
    rows: Vec<Lane>,
    /// Minimum and maximum of each feature in a node.
    low: Vec<Lane>,
    high: Vec<Lane>,
    features: Vec<u16>,
    /// The plane; 0 for other features.
    normal: Vec<Lane>,
    intercept: Vec<Lane>,
}

impl PlaneSplitter {
    pub(super) fn new(n_features: usize, sample_size: usize, width: usize) -> Self {
        let n_lanes = n_features.div_ceil(LANES);
        let lanes = |n| vec![[0.0; LANES]; n * n_lanes];
        Self {
            n_features,
            width,
            n_lanes,
            rows: lanes(sample_size),
            low: lanes(1),
            high: lanes(1),
            features: Vec::with_capacity(n_features),
            normal: lanes(1),
            intercept: lanes(1),
        }
    }

    pub(super) fn take(&mut self, sample: Sample<'_>) {
        for (row, values) in self.rows.chunks_exact_mut(self.n_lanes).zip(sample.rows()) {
            row.as_flattened_mut()[..self.n_features].copy_from_slice(values);
        }
    }

    /// Returns the number of readings that go left; `None` if all features are constant.
    pub(super) fn split(&mut self, node: &mut [u32], tree: &mut TreeData, rng: &mut TreeRng) -> Option<usize> {
        self.measure(node);
        self.choose_features(rng)?;
        let (low, high) = (self.low.as_flattened(), self.high.as_flattened());
        let (normals, intercepts) = (self.normal.as_flattened_mut(), self.intercept.as_flattened_mut());
        normals.fill(0.0);
        intercepts.fill(0.0);
        for &feature in &self.features[..self.width] {
            let at = usize::from(feature);
            normals[at] = rng.normal();
            intercepts[at] = rng.between(low[at], high[at]);
            tree.feature.push(feature);
            tree.normal.push(normals[at]);
            tree.intercept.push(intercepts[at]);
        }
        let (rows, n_lanes) = (&self.rows[..], self.n_lanes);
        let (normal, intercept) = (&self.normal[..], &self.intercept[..]);
        Some(partition::<1>(node, |row| lanes_are_left(&rows[row as usize * n_lanes..][..n_lanes], normal, intercept)))
    }

    fn measure(&mut self, node: &[u32]) {
        for lane in 0..self.n_lanes {
            let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
            for &row in node {
                let values = &self.rows[row as usize * self.n_lanes + lane];
                for i in 0..LANES {
                    widen(&mut low[i], &mut high[i], values[i]);
                }
            }
            (self.low[lane], self.high[lane]) = (low, high);
        }
    }

    /// Moves the plane's features to the front, ascending: drawn among those that vary, and among constant ones only if
    /// those are too few.
    fn choose_features(&mut self, rng: &mut TreeRng) -> Option<()> {
        let (low, high) = (self.low.as_flattened(), self.high.as_flattened());
        self.features.clear();
        let mut n_varying = 0;
        for feature in 0..self.n_features {
            self.features.push(feature as u16);
            if low[feature] < high[feature] {
                self.features.swap(n_varying, feature);
                n_varying += 1;
            }
        }
        if n_varying == 0 {
            return None;
        }
        let (first, candidates) = if n_varying >= self.width { (0, n_varying) } else { (n_varying, self.n_features) };
        for i in first..self.width {
            let pick = i + rng.below((candidates - i) as u32) as usize;
            self.features.swap(i, pick);
        }
        self.features[..self.width].sort_unstable();
        Some(())
    }
}

/// The opposite of [`is_right`]; features that are not in the plane add 0.
#[inline(always)]
fn lanes_are_left(row: &[Lane], normal: &[Lane], intercept: &[Lane]) -> bool {
    let mut side = 0.0;
    for ((values, normal), intercept) in row.iter().zip(normal).zip(intercept) {
        let mut products = [0.0; LANES];
        for i in 0..LANES {
            products[i] = (values[i] - intercept[i]) * normal[i];
        }
        side = products.into_iter().fold(side, |sum, product| sum + product);
    }
    is_left_side(side)
}

/// Whether a reading is on the right of a hyperplane, computed in the reference crate's order of operations. `values` are
/// those of the plane's features.
#[inline]
pub(crate) fn is_right(values: impl Iterator<Item = f64>, normal: &[f64], intercept: &[f64]) -> bool {
    let products = values.zip(normal).zip(intercept).map(|((value, normal), intercept)| (value - intercept) * normal);
    !is_left_side(products.fold(0.0, |sum, product| sum + product))
}

/// False for NaN, as in the reference.
#[inline]
fn is_left_side(side: f64) -> bool {
    side <= 0.0
}
