//! Which sensors a surprisal comes from: what each read, what was to be expected given the others, and its share.
//!
//! Standardised, the expected value of sensor j given the others is z_j − (P·z)_j / P_jj, with P the inverse of
//! 0.98 · covariance + 0.02 · identity of the training readings; the residual standard deviation is 1/√P_jj. The share of a
//! sensor is the drop of the surprisal when it is put at its expected value.

use crate::matrix::{SHRINKAGE, inverse, shrunk_covariance};
use crate::scaler::StandardScaler;
use crate::sensors::SensorSet;
use serde::{Deserialize, Serialize};

/// The largest entry of a precision matrix: no eigenvalue of what it inverts is below the shrinkage.
const MOST_PRECISION: f64 = 1.0 / SHRINKAGE * (1.0 + 1e-9);

/// The smallest on its diagonal: no eigenvalue of a correlation matrix exceeds the number of features.
const LEAST_PRECISION: f64 = 1.0 / (2 * crate::feature::MAX_FEATURES) as f64;

/// A standardised value is not let beyond this, so that products stay finite.
const MOST_DEVIATIONS: f64 = 1e60;

/// What each sensor is to be expected to read given the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The precision matrix of standardised training readings, row-major.
    precision: Vec<f64>,
}

/// One sensor's part in a surprisal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The sensor, by its place in the feature set.
    pub feature: usize,
    /// What it read, in its unit.
    pub value: f64,
    /// What was to be expected given the others, in its unit.
    pub expected: f64,
    /// Its share of the surprisal, 0 to 1; all shares add up to 1.
    pub share: f64,
}

/// A reading and its turbine's smoothed values, as a detector looks at them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scene<'a> {
    /// One value a feature.
    pub values: &'a [f64],
    /// One smoothed value a feature.
    pub smoothed: &'a [f64],
}

impl Expectation {
    /// Learns from `readings` (row-major, n_readings × n_features, at least two), standardised by `scaler`. `None` if their
    /// covariance is not finite.
    pub fn fit(readings: &[f64], scaler: &StandardScaler) -> Option<Self> {
        let n = scaler.mean().len();
        let precision = inverse(&shrunk_covariance(&scaler.transform(readings), n), n)?;
        Some(Expectation { precision })
    }

    /// What is wrong with a written one for so many features, if anything is.
    pub fn check(&self, n_features: usize) -> Result<(), String> {
        let entries = n_features * n_features;
        if self.precision.len() != entries {
            return Err(format!("has {} entries; {n_features} features need {entries}", self.precision.len()));
        }
        if !self.precision.iter().all(|entry| (-MOST_PRECISION..=MOST_PRECISION).contains(entry)) {
            return Err(format!("must be numbers of at most {}", 1.0 / SHRINKAGE));
        }
        if !self.precision.iter().step_by(n_features + 1).all(|&diagonal| diagonal >= LEAST_PRECISION) {
            return Err(format!("must be at least {LEAST_PRECISION} on its diagonal"));
        }
        Ok(())
    }

    /// What each sensor of a reading was to be expected to read given the others, in its unit.
    ///
    /// # Panics
    /// If reading and scaler have another number of features.
    pub fn expected(&self, values: &[f64], scaler: &StandardScaler) -> Vec<f64> {
        let z = standardised(values, scaler);
        let expected = |(j, row): (usize, &[f64])| {
            let expected = z[j] - product(row, &z) / row[j];
            (scaler.mean()[j] + expected * scaler.std()[j]).clamp(f64::MIN, f64::MAX)
        };
        self.precision.chunks_exact(z.len()).enumerate().map(expected).collect()
    }

