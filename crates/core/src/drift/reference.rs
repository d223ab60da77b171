//! What drift is measured against: the training readings, feature by feature.

use super::Distribution;
use serde::{Deserialize, Serialize};

/// The readings that a model was fitted to, as far as drift needs them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The share of the training readings that the model flags, 0 to 1: as many are to be expected without drift.
    pub expected_rate: f64,
    /// One entry a feature, in order.
    pub features: Vec<Distribution>,
}

impl Reference {
    /// Summarises readings (row-major, n_readings × n_features), which are in the order of time if `in_time`.
    ///
    /// # Panics
    /// If there are no readings.
    pub fn fit(readings: &[f64], n_features: usize, in_time: bool, expected_rate: f64) -> Self {
        let column = |place: usize| readings.iter().skip(place).step_by(n_features).copied().collect::<Vec<f64>>();
        let features = (0..n_features).map(|place| Distribution::fit(&column(place), in_time)).collect();
        Reference { expected_rate, features }
    }

    /// What is wrong with a written reference of `n_features` features, as field and problem.
    pub(crate) fn check(&self, n_features: usize) -> Result<(), (String, String)> {
        if !(0.0..=1.0).contains(&self.expected_rate) {
            return Err(("expected_rate".to_owned(), format!("is {}; it must be 0 to 1", self.expected_rate)));
        }
        if self.features.len() != n_features {
            let problem = format!("has {} entries for {n_features} features", self.features.len());
            return Err(("features".to_owned(), problem));
        }
        for (place, feature) in self.features.iter().enumerate() {
            feature.check().map_err(|(field, problem)| (format!("features[{place}].{field}"), problem))?;
        }
        Ok(())
    }
}
