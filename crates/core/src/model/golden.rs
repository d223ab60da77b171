//! Readings with the scores they must have, so that a model proves itself before it is used.

use super::{ModelError, ModelParts, score_into};
use serde::{Deserialize, Serialize};

/// How many golden readings a model carries.
const MOST: usize = 32;

/// The golden readings and how exactly they must be met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenSet {
    /// The largest difference allowed; 0, to the last bit, for models we trained, at most 1e-9 for models that were
    /// scored elsewhere.
    pub tolerance: f64,
    /// The readings.
    pub readings: Vec<GoldenReading>,
}

/// One golden reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenReading {
    /// One value a feature, in the features' units.
    pub values: Vec<f64>,
    /// Its score.
    pub anomaly_score: f64,
    /// Its verdict.
    pub is_anomaly: bool,
}

const MOST_TOLERANCE: f64 = 1e-9;

impl GoldenSet {
    /// Takes the readings with the lowest and those with the highest scores.
    pub(crate) fn choose(readings: &[f64], scores: &[f64], threshold: f64) -> Self {
        let n_features = readings.len() / scores.len();
        let mut ranked: Vec<usize> = (0..scores.len()).collect();
        ranked.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
        if ranked.len() > MOST {
            ranked.drain(MOST / 2..ranked.len() - MOST / 2);
        }
        let golden = |&i: &usize| GoldenReading {
            values: readings[i * n_features..(i + 1) * n_features].to_vec(),
            anomaly_score: scores[i],
            is_anomaly: scores[i] > threshold,
        };
        GoldenSet { tolerance: 0.0, readings: ranked.iter().map(golden).collect() }
    }
}

/// Scores every golden reading and compares.
pub(super) fn prove(parts: &ModelParts) -> Result<(), ModelError> {
    let ModelParts { features, scaler, forest, threshold, golden, .. } = parts;
    let invalid = |field: String, problem: String| Err(ModelError::Invalid { field, problem });
    let tolerance = golden.tolerance;
    if !(0.0..=MOST_TOLERANCE).contains(&tolerance) {
        return invalid("golden.tolerance".to_owned(), format!("is {tolerance}; it must be 0 to {MOST_TOLERANCE}"));
    }
    if golden.readings.is_empty() {
        return invalid("golden.readings".to_owned(), "is empty, so nothing proves the forest".to_owned());
    }
    let (mut highest_normal, mut lowest_anomaly) = (f64::NEG_INFINITY, f64::INFINITY);
    for (i, reading) in golden.readings.iter().enumerate() {
        let field = |key: &str| format!("golden.readings[{i}].{key}");
        let GoldenReading { values, anomaly_score, is_anomaly } = reading;
        if values.len() != features.len() || !values.iter().all(|value| value.is_finite()) {
            return invalid(field("values"), format!("must be {} finite numbers", features.len()));
        }
        let mut score = [0.0];
        score_into(features.len(), scaler, forest, values, &mut score);
        // Positively, so that no NaN passes.
        let agrees = score[0] == *anomaly_score || (score[0] - anomaly_score).abs() <= tolerance;
        if !agrees {
            return invalid(field("anomaly_score"), format!("is {anomaly_score}, but the forest gives {}", score[0]));
        }
        if *is_anomaly != (*anomaly_score > *threshold) {
            return invalid(field("is_anomaly"), format!("is {is_anomaly}, against the threshold {threshold}"));
        }
        if *is_anomaly {
            lowest_anomaly = lowest_anomaly.min(*anomaly_score);
        } else {
            highest_normal = highest_normal.max(*anomaly_score);
        }
    }
    if lowest_anomaly > highest_normal {
        Ok(())
    } else {
        invalid("golden.readings".to_owned(), "has a normal reading that scores above an anomalous one".to_owned())
    }
}
