//! A trained model: features, scaler, forest and threshold, with the record of how it came to be.

mod file;
mod golden;
mod summary;

pub use file::{FORMAT_VERSION, ModelError};
pub use golden::{GoldenReading, GoldenSet};
pub use summary::{FeatureSummary, SplitEvaluations, TrainingSummary};

use crate::feature::FeatureSet;
use crate::forest::Forest;
use crate::prediction::Prediction;
use crate::reading::Reading;
use crate::scaler::StandardScaler;
use crate::threshold::ThresholdMethod;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Readings that are standardised and scored together: their values stay in the first-level cache.
const BLOCK: usize = 256;

/// What the training was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelParams {
    /// Share of the training readings to be flagged, above 0, at most 0.5.
    pub contamination: f64,
    /// How the threshold was chosen.
    pub threshold_method: ThresholdMethod,
    /// Number of trees.
    pub n_estimators: usize,
    /// Readings a tree.
    pub sample_size: usize,
    /// 0 = classic, n_features − 1 = fully extended.
    pub extension_level: usize,
    /// The seed of everything random; `None` if the model was fitted elsewhere without one.
    pub random_state: Option<u64>,
}

/// Everything a model file says, apart from its version.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelParts {
    /// What it reads.
    pub features: FeatureSet,
    /// What was asked for.
    pub params: ModelParams,
    /// Applied to a reading before it is scored.
    pub scaler: StandardScaler,
    /// Scores above it are anomalies; 0 to 1.
    pub threshold: f64,
    /// What it was trained on and how well it did.
    pub training: TrainingSummary,
    /// Readings with the scores they must have.
    pub golden: GoldenSet,
    /// Scores standardised readings.
    pub forest: Forest,
}

/// A model that has been proved to work: it scores its golden readings as it did when it was trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    parts: ModelParts,
    version: Arc<str>,
}

impl Model {
    /// The features it reads, in order.
    pub fn features(&self) -> &FeatureSet {
        &self.parts.features
    }

    /// What its training was asked for.
    pub fn params(&self) -> &ModelParams {
        &self.parts.params
    }

    /// The mean and spread it standardises by.
    pub fn scaler(&self) -> &StandardScaler {
        &self.parts.scaler
    }

    /// Scores above it are anomalies.
    pub fn threshold(&self) -> f64 {
        self.parts.threshold
    }

    /// What it was trained on and how well it did.
    pub fn training(&self) -> &TrainingSummary {
        &self.parts.training
    }

    /// The forest, which scores standardised readings.
    pub fn forest(&self) -> &Forest {
        &self.parts.forest
    }

    /// The readings with the scores they must have.
    pub fn golden(&self) -> &GoldenSet {
        &self.parts.golden
    }

    /// 12 hexadecimal digits that differ between models that differ in anything.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The verdict on a reading.
    ///
    /// # Panics
    /// If the reading was checked against other features.
    pub fn predict(&self, reading: &Reading) -> Prediction {
        let mut score = [0.0];
        self.score_into(reading.values(), &mut score);
        self.verdict(score[0])
    }

    /// The anomaly scores of `readings` (row-major, n_readings × n_features, in the features' units), each in (0, 1].
    /// The score of a reading does not depend on the others.
    ///
    /// # Panics
    /// If there is not one place in `scores` a reading.
    pub fn score_into(&self, readings: &[f64], scores: &mut [f64]) {
        let ModelParts { features, scaler, forest, .. } = &self.parts;
        score_into(features.len(), scaler, forest, readings, scores);
    }

    /// The anomaly scores of `readings`, as [`Model::score_into`].
    pub fn score(&self, readings: &[f64]) -> Vec<f64> {
        let mut scores = vec![0.0; readings.len() / self.features().len()];
        self.score_into(readings, &mut scores);
        scores
    }

    /// What a score means to this model.
    pub fn verdict(&self, anomaly_score: f64) -> Prediction {
        Prediction { anomaly_score, is_anomaly: anomaly_score > self.parts.threshold }
    }

    /// Scores the golden readings once more.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] for the first that does not score as written.
    pub fn prove(&self) -> Result<(), ModelError> {
        golden::prove(&self.parts)
    }
}

pub(crate) fn score_into(
    n_features: usize,
    scaler: &StandardScaler,
    forest: &Forest,
    readings: &[f64],
    scores: &mut [f64],
) {
    assert_eq!(readings.len(), scores.len() * n_features, "one place in scores a reading");
    if let [score] = scores {
        let mut scaled = [0.0; crate::feature::MAX_FEATURES];
        let scaled = &mut scaled[..n_features];
        scaler.transform_into(readings, scaled);
        *score = forest.score(scaled);
        return;
    }
    let mut scaled = vec![0.0; BLOCK.min(scores.len()) * n_features];
    for (readings, scores) in readings.chunks(BLOCK * n_features).zip(scores.chunks_mut(BLOCK)) {
        let scaled = &mut scaled[..readings.len()];
        scaler.transform_into(readings, scaled);
        forest.score_batch(scaled, scores);
    }
}

#[cfg(test)]
mod tests;
