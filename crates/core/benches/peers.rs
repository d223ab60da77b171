//! One round of measurements for `benchmarks/peers.py`: prints a line of JSON for our forest and one for
//! `extended-isolation-forest` with the same trees.
//!
//! `peers FEATURES TREES EXTENSION_LEVEL READINGS`, the last a file of little-endian 64-bit numbers, row-major.
//!
//! With `--only train|prepare|single|batch|nothing` it does one step once, for callgrind; subtract the cost of `nothing`.

use std::{
    env, fs,
    hint::black_box,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use extended_isolation_forest as eif;
use turbine_core::{
    forest::{Forest, ForestParams},
    interop,
};

struct Run {
    n_features: usize,
    params: ForestParams,
    readings: Vec<f64>,
}

fn main() {
    // `cargo bench` adds this.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [n_features, n_estimators, extension_level, file, rest @ ..] = &arguments[..] else {
        return eprintln!("usage: peers FEATURES TREES EXTENSION_LEVEL READINGS [--only STEP]");
    };
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is not a number"));
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let run = Run {
        n_features: number(n_features),
        params: ForestParams {
            n_estimators: number(n_estimators),
            extension_level: number(extension_level),
            ..ForestParams::default()
        },
        readings: bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
    };
    match rest {
        [] => run.measure(),
        [_, step] => run.once(step),
        _ => eprintln!("too many arguments"),
    }
}

impl Run {
    fn fit(&self) -> Forest {
        Forest::fit(&self.readings, self.n_features, &self.params, NonZeroUsize::MIN).expect("readings are finite")
    }

    fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.readings.chunks_exact(self.n_features)
    }

    fn once(&self, step: &str) {
        let forest = self.fit();
        let mut scores = vec![0.0; self.rows().len()];
        if step == "train" {
            black_box(self.fit());
        }
        if step == "nothing" || step == "train" {
            return;
        }
        black_box(forest.score(&self.readings[..self.n_features]));
        match step {
            "prepare" => {}
            "batch" => forest.score_batch(&self.readings, &mut scores),
            "single" => self.rows().zip(&mut scores).for_each(|(row, score)| *score = forest.score(row)),
            other => panic!("unknown step {other}"),
        }
        black_box(scores);
    }

    fn measure(&self) {
        let n_readings = self.rows().len();
        let mut scores = vec![0.0; n_readings];
        let forest = self.fit();
        let train = median(|| drop(black_box(self.fit())));
        let batch = median(|| forest.score_batch(&self.readings, black_box(&mut scores)));
        let single = median(|| {
            for (row, score) in self.rows().zip(&mut scores) {
                *score = forest.score(black_box(row));
            }
        });
        self.print("turbine-iforest", batch / n_readings as f64, single / n_readings as f64, train);
        match self.n_features {
            3 => self.measure_eif::<3>(&forest),
            10 => self.measure_eif::<10>(&forest),
            30 => self.measure_eif::<30>(&forest),
            other => eprintln!("extended-isolation-forest is not compiled for {other} features here"),
        }
    }

    fn measure_eif<const N: usize>(&self, forest: &Forest) {
        let rows = self.readings.as_chunks::<N>().0;
        let options = eif::ForestOptions {
            n_trees: self.params.n_estimators,
            sample_size: self.params.sample_size,
            max_tree_depth: None,
            extension_level: self.params.extension_level,
        };
        let train = median(|| drop(black_box(eif::Forest::<f64, N>::from_slice(rows, &options))));
        let theirs = interop::to_eif::<N>(forest).expect("it has N features");
        let mut scores = vec![0.0; rows.len()];
        let each = median(|| {
            for (row, score) in rows.iter().zip(&mut scores) {
                *score = theirs.score(black_box(row));
            }
        }) / rows.len() as f64;
        self.print("extended-isolation-forest", each, each, train);
    }

    fn print(&self, engine: &str, batch_ns: f64, single_ns: f64, train_ns: f64) {
        let Self { n_features, params: ForestParams { n_estimators, extension_level, .. }, .. } = self;
        println!(
            r#"{{"engine":"{engine}","features":{n_features},"trees":{n_estimators},"extension_level":{extension_level},"batch_ns":{batch_ns:.1},"single_ns":{single_ns:.1},"train_ms":{:.4}}}"#,
            train_ns / 1e6
        );
    }
}

/// Median duration of a call in nanoseconds, over 0.1 s and at least three calls, as in `benchmarks/peers.py`.
fn median(mut measured: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut durations = Vec::new();
    while durations.len() < 3 || begin.elapsed() < Duration::from_millis(100) {
        let start = Instant::now();
        measured();
        durations.push(start.elapsed());
    }
    durations.sort_unstable();
    durations[durations.len() / 2].as_nanos() as f64
}
