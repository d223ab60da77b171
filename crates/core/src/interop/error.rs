use thiserror::Error;

use crate::forest::ForestError;

/// Why a forest could not cross the bridge.
#[derive(Debug, Error)]
pub enum InteropError {
    /// The forest reads another number of features than the type asked for.
    #[error("the forest has {forest} features, not {asked}: ask for a forest of {forest}")]
    Features {
        /// Features of the forest.
        forest: usize,
        /// Features of the type.
        asked: usize,
    },
    /// The forest estimates path lengths as scikit-learn does, which the crate cannot express.
    #[error("the forest came from scikit-learn, whose path lengths extended-isolation-forest cannot express")]
    PathLength,
    /// The forest does not say how many readings its trees were grown from, or contradicts itself about it.
    #[error("tree {tree} was grown from {n_samples} readings, which does not give the forest's measure of {measure}")]
    SampleSize {
        /// The tree.
        tree: usize,
        /// The sum of its leaves.
        n_samples: u64,
        /// The forest's `avg_path_length_c`.
        measure: f64,
    },
    /// The readings are not `n_readings × n_features`.
    #[error("{length} values are no whole number of readings with {n_features} features each: give full rows")]
    Shape {
        /// Length of the buffer.
        length: usize,
        /// Features a reading.
        n_features: usize,
    },
    /// The crate's serde form is not what it was in the version this was written for.
    #[error("extended-isolation-forest writes its forests in another form than version 0.2.3 does")]
    Form(#[from] serde_json::Error),
    /// What came over the bridge is no forest.
    #[error("extended-isolation-forest gave a forest that cannot be used")]
    Forest(#[from] ForestError),
}
