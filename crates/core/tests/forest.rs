//! The forest's public interface: parameters, scores, file format, errors.
#![allow(clippy::unwrap_used, missing_docs)]

use std::num::NonZeroUsize;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use turbine_core::forest::{Forest, ForestData, ForestError, ForestParams, PathLength, TreeData};

const ONE: NonZeroUsize = NonZeroUsize::MIN;

/// Roughly normal values: sums of four uniform ones.
fn readings(n_readings: usize, n_features: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut unit = || f64::from(rng.next_u32()) / f64::from(u32::MAX);
    (0..n_readings * n_features).map(|_| unit() + unit() + unit() + unit() - 2.0).collect()
}

fn params(extension_level: usize) -> ForestParams {
    ForestParams { extension_level, ..ForestParams::default() }
}

/// Two hand-made trees of two features and six readings: one that splits feature 0 at 0.5 and its right side at −1 of
/// feature 1, and a single leaf.
fn by_hand() -> ForestData {
    let cut = TreeData {
        feature: vec![0, 1],
        threshold: vec![0.5, -1.0],
        left: vec![-1, -2],
        right: vec![1, -3],
        n_samples: vec![3, 1, 2],
        ..TreeData::default()
    };
    let uncut = TreeData { n_samples: vec![6], ..TreeData::default() };
    ForestData {
        n_features: 2,
        sample_size: 6,
        extension_level: 0,
        path_length: PathLength::ExtendedIsolationForest,
        trees: vec![cut, uncut],
    }
}

#[test]
fn scores_are_those_worked_out_by_hand() {
    let forest = Forest::try_from(by_hand()).unwrap();
    // c(2) = 2γ − 1 = 0.1544313298; c(3) = 2(ln 2 + γ) − 4/3 = 1.2073923577; c(6) = 2(ln 5 + γ) − 10/6 = 2.7066404900
    // Tree 1: left leaf 1 + c(3) = 2.2073923577; middle leaf 2 + 0; right leaf 2 + c(2) = 2.1544313298. Tree 2: c(6).
    let cases = [
        ([0.5, 9.0], (2.207_392_357_7 + 2.706_640_490_0) / 2.0),
        ([0.6, -1.0], (2.0 + 2.706_640_490_0) / 2.0),
        ([0.6, -0.9], (2.154_431_329_8 + 2.706_640_490_0) / 2.0),
    ];
    for (reading, length) in cases {
        assert!((forest.path_length(&reading) - length).abs() < 1e-8, "{reading:?}");
        // score = 2^(−length / c(6))
        let score = 2.0_f64.powf(-length / 2.706_640_490_0);
        assert!((forest.score(&reading) - score).abs() < 1e-8, "{reading:?}");
    }
}

#[test]
fn outliers_score_higher_than_the_centre() {
    for (n_features, extension_level) in [(1, 0), (3, 0), (3, 1), (3, 2), (10, 9)] {
        let forest = Forest::fit(&readings(2000, n_features, 1), n_features, &params(extension_level), ONE).unwrap();
        let middle = forest.score(&vec![0.0; n_features]);
        let far = forest.score(&vec![7.0; n_features]);
        assert!(middle < 0.47 && far > 0.65, "{n_features} {extension_level}: {middle} {far}");
    }
}

#[test]
fn the_forest_depends_on_the_seed_and_not_on_the_threads() {
    for extension_level in [0, 2] {
        let readings = readings(3000, 3, 2);
        let one = Forest::fit(&readings, 3, &params(extension_level), ONE).unwrap();
        for threads in [2, 3, 7, 100, 1000] {
            let threads = NonZeroUsize::new(threads).unwrap();
            assert_eq!(Forest::fit(&readings, 3, &params(extension_level), threads).unwrap(), one);
        }
        let other = ForestParams { seed: 43, ..params(extension_level) };
        assert_ne!(Forest::fit(&readings, 3, &other, ONE).unwrap(), one);
    }
}

#[test]
fn a_tree_keeps_every_reading_and_the_maximum_depth() {
    let forest = Forest::fit(&readings(5000, 3, 3), 3, &params(0), ONE).unwrap();
    for tree in forest.to_data().trees {
        assert_eq!(tree.n_samples.iter().sum::<u32>(), 256);
        // Depth ⌈log2(256)⌉ = 8: at most 2⁸ leaves.
        assert!(tree.n_samples.len() <= 256);
    }
    let few = Forest::fit(&readings(5, 3, 3), 3, &params(0), ONE).unwrap();
    assert_eq!(few.sample_size(), 5);
}

