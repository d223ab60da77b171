//! Our forests and those of `extended-isolation-forest` score the same, converted in both directions.
#![allow(clippy::unwrap_used, missing_docs)]

use std::num::NonZeroUsize;

use extended_isolation_forest as eif;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use turbine_core::{
    forest::{Forest, ForestParams, PathLength},
    interop::{self, InteropError},
};

fn readings(n_readings: usize, n_features: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n_readings * n_features).map(|_| f64::from(rng.next_u32()) / f64::from(u32::MAX) * 10.0 - 5.0).collect()
}

fn fit(n_features: usize, extension_level: usize) -> Forest {
    let params = ForestParams { extension_level, n_estimators: 50, ..ForestParams::default() };
    Forest::fit(&readings(1000, n_features, 1), n_features, &params, NonZeroUsize::MIN).unwrap()
}

#[test]
fn our_forests_score_the_same_in_the_crate() {
    for n_features in 1..=16 {
        for extension_level in [0, n_features / 2, n_features - 1] {
            let forest = fit(n_features, extension_level);
            let difference = interop::largest_difference(&forest, &readings(1000, n_features, 2)).unwrap();
            assert!(difference.unwrap() <= 1e-12, "{n_features} {extension_level}: {difference:?}");
        }
    }
    assert_eq!(interop::largest_difference(&fit(17, 0), &readings(10, 17, 2)).unwrap(), None);
}

fn crate_forest_agrees<const N: usize>(extension_level: usize) {
    // Rounded, so that readings share values.
    let rows: Vec<[f64; N]> =
        readings(2000, N, 3).chunks_exact(N).map(|row| std::array::from_fn(|i| row[i].round())).collect();
    let options = eif::ForestOptions { n_trees: 30, sample_size: 128, max_tree_depth: None, extension_level };
    let theirs = eif::Forest::from_slice(&rows, &options).unwrap();
    let ours = interop::from_eif(&theirs).unwrap();
    assert_eq!(ours.extension_level(), extension_level);
    assert_eq!((ours.n_features(), ours.n_estimators(), ours.sample_size()), (N, 30, 128));
    let back = interop::to_eif::<N>(&ours).unwrap();
    for row in &rows {
        let (ours, theirs, back) = (ours.score(row), theirs.score(row), back.score(row));
        assert!((ours - theirs).abs() <= 1e-12, "{ours} {theirs}");
        assert!((ours - back).abs() <= 1e-12, "{ours} {back}");
    }
}

#[test]
fn forests_of_the_crate_score_the_same_here() {
    crate_forest_agrees::<1>(0);
    crate_forest_agrees::<3>(0);
    crate_forest_agrees::<3>(1);
    crate_forest_agrees::<3>(2);
    crate_forest_agrees::<10>(0);
    crate_forest_agrees::<10>(9);
    crate_forest_agrees::<16>(15);
}

#[test]
fn forests_that_cannot_be_converted_are_refused() {
    let Err(error) = interop::to_eif::<4>(&fit(3, 0)) else { panic!("4 features") };
    assert_eq!(error.to_string(), "the forest has 3 features, the type 4; use a type with 3");
    let mut data = fit(3, 0).to_data();
    data.path_length = PathLength::ScikitLearn;
    let from_sklearn = Forest::try_from(data).unwrap();
    assert!(matches!(interop::to_eif::<3>(&from_sklearn), Err(InteropError::PathLength)));
    assert!(matches!(interop::largest_difference(&from_sklearn, &[0.0; 3]), Err(InteropError::PathLength)));
    assert!(matches!(
        interop::largest_difference(&fit(3, 0), &[0.0; 4]),
        Err(InteropError::Shape { length: 4, n_features: 3 })
    ));
    let options = eif::ForestOptions { n_trees: 0, sample_size: 2, max_tree_depth: None, extension_level: 0 };
    let empty = eif::Forest::from_slice(&[[0.0], [1.0]], &options).unwrap();
    assert!(matches!(interop::from_eif(&empty), Err(InteropError::Forest(_))));
}
