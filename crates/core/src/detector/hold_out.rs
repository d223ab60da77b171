//! Fitting the parts of a detector, and what they say of readings that were held out.

use super::{Calibration, Detector, DetectorKind, Neighbours, larger, score_of};
use crate::forest::{Forest, ForestError, ForestParams};
use crate::scaler::{ScalerError, StandardScaler};
use std::num::NonZeroUsize;

/// Contiguous blocks of the training readings, each held out once.
const BLOCKS: usize = 4;

/// What a detector is fitted to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rows<'a> {
    /// Row-major, n_readings × n_features, finite, in the order of time if there is one.
    pub readings: &'a [f64],
    /// Their smoothed values, alike; the readings themselves where they have no order.
    pub smoothed: &'a [f64],
    /// Values in a reading.
    pub n_features: usize,
}

/// How a detector is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitParams<'a> {
    /// What it is to consist of.
    pub kind: DetectorKind,
    /// The forest, and the seed of everything random.
    pub forest: &'a ForestParams,
    /// How many threads grow trees; the result does not depend on it.
    pub threads: NonZeroUsize,
}

/// Why a detector cannot be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// No feature, or with the forest alone not every feature, has spread.
    #[error(transparent)]
    Spread(#[from] ScalerError),
    /// The forest cannot be grown.
    #[error(transparent)]
    Forest(#[from] ForestError),
}

/// The scores of readings that the part that scored them was not fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// The forest's, one a reading.
    pub forest_scores: Vec<f64>,
    /// The neighbours' distances, one a reading; empty for the forest alone.
    pub distances: Vec<f64>,
}

/// The parts of a detector, not calibrated.
struct Parts {
    scaler: StandardScaler,
    forest: Forest,
    neighbours: Option<Neighbours>,
}

/// Fits a detector to all of `rows`; `held_out` calibrates it (see [`hold_out`]). Without, the forest alone gives no
/// surprisals.
///
/// # Errors
/// A [`FitError`] for readings without spread or parameters out of range. Forest and neighbours leave features without
/// spread out; the forest alone wants all to have some.
///
/// # Panics
/// If forest and neighbours are asked for without held-out scores.
pub fn fit(rows: Rows<'_>, params: FitParams<'_>, held_out: Option<&HeldOut>) -> Result<Detector, FitError> {
    if params.kind == DetectorKind::Forest {
        StandardScaler::fit(rows.readings, rows.n_features)?;
    }
    let Parts { scaler, forest, neighbours } = Parts::fit(rows, params)?;
    let calibration = held_out.map(|held_out| Calibration::fit(&held_out.forest_scores));
    Ok(match neighbours {
        None => Detector::forest(scaler, forest, calibration),
        Some(neighbours) => {
            let held_out = held_out.expect("forest and neighbours are calibrated");
            let distances = Calibration::fit(&held_out.distances);
            Detector::forest_and_neighbours(
                scaler,
                forest,
                Calibration::fit(&held_out.forest_scores),
                neighbours,
                distances,
            )
        }
    })
}

/// Scores each of four contiguous blocks of `rows` by what is fitted to the other three.
///
/// # Errors
/// As [`fit`].
pub fn hold_out(rows: Rows<'_>, params: FitParams<'_>) -> Result<HeldOut, FitError> {
    let n = rows.n_features;
    let n_readings = rows.readings.len() / n;
    let mut held_out = HeldOut { forest_scores: Vec::with_capacity(n_readings), distances: Vec::new() };
    for block in 0..BLOCKS {
        // Reading i belongs to block ⌊i · BLOCKS / n_readings⌋.
        let [start, end] = [block, block + 1].map(|block| (block * n_readings).div_ceil(BLOCKS) * n);
        let others = |values: &[f64]| [&values[..start], &values[end..]].concat();
        let (readings, smoothed) = (others(rows.readings), others(rows.smoothed));
        let parts = Parts::fit(Rows { readings: &readings, smoothed: &smoothed, n_features: n }, params)?;
        let Parts { scaler, forest, neighbours } = parts;
        let detector = Detector::forest(scaler, forest, None);
        let mut scores = vec![0.0; (end - start) / n];
        detector.forest_scores(&rows.readings[start..end], &mut scores);
        held_out.forest_scores.extend(scores);
        if let Some(neighbours) = neighbours {
            let distances = rows.smoothed[start..end].chunks_exact(n).map(|smoothed| neighbours.distance(smoothed));
            held_out.distances.extend(distances);
        }
    }
    Ok(held_out)
}

impl HeldOut {
    /// Those of the readings for which `keep` is true.
    ///
    /// # Panics
    /// If there is not one `keep` a reading.
    pub fn select(&self, keep: &[bool]) -> HeldOut {
        assert_eq!(keep.len(), self.forest_scores.len(), "one decision a reading");
        let kept =
            |scores: &[f64]| scores.iter().zip(keep).filter(|(_, keep)| **keep).map(|(score, _)| *score).collect();
        HeldOut { forest_scores: kept(&self.forest_scores), distances: kept(&self.distances) }
    }

    /// The combined surprisal of each reading by the calibration of `detector`; empty if it has none.
    pub fn surprisals(&self, detector: &Detector) -> Vec<f64> {
        let Some(forest) = detector.forest_calibration() else { return Vec::new() };
        let by_forest = self.forest_scores.iter().map(|&score| forest.surprisal(score));
        match detector.distance_calibration() {
            None => by_forest.collect(),
            Some(distance) => by_forest
                .zip(&self.distances)
                .map(|(by_forest, &of)| larger(by_forest, distance.surprisal(of)).0)
                .collect(),
        }
    }

    /// The anomaly score of each reading by `detector`: what a threshold by contamination is measured on.
    pub fn anomaly_scores(&self, detector: &Detector) -> Vec<f64> {
        match detector.kind() {
            DetectorKind::Forest => self.forest_scores.clone(),
            DetectorKind::ForestAndNeighbours => self.surprisals(detector).into_iter().map(score_of).collect(),
        }
    }
}

impl Parts {
    /// Fits to `rows`, features without spread left out: no tree cuts along them.
    fn fit(rows: Rows<'_>, params: FitParams<'_>) -> Result<Self, FitError> {
        let Rows { readings, smoothed, n_features } = rows;
        let scaler = StandardScaler::fit_where_spread(readings, n_features)?;
        let forest = Forest::fit(&scaler.transform(readings), n_features, params.forest, params.threads)?;
        let neighbours = match params.kind {
            DetectorKind::Forest => None,
            DetectorKind::ForestAndNeighbours => {
                let neighbours = Neighbours::fit(smoothed, n_features, params.forest.seed);
                Some(neighbours.ok_or(ScalerError::Spread { feature: 0, std: 0.0 })?)
            }
        };
        Ok(Parts { scaler, forest, neighbours })
    }
}
