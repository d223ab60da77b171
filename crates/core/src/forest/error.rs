use thiserror::Error;

/// Why a forest could not be grown, or why a written one cannot be trusted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ForestError {
    /// A parameter lies outside what it may be.
    #[error("{parameter} is {value}, but must be {expected}")]
    Parameter {
        /// Its name in [`ForestParams`](super::ForestParams).
        parameter: &'static str,
        /// What was asked for.
        value: u64,
        /// What would be accepted.
        expected: String,
    },
    /// There is too little to grow a tree from.
    #[error("{n_readings} readings are too few to grow a forest from: give at least 2")]
    TooFewReadings {
        /// How many there were.
        n_readings: usize,
    },
    /// The buffer is not `n_readings × n_features`.
    #[error("{length} values are no whole number of readings with {n_features} features each: give full rows")]
    Shape {
        /// Length of the buffer.
        length: usize,
        /// Features a reading.
        n_features: usize,
    },
    /// A training value is NaN or infinite.
    #[error("feature {feature} of reading {reading} is {value}: leave out readings that are not finite")]
    NotFinite {
        /// Row of the value.
        reading: usize,
        /// Column of the value.
        feature: usize,
        /// The value.
        value: f64,
    },
    /// A written forest contradicts itself.
    #[error("{field} {problem}: the forest was damaged or edited, train it again")]
    Damaged {
        /// Path of the field, as in `trees[3].threshold[17]`.
        field: String,
        /// What is wrong with it, its value included.
        problem: String,
    },
}
