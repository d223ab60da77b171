//! Errors of the conversion.

use thiserror::Error;

use crate::forest::ForestError;

/// Why a forest cannot be converted.
#[derive(Debug, Error)]
pub enum InteropError {
    /// The forest has another number of features than the type.
    #[error("the forest has {forest} features, the type {asked}; use a type with {forest}")]
    Features {
        /// Features of the forest.
        forest: usize,
        /// Features of the type.
        asked: usize,
    },
    /// The forest estimates path lengths as scikit-learn does, which the crate cannot express.
    #[error("the forest came from scikit-learn, whose path lengths extended-isolation-forest cannot express")]
    PathLength,
    /// The sample size of a tree contradicts the forest's average path length.
    #[error(
        "tree {tree} was grown from {n_samples} readings, which contradicts the forest's average path length {measure}"
    )]
    SampleSize {
        /// Index of the tree.
        tree: usize,
        /// The sum over its leaves.
        n_samples: u64,
        /// The forest's `avg_path_length_c`.
        measure: f64,
    },
    /// The readings are not `n_readings × n_features`.
    #[error("{length} values are not a whole number of readings with {n_features} features; pass complete rows")]
    Shape {
        /// Length of the buffer.
        length: usize,
        /// Features per reading.
        n_features: usize,
    },
    /// The crate's serde format has changed.
    #[error("the serde format of extended-isolation-forest differs from that of version 0.2.3")]
    Form(#[from] serde_json::Error),
    /// The crate's forest is invalid.
    #[error("the forest of extended-isolation-forest is invalid")]
    Forest(#[from] ForestError),
}
