//! A trained model: features, detector, threshold and monitor, with the record of how it came to be.

mod error;
mod file;
mod format;
mod gaps;
mod golden;
mod summary;
mod watch;

pub use error::ModelError;
pub use format::FORMAT_VERSION;
pub use golden::{GoldenDetection, GoldenReading, GoldenSet};
pub use summary::{FeatureSummary, SplitEvaluations, TrainingSummary};
pub use watch::{Judgement, Observation};

use crate::detector::{Detector, DetectorKind};
use crate::drift;
use crate::explain::Expectation;
use crate::feature::FeatureSet;
use crate::forest::Forest;
use crate::monitor::Monitor;
use crate::prediction::Prediction;
use crate::reading::Reading;
use crate::scaler::StandardScaler;
use crate::threshold::ThresholdMethod;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the training was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelParams {
    /// Share of the training readings to be flagged, above 0, at most 0.5; `None` exactly if the threshold does not depend
    /// on it ([`ThresholdMethod::Auto`]).
    pub contamination: Option<f64>,
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
    /// Scores readings.
    pub detector: Detector,
    /// Scores above it are anomalies; 0 to 1.
    pub threshold: f64,
    /// Watches turbines in time.
    pub monitor: Monitor,
    /// What sensors are to be expected to read; `None` if the model was fitted elsewhere.
    pub expectation: Option<Expectation>,
    /// What drift of the readings is measured against; `None` if the readings it was fitted to are not known.
    pub drift: Option<drift::Reference>,
    /// What it was trained on and how well it did.
    pub training: TrainingSummary,
    /// Readings with the scores they must have.
    pub golden: GoldenSet,
}

/// A model that has been proved to work: it scores its golden readings as it did when it was trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    parts: ModelParts,
    version: Arc<str>,
    spread: StandardScaler,
}

impl Model {
    pub(crate) fn parts(&self) -> &ModelParts {
        &self.parts
    }

    /// The features it reads, in order.
    pub fn features(&self) -> &FeatureSet {
        &self.parts.features
    }

    /// What its training was asked for.
    pub fn params(&self) -> &ModelParams {
        &self.parts.params
    }

    /// What scores readings.
    pub fn detector(&self) -> &Detector {
        &self.parts.detector
    }

    /// What watches turbines in time.
    pub fn monitor(&self) -> &Monitor {
        &self.parts.monitor
    }

    /// The mean and spread it standardises by.
    pub fn scaler(&self) -> &StandardScaler {
        self.parts.detector.scaler()
    }

    /// Mean and standard deviation of each feature in training, which expected values are relative to. They are the
    /// scaler's, unless the forest was fitted elsewhere: its scaler may say nothing of them.
    pub fn spread(&self) -> &StandardScaler {
        &self.spread
    }

    /// What drift of the readings is measured against; `None` if the readings it was fitted to are not known.
    pub fn drift(&self) -> Option<&drift::Reference> {
        self.parts.drift.as_ref()
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
        self.parts.detector.isolation_forest()
    }

    /// The readings with the scores they must have.
    pub fn golden(&self) -> &GoldenSet {
        &self.parts.golden
    }

    /// `m` and 12 hexadecimal digits that differ between models that differ in anything.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The verdict on a reading by itself: as if it were the first of its turbine.
    ///
    /// # Panics
    /// If the reading was checked against other features.
    pub fn predict(&self, reading: &Reading) -> Prediction {
        let mut score = [0.0];
        self.score_into(reading.values(), &mut score);
        self.verdict(score[0])
    }

    /// The anomaly scores of `readings` (row-major, n_readings × n_features, in the features' units), each as if it were
    /// the first of its turbine: the score of a reading does not depend on the others.
    ///
    /// # Panics
    /// If there is not one place in `scores` a reading.
    pub fn score_into(&self, readings: &[f64], scores: &mut [f64]) {
        let detector = self.detector();
        detector.forest_scores(readings, scores);
        if detector.kind() == DetectorKind::Forest {
            return;
        }
        for (reading, score) in readings.chunks_exact(self.features().len()).zip(scores) {
            *score = detector.detect(*score, reading).anomaly_score;
        }
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

#[cfg(test)]
mod tests;
