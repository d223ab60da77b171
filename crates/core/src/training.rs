//! From a data set to a proved model: split, standardise, fit, calibrate, evaluate, compare with the reference.

use crate::dataset::{Dataset, Splits};
use crate::evaluation::Evaluation;
use crate::forest::{Forest, ForestError, ForestParams};
use crate::interop::{self, InteropError};
use crate::model::{
    FeatureSummary, GoldenSet, Model, ModelError, ModelParams, ModelParts, SplitEvaluations, TrainingSummary,
    score_into,
};
use crate::scaler::{ScalerError, StandardScaler};
use crate::threshold::{self, ThresholdError, ThresholdMethod};
use std::num::NonZeroUsize;

/// The fewest readings a model is trained on: below, the split leaves nothing to calibrate on.
pub const FEWEST_READINGS: usize = 50;

/// The largest difference from the reference implementation that is taken for rounding.
pub const MOST_INTEROP_DIFFERENCE: f64 = 1e-9;

/// What a training is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingParams {
    /// The forest, and the seed of everything random.
    pub forest: ForestParams,
    /// Share of the training readings to be flagged, above 0, at most 0.5.
    pub contamination: f64,
    /// How the threshold is chosen.
    pub threshold: ThresholdMethod,
    /// How many threads fit trees; the result does not depend on it.
    pub threads: NonZeroUsize,
}

impl Default for TrainingParams {
    /// The default model's: 100 trees of 256 readings, seed 42, contamination 0.05, one thread.
    fn default() -> Self {
        TrainingParams {
            forest: ForestParams::default(),
            contamination: 0.05,
            threshold: ThresholdMethod::Contamination,
            threads: NonZeroUsize::MIN,
        }
    }
}

/// Why a model could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// Too little data.
    #[error("{0} usable readings are too few to train on; at least {FEWEST_READINGS} are needed")]
    TooFew(usize),
    /// A feature that never changes tells nothing.
    #[error(
        "feature {name:?} has no usable spread in the training readings (standard deviation {std}); leave it out with --features"
    )]
    Constant {
        /// The feature.
        name: String,
        /// Its standard deviation.
        std: f64,
    },
    /// The forest's parameters cannot be used.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// The threshold cannot be chosen.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// The threshold needs labels that are not there.
    #[error("the F1-best threshold needs labels; name their column, or choose the threshold by contamination")]
    NoLabels,
    /// The reference implementation cannot be asked.
    #[error(transparent)]
    Interop(#[from] InteropError),
    /// The reference implementation scores otherwise.
    #[error(
        "our scores differ by {0:e} from extended-isolation-forest's for the same trees (at most {MOST_INTEROP_DIFFERENCE:e} is rounding); this is a defect, please report it"
    )]
    Disagreement(f64),
    /// The model does not stand its own proof.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A trained model with what it was trained on, for pictures and tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// The data in three parts.
    pub splits: Splits,
    /// The scores of each part.
    pub scores: SplitScores,
    /// How well it did on each part; `None` without labels.
    pub evaluation: Option<SplitEvaluations>,
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

/// The part of a model that is fitted: enough to score, without proof or record. Learning curves fit many of these.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    scaler: StandardScaler,
    forest: Forest,
}

impl Fitted {
    /// Fits scaler and forest to all of `dataset`.
    ///
    /// # Errors
    /// [`TrainingError::Constant`] or [`TrainingError::Forest`].
    pub fn fit(dataset: &Dataset, params: &ForestParams, threads: NonZeroUsize) -> Result<Self, TrainingError> {
        let n_features = dataset.features().len();
        let scaler =
            StandardScaler::fit(dataset.readings(), n_features).map_err(|ScalerError::Spread { feature, std }| {
                TrainingError::Constant { name: dataset.features()[feature].name.clone(), std }
            })?;
        let forest = Forest::fit(&scaler.transform(dataset.readings()), n_features, params, threads)?;
        Ok(Fitted { scaler, forest })
    }

    /// The anomaly score of each reading of `dataset`, which has the features this was fitted to.
    pub fn score(&self, dataset: &Dataset) -> Vec<f64> {
        let mut scores = vec![0.0; dataset.len()];
        score_into(dataset.features().len(), &self.scaler, &self.forest, dataset.readings(), &mut scores);
        scores
    }
}

/// Chooses the threshold by `method`, given the scores of the training and the validation readings.
///
/// # Errors
/// [`TrainingError::Threshold`] or [`TrainingError::NoLabels`].
pub fn calibrate(
    method: ThresholdMethod,
    contamination: f64,
    train_scores: &[f64],
    val_scores: &[f64],
    val_labels: Option<&[bool]>,
) -> Result<f64, TrainingError> {
    Ok(match method {
        ThresholdMethod::Contamination => threshold::by_contamination(train_scores, contamination)?,
        ThresholdMethod::BestF1 => threshold::best_f1(val_scores, val_labels.ok_or(TrainingError::NoLabels)?)?,
    })
}

/// Trains a model on 70 % of `dataset`, chooses its threshold, and measures it on the rest.
///
/// # Errors
/// A [`TrainingError`] for parameters or data that cannot be used, or if the reference implementation disagrees.
pub fn train(dataset: &Dataset, params: &TrainingParams) -> Result<Trained, TrainingError> {
    if dataset.len() < FEWEST_READINGS {
        return Err(TrainingError::TooFew(dataset.len()));
    }
    threshold::check_contamination(params.contamination)?;
    let splits = dataset.split(params.forest.seed);
    let Splits { train, val, test } = &splits;
    let fitted = Fitted::fit(train, &params.forest, params.threads)?;
    let scores = SplitScores { train: fitted.score(train), val: fitted.score(val), test: fitted.score(test) };
    let threshold = calibrate(params.threshold, params.contamination, &scores.train, &scores.val, val.labels())?;
    let evaluate = |scores: &[f64], part: &Dataset| Some(Evaluation::new(scores, part.labels()?, threshold));
    let evaluations = [(&scores.train, train), (&scores.val, val), (&scores.test, test)];
    let evaluation = match evaluations.map(|(scores, part)| evaluate(scores, part)) {
        [Some(train), Some(val), Some(test)] => Some(SplitEvaluations { train, val, test }),
        _ => None,
    };
    let Fitted { scaler, forest } = fitted;
    let interop_difference = interop::largest_difference(&forest, &scaler.transform(train.readings()))?;
    if let Some(difference) = interop_difference {
        accept(difference)?;
    }
    let model = Model::new(ModelParts {
        features: dataset.features().clone(),
        params: ModelParams {
            contamination: params.contamination,
            threshold_method: params.threshold,
            n_estimators: forest.n_estimators(),
            sample_size: forest.sample_size(),
            extension_level: forest.extension_level(),
            random_state: Some(params.forest.seed),
        },
        training: TrainingSummary {
            rows: train.len() as u64,
            features: FeatureSummary::of(train, &scaler),
            evaluation,
            interop_difference,
        },
        golden: GoldenSet::choose(train.readings(), &scores.train, threshold),
        scaler,
        threshold,
        forest,
    })?;
    Ok(Trained { model, splits, scores, evaluation })
}

/// Takes a difference for rounding; NaN is none.
fn accept(difference: f64) -> Result<(), TrainingError> {
    if difference <= MOST_INTEROP_DIFFERENCE { Ok(()) } else { Err(TrainingError::Disagreement(difference)) }
}

#[cfg(test)]
mod tests;
