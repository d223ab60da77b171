//! Errors of forests.

use thiserror::Error;

/// Why a forest cannot be fitted, or why a stored one is invalid.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ForestError {
    /// A parameter is out of range.
    #[error("{parameter} is {value}, but must be {expected}")]
    Parameter {
        /// Its name in [`ForestParams`](super::ForestParams).
        parameter: &'static str,
        /// The value.
        value: u64,
        /// The valid range.
        expected: String,
    },
    /// There are too few readings.
    #[error("{n_readings} readings are too few to fit a forest; pass at least 2")]
    TooFewReadings {
        /// The number of readings.
        n_readings: usize,
    },
    /// The buffer is not `n_readings × n_features`.
    #[error("{length} values are not a whole number of readings with {n_features} features; pass complete rows")]
    Shape {
        /// Length of the buffer.
        length: usize,
        /// Features per reading.
        n_features: usize,
    },
    /// A training value is NaN or infinite.
    #[error("feature {feature} of reading {reading} is {value}; remove readings that are not finite")]
    NotFinite {
        /// Row of the value.
        reading: usize,
        /// Column of the value.
        feature: usize,
        /// The value.
        value: f64,
    },
    /// A stored forest is invalid.
    #[error("{field} {problem}: the forest was damaged or edited; train it again")]
    Damaged {
        /// Path of the field, as in `trees[3].threshold[17]`.
        field: String,
        /// The problem, with the value.
        problem: String,
    },
}