/// The leaf of a reading and its depth.
fn leaf_of(data: &ForestData, tree: &TreeData, reading: &[f64]) -> (usize, usize) {
    let width = data.extension_level + 1;
    let (mut node, mut depth) = (if tree.left.is_empty() { -1 } else { 0 }, 0);
    while let Ok(split) = usize::try_from(node) {
        let entries = split * width..(split + 1) * width;
        let is_left = if data.extension_level == 0 {
            reading[usize::from(tree.feature[split])] <= tree.threshold[split]
        } else {
            let terms = entries.map(|i| (reading[usize::from(tree.feature[i])] - tree.intercept[i]) * tree.normal[i]);
            terms.fold(0.0, |sum, term| sum + term) <= 0.0
        };
        node = if is_left { tree.left[split] } else { tree.right[split] };
        depth += 1;
    }
    ((-1 - node) as usize, depth)
}

#[test]
fn leaves_count_their_readings_and_hold_several_only_if_equal_or_at_the_maximum_depth() {
    // Multiples of 1/2, so that many readings are equal in some or all features; and two neighbouring numbers, whose only
    // possible threshold is the lower one.
    let halves = |value: f64| (value * 2.0).round() / 2.0;
    let neighbours = |value: f64| if value < 0.0 { 1.0 } else { 1.0_f64.next_up() };
    for rounded in [halves as fn(f64) -> f64, neighbours] {
        let rows: Vec<f64> = readings(200, 3, 9).into_iter().map(rounded).collect();
        for extension_level in 0..3 {
            // Every tree is grown from all readings.
            let data = Forest::fit(&rows, 3, &params(extension_level), ONE).unwrap().to_data();
            data.trees.iter().for_each(|tree| check_leaves(&data, tree, &rows));
        }
    }
}

fn check_leaves(data: &ForestData, tree: &TreeData, rows: &[f64]) {
    let mut reached: Vec<Vec<(&[f64], usize)>> = vec![vec![]; tree.n_samples.len()];
    for row in rows.chunks_exact(data.n_features) {
        let (leaf, depth) = leaf_of(data, tree, row);
        reached[leaf].push((row, depth));
    }
    for (reached, &n_samples) in reached.iter().zip(&tree.n_samples) {
        assert_eq!(reached.len(), n_samples as usize);
        // Maximum depth ⌈log2(200)⌉ = 8.
        assert!(reached.iter().all(|&(row, depth)| depth == 8 || depth < 8 && row == reached[0].0));
    }
}

#[test]
fn constant_features_are_never_split() {
    // Feature 1 is constant.
    let rows: Vec<f64> = readings(500, 1, 4).iter().flat_map(|&value| [value, 7.0]).collect();
    let data = Forest::fit(&rows, 2, &params(0), ONE).unwrap().to_data();
    assert!(data.trees.iter().all(|tree| !tree.feature.is_empty() && tree.feature.iter().all(|&f| f == 0)));
    // All features constant: every tree is one leaf, and every score 2^(−c(n)/c(n)) = 1/2.
    for extension_level in [0, 1] {
        let constant = Forest::fit(&[7.0; 40], 2, &params(extension_level), ONE).unwrap();
        assert!((constant.score(&[1.0, 2.0]) - 0.5).abs() < 1e-12);
    }
}

#[test]
fn a_stored_and_reloaded_forest_scores_the_same() {
    for (extension_level, max_bytes) in [(0, 1_000_000), (2, 4_000_000)] {
        let forest = Forest::fit(&readings(4000, 3, 5), 3, &params(extension_level), ONE).unwrap();
        let written = serde_json::to_string(&forest.to_data()).unwrap();
        assert!(written.len() < max_bytes, "{}", written.len());
        let read = Forest::try_from(serde_json::from_str::<ForestData>(&written).unwrap()).unwrap();
        assert_eq!(read, forest);
        for reading in readings(200, 3, 6).chunks_exact(3) {
            assert_eq!(read.score(reading).to_bits(), forest.score(reading).to_bits());
        }
    }
}

