//! Places in recorded readings, to go on from.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;

/// A file, whatever it is called by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId(u64);

impl FileId {
    /// The file of that metadata.
    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> Self {
        FileId(std::os::unix::fs::MetadataExt::ino(metadata))
    }

    /// The file of that metadata, told apart by when it was created.
    #[cfg(not(unix))]
    pub fn of(metadata: &Metadata) -> Self {
        let created = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        FileId(created.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0)))
    }
}

/// A place between two readings of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The file.
    pub file: FileId,
    /// Readings before the place: usable rows of the file.
    pub readings: u64,
    /// A length that the file has at least; a shorter one was truncated.
    pub bytes: u64,
}
