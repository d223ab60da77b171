//! Why the cluster cannot be followed at the moment.

use cluster::reader::ReadError;
use std::time::Duration;

/// Why the cluster cannot be followed at the moment. What is known stays, and is said to be out of date.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The stream cannot be read.
    #[error("the records of the cluster cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The records that were read are not those of the checkpoints.
    #[error(
        "the records of the cluster are not complete: the newest is at {found}, a checkpoint says {expected}; a node may be behind"
    )]
    Behind {
        /// What the checkpoints say.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// The workers score with other features.
    #[error(
        "the cluster's readings are scored with the features {found}, and the model here has {expected}; give this program the \
         model file of the workers (--model)"
    )]
    OtherFeatures {
        /// The model's.
        expected: String,
        /// Those of a checkpoint.
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
