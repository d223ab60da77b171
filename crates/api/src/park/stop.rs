//! Errors that interrupt following the cluster.

use cluster::reader::ReadError;
use std::time::Duration;

/// Error that interrupts following the cluster. The state stays as it is, and is marked as out of date.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The stream cannot be read.
    #[error("the records of the cluster cannot be read: {0}")]
    Read(#[from] ReadError),
    /// Records that the checkpoints name are missing.
    #[error(
        "the records of the cluster are not complete: the newest is at {found}, a checkpoint says {expected}; a node may be behind"
    )]
    Behind {
        /// Sequence of the newest record according to the checkpoints.
        expected: u64,
        /// Sequence of the newest record that was found.
        found: u64,
    },
    /// The workers score with other features.
    #[error(
        "the cluster's readings are scored with the features {found}, and the model here has {expected}; give this program the \
         model file of the workers (--model)"
    )]
    OtherFeatures {
        /// The model's features.
        expected: String,
        /// The features in a checkpoint.
        found: String,
    },
    /// Another model went into service here.
    #[error("a model with other features went into service here")]
    OtherModel,
    /// There is no model.
    #[error("without a model the records of the cluster cannot be read")]
    NoModel,
}

impl Stop {
    /// How long to wait before the next attempt.
    pub fn back_off(&self) -> Duration {
        match self {
            Stop::Read(_) | Stop::Behind { .. } => Duration::from_millis(200),
            Stop::OtherModel => Duration::ZERO,
            Stop::OtherFeatures { .. } | Stop::NoModel => Duration::from_secs(1),
        }
    }
}
