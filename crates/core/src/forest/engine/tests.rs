//! Every algorithm gives the same bits as the straightforward one.
#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use super::*;
use crate::forest::{Child, Forest, ForestParams, PathLength, TreeData, grow, rng::TreeRng};

/// Readings around 0 in steps of 1/8, so that many equal each other and thresholds.
fn readings(n_readings: usize, n_features: usize, seed: u64) -> Vec<f64> {
    let mut rng = TreeRng::new(seed, 0);
    (0..n_readings * n_features).map(|_| (rng.normal() * 8.0).round() / 8.0).collect()
}

fn fit(n_features: usize, n_estimators: usize, sample_size: usize, extension_level: usize) -> ForestData {
    let params = ForestParams { n_estimators, sample_size, extension_level, seed: 5 };
    let mut data =
        Forest::fit(&readings(3000, n_features, 1), n_features, &params, NonZeroUsize::MIN).unwrap().to_data();
    // Round some thresholds, so that some equal readings or each other, or are zeros of both signs.
    for (i, threshold) in data.trees.iter_mut().flat_map(|tree| &mut tree.threshold).enumerate() {
        *threshold = if i % 3 == 0 { (*threshold * 8.0).round() / 8.0 } else { *threshold };
    }
    data
}

/// The path sum node by node, by definition.
fn reference_path_sum(data: &ForestData, reading: &[f64]) -> f64 {
    let width = data.extension_level + 1;
    let path_lengths = PathLengths::new(data.path_length);
    data.trees.iter().fold(0.0, |sum, tree| {
        let mut node = tree.root();
        while let Child::Split(split) = node {
            let entries = split * width..(split + 1) * width;
            let values = tree.feature[entries.clone()].iter().map(|&feature| reading[usize::from(feature)]);
            let is_right = match data.extension_level {
                0 => reading[usize::from(tree.feature[split])] > tree.threshold[split],
                _ => grow::is_right(values, &tree.normal[entries.clone()], &tree.intercept[entries]),
            };
            node = Child::decode(if is_right { tree.right[split] } else { tree.left[split] });
        }
        let Child::Leaf(leaf) = node else { unreachable!() };
        sum + path_lengths.of(tree)[leaf]
    })
}

fn check(data: &ForestData) {
    let n_features = data.n_features;
    let mut readings = readings(1100, n_features, 2);
    // Thresholds, their neighbours, and the extreme numbers.
    let thresholds = data.trees.iter().flat_map(|tree| &tree.threshold).flat_map(|t| [t.next_down(), *t, t.next_up()]);
    readings.extend(thresholds.take(500 * n_features));
    readings.extend([f64::MAX, f64::MIN, 0.0, -0.0].into_iter().flat_map(|value| vec![value; n_features]));
    readings.truncate(readings.len() / n_features * n_features);
    let engine = Engine::new(data);
    let expected: Vec<u64> =
        readings.chunks_exact(n_features).map(|row| reference_path_sum(data, row).to_bits()).collect();
    let bits = |sums: &[f64]| sums.iter().map(|sum| sum.to_bits()).collect::<Vec<_>>();
    let single: Vec<f64> = readings.chunks_exact(n_features).map(|row| engine.path_sum(data, row)).collect();
    assert_eq!(bits(&single), expected, "single");
    for n in [expected.len(), 1, MIN_BATCH - 1, MIN_BATCH, 33, 512, 513] {
        let mut sums = vec![f64::NAN; n];
        engine.path_sums(data, &readings[..n * n_features], &mut sums);
        assert_eq!(bits(&sums), expected[..n], "batch of {n}");
    }
    if let Some(banks) = &engine.banks {
        let mut sums = vec![f64::NAN; expected.len()];
        batch_path_sums(select::run_portable, banks, n_features, &readings, &mut sums);
        assert_eq!(bits(&sums), expected, "portable");
        let descent = Descent::new(data, &PathLengths::new(data.path_length));
        let descent: Vec<f64> = readings.chunks_exact(n_features).map(|row| descent.path_sum(row)).collect();
        assert_eq!(bits(&descent), expected, "descent");
    }
}

#[test]
fn classic_forests_score_alike_with_every_algorithm() {
    for n_features in [1, 2, 3, 4, 5, 10, 17, 64] {
        check(&fit(n_features, 30, 256, 0));
    }
    // More trees than a bank holds, and not a multiple of those summed together.
    check(&fit(3, 131, 64, 0));
    check(&fit(3, 1, 256, 0));
}

#[test]
fn forests_too_large_for_banks_score_alike() {
    let large = fit(2, 5, 3000, 0);
    assert!(Engine::new(&large).banks.is_none());
    check(&large);
    let wide = fit(65, 9, 256, 0);
    assert!(Engine::new(&wide).banks.is_none());
    check(&wide);
}

#[test]
fn extended_forests_score_alike_with_every_algorithm() {
    for (n_features, extension_level) in [(2, 1), (3, 1), (3, 2), (5, 4), (10, 9), (20, 3), (40, 39), (70, 2)] {
        check(&fit(n_features, 20, 128, extension_level));
    }
}

#[test]
fn a_reading_on_the_plane_is_decided_as_in_the_reference() {
    // (x − 0.1)·3 + (y − 0.3)·(−1) is exactly 0 for y = 3x; rounding makes it positive or negative.
    let tree = TreeData {
        feature: vec![0, 1],
        normal: vec![3.0, -1.0],
        intercept: vec![0.1, 0.3],
        left: vec![-1],
        right: vec![-2],
        n_samples: vec![1, 2],
        ..TreeData::default()
    };
    let data = ForestData {
        n_features: 2,
        sample_size: 3,
        extension_level: 1,
        path_length: PathLength::default(),
        trees: vec![tree],
    };
    let engine = Engine::new(&data);
    let mut n_right = 0;
    for i in 0..1000 {
        let x = f64::from(i) / 7.0;
        let reading = [x, 3.0 * x];
        let expected = reference_path_sum(&data, &reading);
        assert_eq!(engine.path_sum(&data, &reading).to_bits(), expected.to_bits(), "{reading:?}");
        n_right += i32::from(expected > 1.0);
    }
    assert!(n_right > 100 && n_right < 900, "{n_right}");
}

#[test]
fn trees_of_one_leaf_or_one_split_are_scored() {
    let leaf = TreeData { n_samples: vec![7], ..TreeData::default() };
    let stump = TreeData {
        feature: vec![1],
        threshold: vec![0.25],
        left: vec![-2],
        right: vec![-1],
        n_samples: vec![3, 4],
        ..TreeData::default()
    };
    let data = ForestData {
        n_features: 2,
        sample_size: 7,
        extension_level: 0,
        path_length: PathLength::ScikitLearn,
        trees: vec![leaf.clone(), stump.clone(), leaf, stump],
    };
    check(&data);
}
