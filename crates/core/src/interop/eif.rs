//! The conversion, through the crate's serde format.

use extended_isolation_forest as eif;
use serde::{Deserialize, Serialize};

use super::InteropError;
use crate::forest::{Child, Forest, ForestData, PathLength, TreeData};

/// The crate's serde format.
#[derive(Serialize, Deserialize)]
struct EifForest {
    avg_path_length_c: f64,
    trees: Vec<EifTree>,
}

#[derive(Serialize, Deserialize)]
struct EifTree {
    root: EifNode,
}

#[derive(Serialize, Deserialize)]
enum EifNode {
    Ex { num_samples: usize },
    In { left: Box<EifNode>, right: Box<EifNode>, n: Vec<f64>, p: Vec<f64> },
}

/// Converts our forest to `extended-isolation-forest`: the same trees, the same decision for every reading.
///
/// # Errors
///
/// If the forest does not have `N` features, or came from scikit-learn.
pub fn to_eif<const N: usize>(forest: &Forest) -> Result<eif::Forest<f64, N>, InteropError> {
    let data = forest.data();
    if data.n_features != N {
        return Err(InteropError::Features { forest: data.n_features, asked: N });
    }
    if data.path_length != PathLength::ExtendedIsolationForest {
        return Err(InteropError::PathLength);
    }
    let written = EifForest {
        avg_path_length_c: data.path_length.average(data.sample_size),
        trees: data.trees.iter().map(|tree| EifTree { root: write_node(data, tree, tree.root()) }).collect(),
    };
    Ok(serde_json::from_value(serde_json::to_value(written)?)?)
}

fn write_node(data: &ForestData, tree: &TreeData, node: Child) -> EifNode {
    let split = match node {
        Child::Leaf(leaf) => {
            return EifNode::Ex { num_samples: tree.n_samples[leaf] as usize };
        }
        Child::Split(split) => split,
    };
    let (mut n, mut p) = (vec![0.0; data.n_features], vec![0.0; data.n_features]);
    let width = data.extension_level + 1;
    for i in split * width..(split + 1) * width {
        let feature = usize::from(tree.feature[i]);
        // (value − threshold) · 1 <= 0 exactly where value <= threshold.
        (n[feature], p[feature]) = match data.extension_level {
            0 => (1.0, tree.threshold[i]),
            _ => (tree.normal[i], tree.intercept[i]),
        };
    }
    EifNode::In {
        left: Box::new(write_node(data, tree, Child::decode(tree.left[split]))),
        right: Box::new(write_node(data, tree, Child::decode(tree.right[split]))),
        n,
        p,
    }
}

/// Converts a forest of `extended-isolation-forest` to ours: the same trees, the same decision for every reading whose
/// distance from the training readings does not overflow.
///
/// # Errors
///
/// If the forest has no trees, or its leaves contradict its average path length.
pub fn from_eif<const N: usize>(forest: &eif::Forest<f64, N>) -> Result<Forest, InteropError> {
    let written: EifForest = serde_json::from_value(serde_json::to_value(forest)?)?;
    let mut n_features_in_a_split = 1;
    for tree in &written.trees {
        widest_split(&tree.root, &mut n_features_in_a_split);
    }
    let mut trees = Vec::with_capacity(written.trees.len());
    let mut sample_size = 0;
    for (index, tree) in written.trees.iter().enumerate() {
        let mut data = TreeData::default();
        read_node(&tree.root, n_features_in_a_split, &mut data);
        let n_samples = data.n_samples.iter().map(|&n| u64::from(n)).sum::<u64>();
        let measure = written.avg_path_length_c;
        sample_size = u32::try_from(n_samples).unwrap_or(0);
        // Logarithms may differ in the last bit; the averages of two sample sizes below 2³⁰ differ by more.
        let expected = PathLength::ExtendedIsolationForest.average(sample_size);
        let agrees = sample_size >= 2 && (expected - measure).abs() <= 1e-12 * measure.abs();
        if !agrees {
            return Err(InteropError::SampleSize { tree: index, n_samples, measure });
        }
        trees.push(data);
    }
    Ok(Forest::try_from(ForestData {
        n_features: N,
        sample_size,
        extension_level: n_features_in_a_split - 1,
        path_length: PathLength::ExtendedIsolationForest,
        trees,
    })?)
}

fn widest_split(node: &EifNode, widest: &mut usize) {
    if let EifNode::In { left, right, n, .. } = node {
        *widest = n.iter().filter(|&&n| n != 0.0).count().max(*widest);
        widest_split(left, widest);
        widest_split(right, widest);
    }
}

