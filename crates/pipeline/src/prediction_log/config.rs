//! What can be set about the log.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

/// Where the log is kept and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The file that is written to; its rotated parts, its lock and what is set aside lie beside it.
    pub path: PathBuf,
    /// When a prediction may be answered.
    pub sync: LogSync,
    /// Bytes from which a file is rotated, header included; `None` = never. No file grows beyond it unless one batch
    /// alone does.
    pub max_bytes: Option<NonZeroU64>,
    /// Age from which a file that holds rows is rotated, counted from its creation; `None` = never.
    pub max_age: Option<Duration>,
    /// How many rotated parts are kept, the oldest go first; `None` = all.
    pub keep: Option<NonZeroUsize>,
}

/// When a prediction may be answered, from fastest to safest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogSync {
    /// At once; its row is written within 100 ms and lost if the process dies before.
    None,
    /// When the system has taken its row: survives the death of the process.
    #[default]
    Write,
    /// When its row is on the disk: survives the loss of power.
    Fsync,
}

/// What to do with a prediction that cannot be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogPolicy {
    /// Refuse it.
    #[default]
    Required,
    /// Answer it all the same, and count it.
    BestEffort,
}
