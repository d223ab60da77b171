//! What scores a reading by itself: an isolation forest, alone or together with neighbours, calibrated to surprisal.
//!
//! The forest looks at the reading as it is, the neighbours at the smoothed values of its turbine, which the
//! [`monitor`](crate::monitor) keeps. Each score becomes a surprisal in decades by what held-out normal readings scored,
//! and the larger of the two counts.

mod calibration;
mod hold_out;
mod neighbours;

pub use calibration::{Calibration, CalibrationError, MOST_SURPRISAL};
pub use hold_out::{FitError, FitParams, HeldOut, Rows, fit, hold_out};
pub use neighbours::{N_REFERENCE, Neighbours, NeighboursData, NeighboursError};

use crate::forest::Forest;
use crate::scaler::StandardScaler;
use serde::{Deserialize, Serialize};

/// Readings that are standardised and scored together: their values stay in the first-level cache.
const BLOCK: usize = 256;

/// What a detector consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DetectorKind {
    /// The forest alone; its score is 2^(−E/c).
    #[default]
    #[serde(rename = "forest")]
    Forest,
    /// Classic forest and neighbours; the score is s/(1 + s) of the surprisal s.
    #[serde(rename = "forest+neighbours")]
    ForestAndNeighbours,
}

impl DetectorKind {
    /// Its name in files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            DetectorKind::Forest => "forest",
            DetectorKind::ForestAndNeighbours => "forest+neighbours",
        }
    }
}

/// What a surprisal comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The reading lies where few cuts tell it from the rest.
    Forest,
    /// The smoothed reading is far from any in training.
    Neighbours,
}

/// What a detector finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Higher = more anomalous. Forest alone: in (0, 1]; forest and neighbours: in [0, 1).
    pub anomaly_score: f64,
    /// How rare such a reading is in normal running, in decades: 3 = one in a thousand. `None` if the detector is not
    /// calibrated.
    pub surprisal: Option<f64>,
    /// What gave the surprisal.
    pub part: Part,
}

/// A fitted detector, the same for every thread that scores with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Detector {
    scaler: StandardScaler,
    forest: Forest,
    method: Method,
}

#[derive(Debug, Clone, PartialEq)]
enum Method {
    Forest(Option<Calibration>),
    ForestAndNeighbours(Box<Both>),
}

#[derive(Debug, Clone, PartialEq)]
struct Both {
    forest: Calibration,
    neighbours: Neighbours,
    distance: Calibration,
}

impl Detector {
    /// The forest alone, which scores standardised readings; without calibration there are scores and no surprisals.
    ///
    /// # Panics
    /// If scaler and forest have different numbers of features.
    pub fn forest(scaler: StandardScaler, forest: Forest, calibration: Option<Calibration>) -> Self {
        assert_eq!(scaler.mean().len(), forest.n_features(), "one mean a feature");
        Detector { scaler, forest, method: Method::Forest(calibration) }
    }

    /// Forest and neighbours, each with its calibration.
    ///
    /// # Panics
    /// If the parts have different numbers of features.
    pub fn forest_and_neighbours(
        scaler: StandardScaler,
        forest: Forest,
        calibration: Calibration,
        neighbours: Neighbours,
        distance_calibration: Calibration,
    ) -> Self {
        assert_eq!(scaler.mean().len(), forest.n_features(), "one mean a feature");
        assert_eq!(neighbours.n_features(), forest.n_features(), "one space for both");
        let both = Both { forest: calibration, neighbours, distance: distance_calibration };
        Detector { scaler, forest, method: Method::ForestAndNeighbours(Box::new(both)) }
    }

    /// What it consists of.
    pub fn kind(&self) -> DetectorKind {
        match self.method {
            Method::Forest(_) => DetectorKind::Forest,
            Method::ForestAndNeighbours(_) => DetectorKind::ForestAndNeighbours,
        }
    }

    /// Whether it knows surprisals.
    pub fn is_calibrated(&self) -> bool {
        self.forest_calibration().is_some()
    }

    /// Values in a reading.
    pub fn n_features(&self) -> usize {
        self.forest.n_features()
    }

    /// The mean and spread that readings are standardised by for the forest.
    pub fn scaler(&self) -> &StandardScaler {
        &self.scaler
    }

    /// The forest itself, which scores standardised readings.
    pub fn isolation_forest(&self) -> &Forest {
        &self.forest
    }

    /// The neighbours, if it has them.
    pub fn neighbours(&self) -> Option<&Neighbours> {
        match &self.method {
            Method::Forest(_) => None,
            Method::ForestAndNeighbours(both) => Some(&both.neighbours),
        }
    }

    /// From the forest's score to a surprisal, if that is known.
    pub fn forest_calibration(&self) -> Option<&Calibration> {
        match &self.method {
            Method::Forest(calibration) => calibration.as_ref(),
            Method::ForestAndNeighbours(both) => Some(&both.forest),
        }
    }

    /// From the neighbours' distance to a surprisal, if it has neighbours.
    pub fn distance_calibration(&self) -> Option<&Calibration> {
        match &self.method {
            Method::Forest(_) => None,
            Method::ForestAndNeighbours(both) => Some(&both.distance),
        }
    }

    /// The forest's scores of `readings` (row-major, n_readings × n_features, in the features' units), each in (0, 1]. The
    /// score of a reading does not depend on the others, nor on its turbine.
    ///
    /// # Panics
    /// If there is not one place in `scores` a reading.
    pub fn forest_scores(&self, readings: &[f64], scores: &mut [f64]) {
        let (scaler, forest, n_features) = (&self.scaler, &self.forest, self.n_features());
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

    /// The forest's score of one reading, in (0, 1]; the very bits of [`Detector::forest_scores`].
    ///
    /// # Panics
    /// If the reading does not have n_features values.
    pub fn forest_score(&self, reading: &[f64]) -> f64 {
        let mut score = [0.0];
        self.forest_scores(reading, &mut score);
        score[0]
    }

    /// Scores a reading, given the forest's score of it and its turbine's smoothed values, which the forest alone does
    /// not look at.
    ///
    /// # Panics
    /// If `smoothed` does not have n_features values.
    pub fn detect(&self, forest_score: f64, smoothed: &[f64]) -> Detection {
        match &self.method {
            Method::Forest(calibration) => Detection {
                anomaly_score: forest_score,
                surprisal: calibration.as_ref().map(|calibration| calibration.surprisal(forest_score)),
                part: Part::Forest,
            },
            Method::ForestAndNeighbours(both) => {
                let by_forest = both.forest.surprisal(forest_score);
                let by_neighbours = both.distance.surprisal(both.neighbours.distance(smoothed));
                let (surprisal, part) = larger(by_forest, by_neighbours);
                Detection { anomaly_score: score_of(surprisal), surprisal: Some(surprisal), part }
            }
        }
    }
}

/// The combined surprisal, and which part it is of.
fn larger(by_forest: f64, by_neighbours: f64) -> (f64, Part) {
    if by_neighbours >= by_forest { (by_neighbours, Part::Neighbours) } else { (by_forest, Part::Forest) }
}

/// The anomaly score of forest and neighbours: 0.5 = one normal reading in ten, 0.75 = one in a thousand.
pub fn score_of(surprisal: f64) -> f64 {
    surprisal / (1.0 + surprisal)
}

#[cfg(test)]
mod tests;
