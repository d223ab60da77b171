//! Readings with the scores they must have, so that a model proves itself before it is used.

use super::ModelParts;
use super::error::ModelError;
use crate::detector::Detector;
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
    /// How a calibrated detector comes to the score; `None` if the detector is not calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<GoldenDetection>,
}

/// How a calibrated detector comes to a score: each part by itself, so that a large one hides no damage to the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenDetection {
    /// The smoothed values of the reading's turbine, one a feature.
    pub smoothed: Vec<f64>,
    /// The forest's score of the reading.
    pub forest_score: f64,
    /// The neighbours' distance of the smoothed values; `None` for the forest alone.
    pub distance: Option<f64>,
    /// The surprisal, in decades.
    pub surprisal: f64,
}

const MOST_TOLERANCE: f64 = 1e-9;

impl GoldenSet {
    /// Takes the readings with the lowest and those with the highest scores; `smoothed` are the smoothed values of their
    /// turbines.
    pub(crate) fn choose(
        readings: &[f64],
        smoothed: &[f64],
        scores: &[f64],
        detector: &Detector,
        threshold: f64,
    ) -> Self {
        let n_features = readings.len() / scores.len();
        let mut ranked: Vec<usize> = (0..scores.len()).collect();
        ranked.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(a.cmp(&b)));
        if ranked.len() > MOST {
            ranked.drain(MOST / 2..ranked.len() - MOST / 2);
        }
        let golden = |&i: &usize| {
            let row = i * n_features..(i + 1) * n_features;
            GoldenReading {
                values: readings[row.clone()].to_vec(),
                anomaly_score: scores[i],
                is_anomaly: scores[i] > threshold,
                detection: GoldenDetection::of(&readings[row.clone()], &smoothed[row], detector),
            }
        };
        GoldenSet { tolerance: 0.0, readings: ranked.iter().map(golden).collect() }
    }

    /// The same readings and scores for a detector that was calibrated afterwards.
    pub(crate) fn calibrated(&self, detector: &Detector) -> Self {
        let calibrated = |reading: &GoldenReading| GoldenReading {
            detection: GoldenDetection::of(&reading.values, &reading.values, detector),
            ..reading.clone()
        };
        GoldenSet { tolerance: self.tolerance, readings: self.readings.iter().map(calibrated).collect() }
    }
}

impl GoldenDetection {
    fn of(values: &[f64], smoothed: &[f64], detector: &Detector) -> Option<Self> {
        let forest_score = detector.forest_score(values);
        Some(GoldenDetection {
            surprisal: detector.detect(forest_score, smoothed).surprisal?,
            distance: detector.neighbours().map(|neighbours| neighbours.distance(smoothed)),
            forest_score,
            smoothed: smoothed.to_vec(),
        })
    }
}

/// Scores every golden reading and compares.
pub(super) fn prove(parts: &ModelParts) -> Result<(), ModelError> {
    let ModelParts { features, detector, threshold, golden, .. } = parts;
    let invalid = |field: String, problem: String| Err(ModelError::Invalid { field, problem });
    let tolerance = golden.tolerance;
    if !(0.0..=MOST_TOLERANCE).contains(&tolerance) {
        return invalid("golden.tolerance".to_owned(), format!("is {tolerance}; it must be 0 to {MOST_TOLERANCE}"));
    }
    if golden.readings.is_empty() {
        return invalid("golden.readings".to_owned(), "is empty, so nothing proves the detector".to_owned());
    }
    let (mut highest_normal, mut lowest_anomaly) = (f64::NEG_INFINITY, f64::INFINITY);
    for (i, reading) in golden.readings.iter().enumerate() {
        let field = |key: &str| format!("golden.readings[{i}].{key}");
        let GoldenReading { values, anomaly_score, is_anomaly, detection } = reading;
        let is_reading =
            |values: &[f64]| values.len() == features.len() && values.iter().all(|value| value.is_finite());
        let wanted = format!("must be {} finite numbers", features.len());
        if !is_reading(values) {
            return invalid(field("values"), wanted);
        }
        if detection.is_some() != detector.is_calibrated() {
            let problem = if detection.is_some() { "is there without a calibration" } else { "is missing" };
            return invalid(field("detection"), problem.to_owned());
        }
        let smoothed = detection.as_ref().map_or(values, |detection| &detection.smoothed);
        if !is_reading(smoothed) {
            return invalid(field("detection.smoothed"), wanted);
        }
        let forest_score = detector.forest_score(values);
        let found = detector.detect(forest_score, smoothed);
        let distance = detector.neighbours().map(|neighbours| neighbours.distance(smoothed));
        let stated = detection.as_ref();
        let figures = [
            ("detection.forest_score", stated.map(|stated| stated.forest_score), Some(forest_score)),
            ("detection.distance", stated.and_then(|stated| stated.distance), distance),
            ("detection.surprisal", stated.map(|stated| stated.surprisal), found.surprisal),
            ("anomaly_score", Some(*anomaly_score), Some(found.anomaly_score)),
        ];
        for (key, stated, found) in figures {
            let agree = match (stated, found) {
                // Positively, so that no NaN passes.
                (Some(stated), Some(found)) => stated == found || (stated - found).abs() <= tolerance,
                (None, None) => true,
                (None, Some(_)) => key == "detection.forest_score",
                (Some(_), None) => false,
            };
            if !agree {
                let number = |figure: Option<f64>| figure.map_or("null".to_owned(), |figure| figure.to_string());
                return invalid(field(key), format!("is {}, but the detector gives {}", number(stated), number(found)));
            }
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
