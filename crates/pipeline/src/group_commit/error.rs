//! Why an item was not committed.

use std::sync::Arc;
use std::time::Duration;

/// Why an item has no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// More is queued than may be. The item is not committed.
    #[error("{queued_bytes} bytes of rows are waiting to be written; retry later")]
    Full {
        /// Bytes that are queued.
        queued_bytes: usize,
    },
    /// The last commit failed, or this one. The item is not committed.
    #[error("predictions cannot be logged: {0}")]
    Unavailable(Arc<str>),
    /// The commit in progress does not return. The item is not committed.
    #[error("predictions cannot be logged: writing has not returned for {seconds} s; check the disk")]
    Stalled {
        /// For how long.
        seconds: u64,
    },
    /// The time limit passed while the item was queued. It is not committed.
    #[error("the log did not accept it within {} s; retry later", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The time limit passed while the item was being committed. It may still be.
    #[error("writing it took longer than {} s", .0.as_secs_f64())]
    Unknown(Duration),
    /// The writer is closed. The item is not committed.
    #[error("the log is closed")]
    Closed,
}
