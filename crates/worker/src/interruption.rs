//! Why the work on a partition was interrupted. The state is dropped then, and restored from the stream `OUT`.

use cluster::reader::ReadError;
use std::time::Duration;

/// Why the work on a partition was interrupted.
#[derive(Debug, thiserror::Error)]
pub enum Interruption {
    /// Another worker committed a batch of this partition.
    #[error("another worker goes on with the partition")]
    FenceLost,
    /// It is not known whether a batch was committed, or it was not.
    #[error("a batch was not acknowledged: {0}")]
    Unacknowledged(String),
    /// Readings may have been passed over.
    #[error("readings did not come one after the other: {0}")]
    InputGap(String),
    /// The records that were read are not those of the checkpoint.
    #[error("the newest record is at {found} and the checkpoint says {expected}; a node may be behind")]
    NotCaughtUp {
        /// What the checkpoint says.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// The partition was scored with other features.
    #[error(
        "the partition was scored with the features {found}, and the model has {expected}; take a model of those \
         features (--model, or `worker publish-model`), or make new streams for this one"
    )]
    OtherFeatures {
        /// The model's.
        expected: String,
        /// Those of the checkpoint.
        found: String,
    },
    /// A model with other features went into service.
    #[error("a model of other features is in service now")]
    NewFeatures,
    /// The stream `IN` ends before the last reading that was scored.
    #[error(
        "the checkpoint is at reading {checkpoint}, and IN ends at {last}: it was made anew, or lost its end with the \
         power of all nodes. Further readings are scored once `ckpt.*` is purged from OUT: partitions then begin with \
         the first reading of IN and know nothing of their turbines; or make both streams anew"
    )]
    InputBehind {
        /// The last reading that was scored.
        checkpoint: u64,
        /// The last reading of the stream.
        last: u64,
    },
    /// The stream `OUT` is full.
    #[error("the stream OUT is full ({0}); raise its limits, or remove old records from it")]
    Full(String),
    /// A message of the stream `OUT` cannot be read.
    #[error("the message {subject} at {sequence} cannot be read: {problem}; was it written by another version?")]
    Unreadable {
        /// Its subject.
        subject: String,
        /// Its sequence.
        sequence: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The cluster did not answer, or refused.
    #[error("the cluster did not answer as expected: {0}")]
    Cluster(String),
}

impl From<ReadError> for Interruption {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Cluster(problem) => Interruption::Cluster(problem),
            ReadError::Gap(gap) => Interruption::InputGap(gap),
            ReadError::Unreadable { subject, sequence, problem } => {
                Interruption::Unreadable { subject, sequence, problem }
            }
        }
    }
}

impl Interruption {
    /// For `map_err`: an answer of the cluster that was not expected.
    pub fn cluster(error: impl std::fmt::Display) -> Self {
        Interruption::Cluster(error.to_string())
    }

    /// Whether waiting alone will not mend it: somebody must see it.
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Interruption::OtherFeatures { .. }
                | Interruption::InputBehind { .. }
                | Interruption::Full(_)
                | Interruption::Unreadable { .. }
        )
    }

    /// How long to wait before the partition is restored.
    pub fn back_off(&self) -> Duration {
        Duration::from_millis(if self.is_lasting() { 2_000 } else { 100 })
    }
}
