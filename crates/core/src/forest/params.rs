//! Parameters of a forest.

use serde::{Deserialize, Serialize};

use super::ForestError;

/// Maximum number of trees.
const MAX_ESTIMATORS: usize = 100_000;

/// Parameters of a forest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestParams {
    /// Number of trees, 1 to 100,000.
    pub n_estimators: usize,
    /// Number of readings per tree, at least 2; all readings if there are fewer.
    pub sample_size: usize,
    /// Number of features per split, less one: 0 is the classic isolation forest with one feature per split,
    /// `n_features − 1` the fully extended one.
    pub extension_level: usize,
    /// Random seed. The same seed and readings give the same forest, on every machine and with any number of threads.
    pub seed: u64,
}

impl Default for ForestParams {
    fn default() -> Self {
        Self { n_estimators: 100, sample_size: 256, extension_level: 0, seed: 42 }
    }
}

impl ForestParams {
    pub(super) fn check(&self, n_features: usize) -> Result<(), ForestError> {
        let check_range = |parameter, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(ForestError::Parameter {
                    parameter,
                    value: value as u64,
                    expected: format!("from {low} to {high}"),
                })
            }
        };
        check_range("n_features", n_features, 1, usize::from(u16::MAX))?;
        check_range("n_estimators", self.n_estimators, 1, MAX_ESTIMATORS)?;
        check_range("sample_size", self.sample_size, 2, i32::MAX as usize)?;
        check_range("extension_level", self.extension_level, 0, n_features - 1)
    }
}
