//! Benchmarks of training and scoring for common shapes, beside `extended-isolation-forest` with the same trees.
//!
//! `cargo bench -p turbine-core --bench forest`

mod readings;

use std::{fmt, num::NonZeroUsize};

use divan::{Bencher, black_box, counter::ItemsCount};
use extended_isolation_forest as eif;
use readings::readings;
use turbine_core::{
    forest::{Forest, ForestParams},
    interop,
};

const N_READINGS: usize = 9_800;

#[derive(Clone, Copy)]
struct Shape {
    n_features: usize,
    extension_level: usize,
    n_estimators: usize,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_features, extension_level, n_estimators } = self;
        write!(f, "{n_features} features, level {extension_level}, {n_estimators} trees")
    }
}

fn shapes() -> impl Iterator<Item = Shape> {
    [3, 10, 30].into_iter().flat_map(|n_features| {
        [0, n_features - 1].into_iter().flat_map(move |extension_level| {
            [100, 300].map(|n_estimators| Shape { n_features, extension_level, n_estimators })
        })
    })
}

impl Shape {
    fn readings(self) -> Vec<f64> {
        readings(N_READINGS, self.n_features)
    }

    fn fit(self, readings: &[f64]) -> Forest {
        let Self { n_features, extension_level, n_estimators } = self;
        let params = ForestParams { n_estimators, extension_level, ..ForestParams::default() };
        Forest::fit(readings, n_features, &params, NonZeroUsize::MIN).expect("readings are finite")
    }
}

#[divan::bench(args = shapes())]
fn train(bencher: Bencher<'_, '_>, shape: Shape) {
    let readings = shape.readings();
    bencher.bench_local(|| shape.fit(black_box(&readings)));
}

/// The first score, which prepares the engine.
#[divan::bench(args = shapes())]
fn prepare(bencher: Bencher<'_, '_>, shape: Shape) {
    let readings = shape.readings();
    let forest = shape.fit(&readings);
    bencher
        .with_inputs(|| unprepared(&forest))
        .bench_local_refs(|forest| forest.score(black_box(&readings[..shape.n_features])));
}

fn unprepared(forest: &Forest) -> Forest {
    Forest::try_from(forest.to_data()).expect("it comes from a forest")
}

#[divan::bench(args = shapes())]
fn score_one(bencher: Bencher<'_, '_>, shape: Shape) {
    let readings = shape.readings();
    let forest = shape.fit(&readings);
    let mut rows = readings.chunks_exact(shape.n_features).cycle();
    bencher.bench_local(|| forest.score(black_box(rows.next().expect("the iterator cycles"))));
}

#[divan::bench(args = shapes())]
fn score_batch(bencher: Bencher<'_, '_>, shape: Shape) {
    let readings = shape.readings();
    let forest = shape.fit(&readings);
    let mut scores = vec![0.0; N_READINGS];
    bencher
        .counter(ItemsCount::new(N_READINGS))
        .bench_local(|| forest.score_batch(black_box(&readings), black_box(&mut scores)));
}

#[divan::bench(args = shapes())]
fn eif_train(bencher: Bencher<'_, '_>, shape: Shape) {
    match shape.n_features {
        3 => eif_train_of::<3>(bencher, shape),
        10 => eif_train_of::<10>(bencher, shape),
        _ => eif_train_of::<30>(bencher, shape),
    }
}

fn eif_train_of<const N: usize>(bencher: Bencher<'_, '_>, shape: Shape) {
    let readings = shape.readings();
    let options = eif::ForestOptions {
        n_trees: shape.n_estimators,
        sample_size: 256,
        max_tree_depth: None,
        extension_level: shape.extension_level,
    };
    bencher.bench_local(|| eif::Forest::<f64, N>::from_slice(black_box(readings.as_chunks::<N>().0), &options));
}

#[divan::bench(args = shapes())]
fn eif_score(bencher: Bencher<'_, '_>, shape: Shape) {
    match shape.n_features {
        3 => eif_score_of::<3>(bencher, shape),
        10 => eif_score_of::<10>(bencher, shape),
        _ => eif_score_of::<30>(bencher, shape),
    }
}

fn eif_score_of<const N: usize>(bencher: Bencher<'_, '_>, shape: Shape) {
    let readings = shape.readings();
    let forest = interop::to_eif::<N>(&shape.fit(&readings)).expect("it has N features");
    let mut rows = readings.as_chunks::<N>().0.iter().cycle();
    bencher.bench_local(|| forest.score(black_box(rows.next().expect("the iterator cycles"))));
}

fn main() {
    divan::main();
}
