//! Judging readings in time: forest and neighbours beside the forest alone, in a batch and one by one.
//!
//! `cargo bench -p turbine-core --bench detector`

mod readings;

use divan::{Bencher, black_box, counter::ItemsCount};
use jiff::Timestamp;
use readings::readings;
use turbine_core::{
    dataset::Dataset,
    detector::DetectorKind::{self, Forest, ForestAndNeighbours},
    feature::FeatureSet,
    model::{Model, Observation},
    monitor::TurbineState,
    training::{TrainingParams, train},
};

const N_READINGS: usize = 9_800;

fn times(n: usize) -> Vec<Timestamp> {
    (0..n).map(|i| Timestamp::from_second(i as i64 * 600).expect("the first centuries")).collect()
}

fn model(detector: DetectorKind, n_features: usize) -> (Model, Vec<f64>) {
    let readings = readings(N_READINGS, n_features);
    let features = FeatureSet::from_names((0..n_features).map(|i| format!("f{i}"))).expect("names are usable");
    let dataset = Dataset::new(features, readings.clone(), None).with_times(times(N_READINGS));
    let params = TrainingParams { detector, ..TrainingParams::default() };
    (train(&dataset, &params).expect("readings vary").model, readings)
}

const SHAPES: [(DetectorKind, usize); 6] = [
    (Forest, 3),
    (ForestAndNeighbours, 3),
    (Forest, 10),
    (ForestAndNeighbours, 10),
    (Forest, 30),
    (ForestAndNeighbours, 30),
];

/// The forest's scores together, then each reading of one turbine in its turn.
#[divan::bench(args = SHAPES)]
fn judge_batch(bencher: Bencher<'_, '_>, (detector, n_features): (DetectorKind, usize)) {
    let (model, readings) = model(detector, n_features);
    let times = times(N_READINGS);
    bencher.counter(ItemsCount::new(N_READINGS)).bench_local(|| model.judge(black_box(&readings), &times));
}

/// A reading alone: forest, smoothing, neighbours, alarm.
#[divan::bench(args = SHAPES)]
fn judge_one(bencher: Bencher<'_, '_>, (detector, n_features): (DetectorKind, usize)) {
    let (model, readings) = model(detector, n_features);
    let mut rows = readings.chunks_exact(n_features).cycle();
    let mut state = TurbineState::default();
    let mut seconds = 0;
    bencher.bench_local(|| {
        let values = black_box(rows.next().expect("they start anew"));
        seconds += 600;
        let timestamp = Timestamp::from_second(seconds).expect("the first centuries");
        let forest_score = model.detector().forest_score(values);
        model.step(&mut state, &Observation { timestamp, values, gaps: Default::default(), forest_score })
    });
}

/// The forest's scores by themselves: what a batch of forest-only predictions costs.
#[divan::bench(args = [3, 10, 30])]
fn forest_scores(bencher: Bencher<'_, '_>, n_features: usize) {
    let (model, readings) = model(Forest, n_features);
    let mut scores = vec![0.0; N_READINGS];
    bencher
        .counter(ItemsCount::new(N_READINGS))
        .bench_local(|| model.score_into(black_box(&readings), black_box(&mut scores)));
}

/// Why: n_features + 1 scorings.
#[divan::bench(args = SHAPES)]
fn explain(bencher: Bencher<'_, '_>, (detector, n_features): (DetectorKind, usize)) {
    let (model, readings) = model(detector, n_features);
    let state = TurbineState::default();
    let mut rows = readings.chunks_exact(n_features).cycle();
    bencher.bench_local(|| {
        model.explain_reading(&state, Timestamp::UNIX_EPOCH, black_box(rows.next().expect("they start anew")))
    });
}

fn main() {
    divan::main();
}