fn read_node(node: &EifNode, width: usize, tree: &mut TreeData) -> Child {
    let (mut left, mut right, n, p) = match node {
        EifNode::Ex { num_samples } => {
            tree.n_samples.push(u32::try_from(*num_samples).unwrap_or(u32::MAX));
            return Child::Leaf(tree.n_samples.len() - 1);
        }
        EifNode::In { left, right, n, p } => (left, right, n, p),
    };
    if width == 1 {
        let feature = n.iter().position(|&n| n != 0.0).unwrap_or(0);
        let (threshold, is_mirrored) = equivalent_threshold(n[feature], p[feature]);
        tree.feature.push(feature as u16);
        tree.threshold.push(threshold);
        if is_mirrored {
            std::mem::swap(&mut left, &mut right);
        }
    } else {
        // Coordinates of 0 add nothing: they are omitted, or pad a split that has fewer than the others.
        let mut features: Vec<usize> = (0..n.len()).filter(|&feature| n[feature] != 0.0).collect();
        let zeros = (0..n.len()).filter(|&feature| n[feature] == 0.0);
        features.extend(zeros.take(width - features.len()));
        features.sort_unstable();
        for feature in features {
            tree.feature.push(feature as u16);
            tree.normal.push(n[feature]);
            tree.intercept.push(p[feature]);
        }
    }
    let split = tree.left.len();
    tree.left.push(0);
    tree.right.push(0);
    tree.left[split] = read_node(left, width, tree).encode();
    tree.right[split] = read_node(right, width, tree).encode();
    Child::Split(split)
}

/// The threshold for which `value <= threshold` equals `(value − p) · n <= 0`, including rounding and underflow, and
/// whether the sides must be swapped.
fn equivalent_threshold(n: f64, p: f64) -> (f64, bool) {
    let is_left = |value: f64| (value - p) * n <= 0.0;
    // The sign changes once along the number line: bisect for the last value before the change.
    let last_before = |holds: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (to_ordered(f64::MIN), to_ordered(f64::MAX));
        while low < high {
            // The middle, rounded up, without overflow.
            let middle = (low | high) - ((low ^ high) >> 1);
            if holds(from_ordered(middle)) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        from_ordered(low)
    };
    if is_left(f64::MIN) { (last_before(&is_left), false) } else { (last_before(&|value| !is_left(value)), true) }
}

/// Maps numbers to integers in the same order.
fn to_ordered(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    if bits < 0 { i64::MIN - bits } else { bits }
}

fn from_ordered(ordered: i64) -> f64 {
    let bits = if ordered < 0 { i64::MIN - ordered } else { ordered };
    f64::from_bits(bits as u64)
}

/// Largest difference between our scores and those of `extended-isolation-forest` with the same trees, over all
/// `readings` (row-major `n_readings × n_features`); `None` above [`MAX_FEATURES`](super::MAX_FEATURES) features.
///
/// # Errors
///
/// If the readings are not complete rows, or the forest came from scikit-learn.
pub fn largest_difference(forest: &Forest, readings: &[f64]) -> Result<Option<f64>, InteropError> {
    let n_features = forest.n_features();
    if !readings.len().is_multiple_of(n_features) {
        return Err(InteropError::Shape { length: readings.len(), n_features });
    }
    macro_rules! dispatch {
        ($($n:literal)*) => {
            match n_features {
                $($n => difference::<$n>(forest, readings).map(Some),)*
                _ => Ok(None),
            }
        };
    }
    dispatch!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

fn difference<const N: usize>(forest: &Forest, readings: &[f64]) -> Result<f64, InteropError> {
    let reference = to_eif::<N>(forest)?;
    let (rows, _) = readings.as_chunks::<N>();
    let mut scores = vec![0.0; rows.len()];
    forest.score_batch(readings, &mut scores);
    let differences = rows.iter().zip(scores).map(|(row, score)| (score - reference.score(row)).abs());
    // NaN counts as the largest difference, so that it fails every comparison.
    Ok(differences.max_by(f64::total_cmp).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_decides_as_the_product_does() {
        let cases =
            [(1.0, 2.5), (-1.0, 2.5), (0.3, 0.0), (-0.3, -0.0), (1e-300, 1e-10), (-1e-300, 1e-10), (-0.7, 1e16)];
        for (n, p) in cases {
            let (threshold, is_mirrored) = equivalent_threshold(n, p);
            let nearby = [p.next_down(), p, p.next_up(), threshold.next_down(), threshold, threshold.next_up()];
            for value in nearby.into_iter().chain([f64::MIN, -1.0, 0.0, 1.0, 1e20, f64::MAX]) {
                let theirs = (value - p) * n <= 0.0;
                assert_eq!((value <= threshold) != is_mirrored, theirs, "{value} at {n}, {p}");
            }
        }
    }

    #[test]
    fn without_underflow_the_threshold_is_the_intercept() {
        assert_eq!(equivalent_threshold(0.5, 2.5), (2.5, false));
        // Left at 2.5 and above: values below are on the other side.
        assert_eq!(equivalent_threshold(-0.5, 2.5), (2.5_f64.next_down(), true));
        assert_eq!(equivalent_threshold(0.0, 2.5), (f64::MAX, false));
    }
}