    /// Puts what is to be expected given the other values in the places of `missing`, in the features' units. False, and
    /// nothing is changed, if that is not defined.
    ///
    /// Standardised, the values m of the missing sensors are −(P_mm)⁻¹·P_mo·z_o, with z_o the others.
    ///
    /// # Panics
    /// If `missing` has places beyond `values`.
    pub fn fill(&self, missing: SensorSet, values: &mut [f64], scaler: &StandardScaler) -> bool {
        let n = values.len();
        let places: Vec<usize> = missing.iter().collect();
        places.iter().for_each(|&place| values[place] = scaler.mean()[place]);
        // The missing ones are 0, so the whole row of P may be taken.
        let z = standardised(values, scaler);
        let block: Vec<f64> =
            places.iter().flat_map(|row| places.iter().map(move |column| self.precision[row * n + column])).collect();
        let Some(inverse) = inverse(&block, places.len()) else { return false };
        let pull: Vec<f64> = places.iter().map(|&row| product(&self.precision[row * n..][..n], &z)).collect();
        for (&place, row) in places.iter().zip(inverse.chunks_exact(places.len())) {
            let expected = scaler.mean()[place] - product(row, &pull) * scaler.std()[place];
            values[place] = expected.clamp(f64::MIN, f64::MAX);
        }
        true
    }

    /// How far each sensor is from its expected value, in residual standard deviations.
    fn residuals(&self, values: &[f64], scaler: &StandardScaler) -> Vec<f64> {
        let z = standardised(values, scaler);
        let residual = |(j, row): (usize, &[f64])| product(row, &z).abs() / row[j].sqrt();
        self.precision.chunks_exact(z.len()).enumerate().map(residual).collect()
    }

    /// The residual standard deviation of each sensor given the others, in its unit.
    pub fn residual_std(&self, scaler: &StandardScaler) -> Vec<f64> {
        let n = scaler.std().len();
        self.precision.iter().step_by(n + 1).zip(scaler.std()).map(|(diagonal, std)| std / diagonal.sqrt()).collect()
    }

    /// The sensors of a scene by their share of its surprisal, largest first. `surprisal` is asked n_features + 1 times.
    ///
    /// # Panics
    /// If scene and scaler have another number of features.
    pub fn explain(
        &self,
        scene: Scene<'_>,
        scaler: &StandardScaler,
        mut surprisal: impl FnMut(Scene<'_>) -> f64,
    ) -> Vec<Contribution> {
        let Scene { values, smoothed } = scene;
        let expected = self.expected(values, scaler);
        let expected_smoothed = self.expected(smoothed, scaler);
        let whole = surprisal(scene);
        let (mut values_without, mut smoothed_without) = (values.to_vec(), smoothed.to_vec());
        let mut drops: Vec<f64> = (0..values.len())
            .map(|j| {
                (values_without[j], smoothed_without[j]) = (expected[j], expected_smoothed[j]);
                let without = surprisal(Scene { values: &values_without, smoothed: &smoothed_without });
                (values_without[j], smoothed_without[j]) = (values[j], smoothed[j]);
                (whole - without).max(0.0)
            })
            .collect();
        if drops.iter().all(|&drop| drop == 0.0) {
            // No sensor by itself makes it less surprising: go by how far each is off.
            drops = self.residuals(smoothed, scaler);
        }
        let total: f64 = drops.iter().sum();
        let even = 1.0 / values.len() as f64;
        let contribution = |(feature, drop): (usize, &f64)| Contribution {
            feature,
            value: values[feature],
            expected: expected[feature],
            share: if total > 0.0 { drop / total } else { even },
        };
        let mut contributions: Vec<Contribution> = drops.iter().enumerate().map(contribution).collect();
        contributions.sort_by(|a, b| b.share.total_cmp(&a.share));
        contributions
    }
}

fn standardised(values: &[f64], scaler: &StandardScaler) -> Vec<f64> {
    let mut z = scaler.transform(values);
    z.iter_mut().for_each(|z| *z = z.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS));
    z
}

fn product(row: &[f64], z: &[f64]) -> f64 {
    row.iter().zip(z).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
