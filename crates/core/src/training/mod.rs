//! From a data set to a proved model: split, standardise, fit, calibrate, evaluate, compare with the reference.
//!
//! A data set without times is a heap of readings: it is shuffled, the model is fitted to 70 % of it and measured on the
//! rest. One with times is a recording: it is cut in the order of time, and a model that is fitted to the first part is
//! measured; the model that is kept is fitted to all normal readings.

mod error;
mod fitted;
mod import;

pub use error::TrainingError;
pub use fitted::Fitted;
pub use import::calibrate;

use crate::dataset::{Dataset, Splits};
use crate::detector::DetectorKind;
use crate::drift;
use crate::evaluation::Evaluation;
use crate::explain::Expectation;
use crate::forest::ForestParams;
use crate::interop;
use crate::model::{FeatureSummary, GoldenSet, Model, ModelParams, ModelParts, SplitEvaluations, TrainingSummary};
use crate::monitor::{AlarmTarget, DEFAULT_SPAN, Sensitivity};
use crate::threshold::{self, ThresholdMethod};
use std::num::NonZeroUsize;

/// The fewest readings a model is trained on: below, the split leaves nothing to calibrate on.
pub const FEWEST_READINGS: usize = 50;

/// The largest difference from the reference implementation that is taken for rounding.
pub const MOST_INTEROP_DIFFERENCE: f64 = 1e-9;

/// The reference implementation scores at most so many readings, one in so many of a larger data set: all trees are compared,
/// and it takes ten times as long as ours.
pub const MOST_COMPARED: usize = 100_000;

/// Seconds between the readings of the simulated turbine: its sender's interval.
pub const SIMULATED_INTERVAL: f64 = 0.5;

/// What a training is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingParams {
    /// What the detector consists of.
    pub detector: DetectorKind,
    /// The forest, and the seed of everything random.
    pub forest: ForestParams,
    /// Share of the training readings to be flagged, above 0, at most 0.5.
    pub contamination: f64,
    /// How the threshold is chosen.
    pub threshold: ThresholdMethod,
    /// What the threshold of the alarm is to achieve.
    pub alarm: AlarmTarget,
    /// Readings over which surprisals are smoothed, 1 to [`MOST_SPAN`](crate::monitor::MOST_SPAN).
    pub smoothing_span: u32,
    /// Seconds between readings to expect in service where the data set has no times; `None` if not known.
    pub interval: Option<f64>,
    /// Whether readings labelled as faults are left out of fitting and calibration; of a recording they always are.
    pub leave_out_faults: bool,
    /// How many threads fit trees; the result does not depend on it.
    pub threads: NonZeroUsize,
}

impl Default for TrainingParams {
    /// The default model's: a forest of 100 trees of 256 readings, seed 42, contamination 0.05, quiet alarms, one thread.
    fn default() -> Self {
        TrainingParams {
            detector: DetectorKind::Forest,
            forest: ForestParams::default(),
            contamination: 0.05,
            threshold: ThresholdMethod::Contamination,
            // The simulated turbine sends 172,800 readings a day, so that rare peaks are many: balanced alarms are to be
            // expected falsely 315 times a day, quiet ones 9 times (on three simulated normal days: 115 and 0.3 times a
            // day). A rate of one a day would need peaks that 54 minutes of training readings do not show.
            alarm: AlarmTarget::Sensitivity(Sensitivity::Quiet),
            smoothing_span: DEFAULT_SPAN,
            interval: Some(SIMULATED_INTERVAL),
            leave_out_faults: false,
            threads: NonZeroUsize::MIN,
        }
    }
}

impl TrainingParams {
    /// Those for recorded data: classic forest and neighbours, balanced alarms, readings labelled as faults left out.
    pub fn recorded() -> Self {
        TrainingParams {
            detector: DetectorKind::ForestAndNeighbours,
            alarm: AlarmTarget::Sensitivity(Sensitivity::Balanced),
            interval: None,
            leave_out_faults: true,
            ..TrainingParams::default()
        }
    }
}

/// A trained model with what it was trained on, for pictures and tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// The data in three parts.
    pub splits: Splits,
    /// The scores of each part, by the model or, for a recording, by one that was fitted to its first part.
    pub scores: SplitScores,
    /// The threshold that those scores were held against.
    pub threshold: f64,
    /// How well they did on each part; `None` without labels.
    pub evaluation: Option<SplitEvaluations>,
}

impl Trained {
    /// Whether the data set was a recording. Scores, threshold and evaluation are then those of a model that was fitted to
    /// the first part, not those of [`Trained::model`].
    pub fn is_recording(&self) -> bool {
        self.splits.train.times().is_some()
    }
}

/// One score a reading, part by part.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitScores {
    /// Of [`Splits::train`].
    pub train: Vec<f64>,
    /// Of [`Splits::val`].
    pub val: Vec<f64>,
    /// Of [`Splits::test`].
    pub test: Vec<f64>,
}