#[test]
fn invalid_parameters_are_refused_with_value_and_remedy() {
    let readings = readings(10, 3, 7);
    let message = |change: fn(&mut ForestParams)| {
        let mut params = params(0);
        change(&mut params);
        Forest::fit(&readings, 3, &params, ONE).unwrap_err().to_string()
    };
    let cases = [
        (message(|p| p.n_estimators = 0), "n_estimators is 0, but must be from 1 to 100000"),
        (message(|p| p.sample_size = 1), "sample_size is 1, but must be from 2 to 2147483647"),
        (message(|p| p.extension_level = 3), "extension_level is 3, but must be from 0 to 2"),
    ];
    for (message, expected) in cases {
        assert_eq!(message, expected);
    }
}

#[test]
fn invalid_readings_are_refused() {
    let fit = |readings: &[f64]| Forest::fit(readings, 2, &params(0), ONE).unwrap_err().to_string();
    assert_eq!(
        fit(&[1.0, 2.0, 3.0]),
        "3 values are not a whole number of readings with 2 features; pass complete rows"
    );
    assert_eq!(fit(&[1.0, 2.0]), "1 readings are too few to fit a forest; pass at least 2");
    for value in [f64::NAN, f64::INFINITY] {
        assert_eq!(
            fit(&[1.0, 2.0, 3.0, value]),
            format!("feature 1 of reading 1 is {value}; remove readings that are not finite")
        );
    }
}

#[test]
fn a_damaged_forest_is_refused_by_field() {
    let extended = || Forest::fit(&readings(64, 3, 8), 3, &params(1), ONE).unwrap().to_data();
    let refuse = |mut data: ForestData, damage: fn(&mut ForestData)| {
        damage(&mut data);
        match Forest::try_from(data).unwrap_err() {
            ForestError::Damaged { field, .. } => field,
            other => panic!("{other}"),
        }
    };
    type Damage = fn(&mut ForestData);
    let cases: [(Damage, &str); 15] = [
        (|d| d.n_features = 0, "n_features"),
        (|d| d.n_features = 1, "trees[0].feature[1]"),
        (|d| d.sample_size = 1, "sample_size"),
        (|d| d.extension_level = 2, "extension_level"),
        (|d| d.extension_level = 1, "trees[0].feature"),
        (|d| d.trees.clear(), "trees"),
        (|d| d.trees[0].threshold[1] = f64::NAN, "trees[0].threshold[1]"),
        (|d| d.trees[0].threshold.truncate(1), "trees[0].threshold"),
        (|d| d.trees[0].normal.push(1.0), "trees[0].normal"),
        (|d| d.trees[0].right[1] = 0, "trees[0].right[1]"),
        (|d| d.trees[0].right[0] = 2, "trees[0].right[0]"),
        (|d| d.trees[0].right[1] = -4, "trees[0].right[1]"),
        (|d| d.trees[0].right[1] = -1, "trees[0].right[1]"),
        (|d| d.trees[0].n_samples.truncate(2), "trees[0].n_samples"),
        (|d| d.trees[1].n_samples.clear(), "trees[1].n_samples"),
    ];
    for (damage, field) in cases {
        assert_eq!(refuse(by_hand(), damage), field);
    }
    assert_eq!(refuse(extended(), |d| d.trees[2].normal[0] = f64::INFINITY), "trees[2].normal[0]");
    assert_eq!(refuse(extended(), |d| d.trees[2].feature.swap(0, 1)), "trees[2].feature[1]");
}

#[test]
fn a_path_too_long_to_score_is_refused() {
    // With 2 readings c(2) = 0.154; a chain of 200 splits would score 2^(−200/0.154) = 2^−1295, which is 0.
    let chain = TreeData {
        feature: vec![0; 200],
        threshold: vec![0.0; 200],
        left: (0..200).map(|i| -1 - i).collect(),
        right: (0..200).map(|i| if i < 199 { i + 1 } else { -201 }).collect(),
        n_samples: vec![1; 201],
        ..TreeData::default()
    };
    let data = ForestData {
        n_features: 1,
        sample_size: 2,
        extension_level: 0,
        path_length: PathLength::ExtendedIsolationForest,
        trees: vec![chain],
    };
    assert_eq!(
        Forest::try_from(data).unwrap_err().to_string(),
        "trees[0] has a path of length 200, too long for sample_size 2: \
         the forest was damaged or edited; train it again"
    );
}
