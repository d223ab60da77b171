//! How the model would do with less data, or with fewer or more trees: every point is a forest fitted anew, with a
//! threshold of its own.

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use turbine_core::evaluation::Confusion;
use turbine_core::training::{Fitted, Trained, TrainingParams};

/// Shares of the training readings to fit to.
const FRACTIONS: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Numbers of trees as shares of those asked for, so that the curve reaches beyond.
const TREES: [f64; 10] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5];

/// What one fitted forest does on Val.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningPoint {
    /// The share of the training readings, or the number of trees.
    pub at: f64,
    /// F1 at the forest's own threshold; NaN where it is undefined, or without labels.
    pub f1: f64,
    /// Share of the readings that are flagged.
    pub flagged: f64,
}

/// Both curves.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningCurves {
    /// Over the share of the training readings.
    pub fractions: Vec<LearningPoint>,
    /// Over the number of trees.
    pub trees: Vec<LearningPoint>,
}

/// One forest to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fit {
    at: f64,
    readings: usize,
    n_estimators: usize,
}

impl LearningCurves {
    /// Fits all the forests, several at once, and measures them on Val. A point that cannot be fitted (a feature that is
    /// constant in few readings) is left out.
    ///
    /// # Errors
    /// If the progress bar cannot be set up.
    pub fn measure(trained: &Trained, params: &TrainingParams) -> anyhow::Result<Self> {
        let fits = fits(trained.splits.train.len(), params.forest.n_estimators);
        let bar = progress(fits.len())?;
        let points = in_parallel(&fits, params.threads, |fit| {
            let point = measure(trained, params, *fit);
            bar.inc(1);
            point
        });
        bar.finish_and_clear();
        let (fractions, trees) = points.split_at(FRACTIONS.len());
        let fitted = |points: &[Option<LearningPoint>]| points.iter().copied().flatten().collect();
        Ok(Self { fractions: fitted(fractions), trees: fitted(trees) })
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

fn measure(trained: &Trained, params: &TrainingParams, fit: Fit) -> Option<LearningPoint> {
    let (train, val) = (&trained.splits.train, &trained.splits.val);
    // Shuffled, the first ones are a fair share; of a recording they are a shorter one.
    let places: Vec<usize> = (0..fit.readings).collect();
    let subset = train.select(&places);
    let mut params = TrainingParams { threads: NonZeroUsize::MIN, ..params.clone() };
    params.forest.n_estimators = fit.n_estimators;
    let fitted = Fitted::fit(&subset, &params).ok()?;
    let scores = fitted.score(val);
    let threshold = fitted.threshold(&params, val).ok()?;
    let flagged = scores.iter().filter(|&&score| score > threshold).count() as f64 / scores.len() as f64;
    let f1 = val.labels().and_then(|labels| Confusion::at_threshold(&scores, labels, threshold).f1());
    Some(LearningPoint { at: fit.at, f1: f1.unwrap_or(f64::NAN), flagged })
}

fn progress(fits: usize) -> anyhow::Result<ProgressBar> {
    // indicatif draws nothing where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(Some(fits as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("learning curves {bar:40} {pos}/{len} forests").context("progress bar")?;
    bar.set_style(style);
    Ok(bar)
}

/// `work` of each item, in the items' order.
fn in_parallel<T: Sync, R: Send>(items: &[T], threads: NonZeroUsize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(items.len()) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((i, item)) = {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    items.get(i).map(|item| (i, item))
                } {
                    // The receiver outlives the scope.
                    let _ = sender.send((i, work(item)));
                }
            });
        }
        drop(sender);
    });
    let mut results: Vec<(usize, R)> = results.into_iter().collect();
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use turbine_core::simulation;
    use turbine_core::training;

    #[test]
    fn results_keep_the_order_of_their_items() {
        let items: Vec<u64> = (0..97).collect();
        let threads = NonZeroUsize::new(7).unwrap();
        let squares = in_parallel(&items, threads, |i| i * i);
        assert_eq!(squares, items.iter().map(|i| i * i).collect::<Vec<_>>());
    }

    #[test]
    fn the_curves_end_at_all_readings_and_beyond_all_trees() {
        let fits = fits(700, 100);
        assert_eq!(fits[0], Fit { at: 0.05, readings: 35, n_estimators: 100 });
        assert_eq!(fits[10], Fit { at: 1.0, readings: 700, n_estimators: 100 });
        let trees: Vec<usize> = fits[11..].iter().map(|fit| fit.n_estimators).collect();
        assert_eq!(trees, [1, 2, 5, 10, 20, 35, 50, 75, 100, 150]);
    }

    #[test]
    fn few_trees_make_a_short_curve_without_repeats() {
        let trees: Vec<usize> = fits(700, 3)[11..].iter().map(|fit| fit.n_estimators).collect();
        // Shares of 3: below a half rounds to 1, then 1.05, 1.5 → 2, 2.25 → 2, 3, 4.5 → 5.
        assert_eq!(trees, [1, 2, 3, 5]);
    }

    #[test]
    fn with_all_readings_and_trees_a_point_is_the_model() {
        let params = TrainingParams::default();
        let trained = training::train(&simulation::training_set(1_000, 0.05, 1), &params).unwrap();
        let curves = LearningCurves::measure(&trained, &params).unwrap();
        let f1 = trained.evaluation.unwrap().val.f1.unwrap();
        assert_eq!(curves.fractions.last().unwrap().f1, f1);
        assert_eq!(curves.trees.iter().find(|point| point.at == 100.0).unwrap().f1, f1);
        // One tree of 256 readings is far from a hundred.
        assert!(curves.trees[0].f1 < f1);
    }
}