/// Trains a model on `dataset` and measures it on what it was not fitted to.
///
/// # Errors
/// A [`TrainingError`] for parameters or data that cannot be used, or if the reference implementation disagrees.
pub fn train(dataset: &Dataset, params: &TrainingParams) -> Result<Trained, TrainingError> {
    threshold::check_contamination(params.contamination)?;
    if dataset.times().is_some() { train_in_time(dataset, params) } else { train_shuffled(dataset, params) }
}

fn train_shuffled(dataset: &Dataset, params: &TrainingParams) -> Result<Trained, TrainingError> {
    enough(&fitted::rows_to_fit(dataset, params))?;
    let splits = dataset.split(params.forest.seed);
    let rows = fitted::rows_to_fit(&splits.train, params);
    let fitted = Fitted::fit_calibrated(&rows, params)?;
    let (scores, threshold, evaluation) = evaluate(&fitted, &splits, params)?;
    let model = model(fitted, &rows, threshold, evaluation, params)?;
    Ok(Trained { model, splits, scores, threshold, evaluation })
}

fn train_in_time(dataset: &Dataset, params: &TrainingParams) -> Result<Trained, TrainingError> {
    let splits = dataset.split_in_time();
    let normal = dataset.normal_in_order_of_time();
    enough(&normal)?;
    let first = Fitted::fit(&splits.train, params)?;
    let (scores, evaluated_threshold, evaluation) = evaluate(&first, &splits, params)?;
    let fitted = Fitted::fit_calibrated(&normal, params)?;
    let threshold = match params.threshold {
        ThresholdMethod::Contamination | ThresholdMethod::Auto => fitted.threshold(params, &splits.val)?,
        // Every labelled reading it could be chosen on by the final model was either fitted to or is a fault.
        ThresholdMethod::BestF1 => evaluated_threshold,
    };
    let model = model(fitted, &normal, threshold, evaluation, params)?;
    Ok(Trained { model, splits, scores, threshold: evaluated_threshold, evaluation })
}

fn enough(dataset: &Dataset) -> Result<(), TrainingError> {
    if dataset.len() >= FEWEST_READINGS { Ok(()) } else { Err(TrainingError::TooFew(dataset.len())) }
}

fn evaluate(
    fitted: &Fitted,
    splits: &Splits,
    params: &TrainingParams,
) -> Result<(SplitScores, f64, Option<SplitEvaluations>), TrainingError> {
    let Splits { train, val, test } = splits;
    let threshold = fitted.threshold(params, val)?;
    let scores = SplitScores { train: fitted.score(train), val: fitted.score(val), test: fitted.score(test) };
    let evaluate = |scores: &[f64], part: &Dataset| Some(Evaluation::new(scores, part.labels()?, threshold));
    let evaluations = [(&scores.train, train), (&scores.val, val), (&scores.test, test)];
    let evaluation = match evaluations.map(|(scores, part)| evaluate(scores, part)) {
        [Some(train), Some(val), Some(test)] => Some(SplitEvaluations { train, val, test }),
        _ => None,
    };
    Ok((scores, threshold, evaluation))
}

/// Puts the model together that was fitted to `dataset`.
fn model(
    fitted: Fitted,
    dataset: &Dataset,
    threshold: f64,
    evaluation: Option<SplitEvaluations>,
    params: &TrainingParams,
) -> Result<Model, TrainingError> {
    let (scaler, forest) = (fitted.detector.scaler(), fitted.detector.isolation_forest());
    let compared = dataset.thinned(dataset.len().div_ceil(MOST_COMPARED).max(1));
    let interop_difference = interop::largest_difference(forest, &scaler.transform(compared.readings()))?;
    drop(compared);
    if let Some(difference) = interop_difference {
        accept(difference)?;
    }
    let golden = GoldenSet::choose(
        dataset.readings(),
        &fitted::smoothed(dataset),
        &fitted.score(dataset),
        &fitted.detector,
        threshold,
    );
    Ok(Model::new(ModelParts {
        features: dataset.features().clone(),
        params: ModelParams {
            contamination: (params.threshold != ThresholdMethod::Auto).then_some(params.contamination),
            threshold_method: params.threshold,
            n_estimators: forest.n_estimators(),
            sample_size: forest.sample_size(),
            extension_level: forest.extension_level(),
            random_state: Some(params.forest.seed),
        },
        training: TrainingSummary {
            rows: dataset.len() as u64,
            features: FeatureSummary::of(dataset, scaler),
            evaluation,
            interop_difference,
        },
        monitor: fitted.monitor(dataset, params)?,
        expectation: Expectation::fit(dataset.readings(), scaler),
        drift: Some(drift_reference(dataset, fitted.expected_rate(threshold))),
        golden,
        threshold,
        detector: fitted.detector,
    })?)
}

/// What drift is measured against, given the share of the readings of `dataset` that is flagged.
fn drift_reference(dataset: &Dataset, expected_rate: f64) -> drift::Reference {
    drift::Reference::fit(dataset.readings(), dataset.features().len(), dataset.times().is_some(), expected_rate)
}

/// Takes a difference for rounding; NaN is none.
fn accept(difference: f64) -> Result<(), TrainingError> {
    if difference <= MOST_INTEROP_DIFFERENCE { Ok(()) } else { Err(TrainingError::Disagreement(difference)) }
}

#[cfg(test)]
mod tests;
