use serde::{Deserialize, Serialize};

use super::ForestError;

/// Most trees a forest may have.
const MAX_ESTIMATORS: usize = 100_000;

/// How a forest is grown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestParams {
    /// Number of trees, 1 to 100,000.
    pub n_estimators: usize,
    /// Readings each tree is grown from, at least 2; all of them where there are fewer.
    pub sample_size: usize,
    /// Features a split looks at, less one: 0 is the classic isolation forest, whose splits each look at one feature;
    /// `n_features − 1` the fully extended one.
    pub extension_level: usize,
    /// Same seed, same readings, same forest: on every machine, with any number of threads.
    pub seed: u64,
}

impl Default for ForestParams {
    fn default() -> Self {
        Self { n_estimators: 100, sample_size: 256, extension_level: 0, seed: 42 }
    }
}

impl ForestParams {
    pub(super) fn check(&self, n_features: usize) -> Result<(), ForestError> {
        let within = |parameter, value: usize, low: usize, high: usize| {
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
        within("n_features", n_features, 1, usize::from(u16::MAX))?;
        within("n_estimators", self.n_estimators, 1, MAX_ESTIMATORS)?;
        within("sample_size", self.sample_size, 2, i32::MAX as usize)?;
        within("extension_level", self.extension_level, 0, n_features - 1)
    }
}
