//! Learning curves: F1 against the amount of data and the number of trees. Every point is a newly fitted forest with its
//! own threshold.

use anyhow::Context;
use intake::Progress;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use turbine_core::dataset::Dataset;
use turbine_core::evaluation::Confusion;
use turbine_core::training::{Fitted, Trained, TrainingParams};

/// Shares of the training readings.
const FRACTIONS: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Of more readings, one in so many is taken: each forest is grown from a few hundred, and 21 forests are scored.
const MOST_READINGS: usize = 100_000;
/// Numbers of trees as shares of `n_estimators`; the last one goes beyond it.
const TREES: [f64; 10] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5];

/// The result of one forest on Val.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningPoint {
    /// Share of the training readings, or number of trees.
    pub at: f64,
    /// F1 at the forest's own threshold; NaN if undefined or without labels.
    pub f1: f64,
    /// Share of the readings flagged.
    pub flagged: f64,
}

/// Both curves.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningCurves {
    /// F1 against the share of the training readings.
    pub fractions: Vec<LearningPoint>,
    /// F1 against the number of trees.
    pub trees: Vec<LearningPoint>,
    /// One reading in so many was taken.
    pub stride: usize,
}

/// The parameters of one forest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fit {
    at: f64,
    readings: usize,
    n_estimators: usize,
}

impl LearningCurves {
    /// Fits all forests in parallel and measures them on Val. A point that cannot be fitted (a feature that is constant
    /// in few readings) is omitted.
    ///
    /// # Errors
    /// If the threads cannot be created.
    pub fn measure(trained: &Trained, params: &TrainingParams, progress: &Progress) -> anyhow::Result<Self> {
        let stride = trained.splits.train.len().div_ceil(MOST_READINGS).max(1);
        let (train, val) = (trained.splits.train.thinned(stride), trained.splits.val.thinned(stride));
        let fits = fits(train.len(), params.forest.n_estimators);
        let done = Arc::new(AtomicU64::new(0));
        progress.counted_stage("measuring learning curves", &done, fits.len() as u64);
        let threads = ThreadPoolBuilder::new().num_threads(params.threads.get()).build().context("threads")?;
        let point = |fit: &Fit| {
            let point = measure(&train, &val, params, *fit);
            done.fetch_add(1, Ordering::Relaxed);
            point
        };
        // Collected in the order of `fits`, whichever is finished first.
        let points: Vec<_> = threads.install(|| fits.par_iter().map(point).collect());
        let (fractions, trees) = points.split_at(FRACTIONS.len());
        let fitted = |points: &[Option<LearningPoint>]| points.iter().copied().flatten().collect();
        Ok(Self { fractions: fitted(fractions), trees: fitted(trees), stride })
    }
}

fn fits(readings: usize, n_estimators: usize) -> Vec<Fit> {
    let part = |share: f64, of: usize| ((of as f64 * share).round() as usize).max(1);
    let fraction = |at: f64| Fit { at, readings: part(at, readings), n_estimators };
    let mut numbers: Vec<usize> = TREES.iter().map(|share| part(*share, n_estimators)).collect();
    numbers.dedup();
    let trees = numbers.into_iter().map(|n| Fit { at: n as f64, readings, n_estimators: n });
    FRACTIONS.into_iter().map(fraction).chain(trees).collect()
}

fn measure(train: &Dataset, val: &Dataset, params: &TrainingParams, fit: Fit) -> Option<LearningPoint> {
    // Shuffled readings: the first ones are a random sample. A recording: its first part.
    let indices: Vec<usize> = (0..fit.readings).collect();
    let subset = train.select(&indices);
    let mut params = TrainingParams { threads: NonZeroUsize::MIN, ..params.clone() };
    params.forest.n_estimators = fit.n_estimators;
    let fitted = Fitted::fit(&subset, &params).ok()?;
    let scores = fitted.score(val);
    let threshold = fitted.threshold(&params, val).ok()?;
    let flagged = scores.iter().filter(|&&score| score > threshold).count() as f64 / scores.len() as f64;
    let f1 = val.labels().and_then(|labels| Confusion::at_threshold(&scores, labels, threshold).f1());
    Some(LearningPoint { at: fit.at, f1: f1.unwrap_or(f64::NAN), flagged })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use turbine_core::simulation;
    use turbine_core::training;

    #[test]
    fn curves_end_at_all_readings_and_beyond_all_trees() {
        let fits = fits(700, 100);
        assert_eq!(fits[0], Fit { at: 0.05, readings: 35, n_estimators: 100 });
        assert_eq!(fits[10], Fit { at: 1.0, readings: 700, n_estimators: 100 });
        let trees: Vec<usize> = fits[11..].iter().map(|fit| fit.n_estimators).collect();
        assert_eq!(trees, [1, 2, 5, 10, 20, 35, 50, 75, 100, 150]);
    }

    #[test]
    fn few_trees_give_a_short_curve_without_repeats() {
        let trees: Vec<usize> = fits(700, 3)[11..].iter().map(|fit| fit.n_estimators).collect();
        // Shares of 3: below a half is raised to 1, then 1.05, 1.5 → 2, 2.25 → 2, 3, 4.5 → 5.
        assert_eq!(trees, [1, 2, 3, 5]);
    }

    #[test]
    fn the_point_at_all_readings_and_trees_is_the_model() {
        let params = TrainingParams::default();
        let progress = Progress::new("test");
        let trained = training::train(&simulation::training_set(1_000, 0.05, 1), &params).unwrap();
        let curves = LearningCurves::measure(&trained, &params, &progress).unwrap();
        let threads = NonZeroUsize::new(7).unwrap();
        assert_eq!(
            LearningCurves::measure(&trained, &TrainingParams { threads, ..params }, &progress).unwrap(),
            curves
        );
        let f1 = trained.evaluation.unwrap().val.f1.unwrap();
        assert_eq!(curves.fractions.last().unwrap().f1, f1);
        assert_eq!(curves.trees.iter().find(|point| point.at == 100.0).unwrap().f1, f1);
        // One tree is far worse than a hundred.
        assert!(curves.trees[0].f1 < f1);
    }
}
