//! Places in recorded readings, to go on from.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a file that it is told from others by.
const HEAD_BYTES: u64 = 1 << 10;

/// A file's place on the disk, whatever it is called by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file of that metadata.
    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        FileId { device: metadata.dev(), inode: metadata.ino() }
    }

    /// The file of that metadata, told apart by when it was created.
    #[cfg(not(unix))]
    pub fn of(metadata: &Metadata) -> Self {
        let created = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        FileId { device: 0, inode: created.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0)) }
    }
}

/// The first bytes of a file, at most 1 KiB. A file that is overwritten keeps its [`FileId`], and a new one can get that of a
/// deleted one; their first bytes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    length: u64,
    /// FNV-1a, 64 bits: the same in every version of the program.
    hash: u64,
}

impl Head {
    /// The head of a file of which `length` bytes are known.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(file: impl Read, length: u64) -> io::Result<Self> {
        let mut bytes = Vec::new();
        file.take(length.min(HEAD_BYTES)).read_to_end(&mut bytes)?;
        let mut head = Head::default();
        head.extend(&bytes);
        Ok(head)
    }

    /// Takes in the next bytes of the file.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes.iter().take((HEAD_BYTES - self.length) as usize) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            self.length += 1;
        }
    }

    /// Whether the file begins with it.
    pub(super) fn is_of(&self, file: impl Read) -> io::Result<bool> {
        Ok(Head::of(file, self.length)? == *self)
    }
}

impl Default for Head {
    /// No bytes.
    fn default() -> Self {
        Head { length: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }
}

/// A place between two readings of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The file.
    pub file: FileId,
    /// Its first bytes, as far as they are known.
    pub head: Head,
    /// Readings before the place: usable rows of the file.
    pub readings: u64,
    /// A length that the file has at least; a shorter one was truncated.
    pub bytes: u64,
}

impl Position {
    /// The beginning of the file or folder at `path`; `None` if there is none, or it is a pipe, of which nothing comes twice.
    pub(super) fn beginning(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let (file, bytes) = (FileId::of(&metadata), metadata.len());
        let head = if metadata.is_file() {
            Head::of(File::open(path).ok()?, bytes).ok()?
        } else if metadata.is_dir() {
            Head::default()
        } else {
            return None;
        };
        Some(Position { file, head, readings: 0, bytes })
    }

    /// Whether it is a place in the file or folder at `path`.
    pub(super) fn is_in(&self, path: &Path) -> bool {
        let Ok(metadata) = std::fs::metadata(path) else { return false };
        let begins_alike = || match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => File::open(path).and_then(|file| self.head.is_of(file)).unwrap_or(false),
            (false, is_folder) => is_folder,
        };
        FileId::of(&metadata) == self.file && metadata.len() >= self.bytes && begins_alike()
    }

    /// Deserialises a position. One that another version of the program wrote says nothing: `None`.
    ///
    /// # Errors
    /// Those of the deserialiser.
    pub(crate) fn of_this_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Here(Option<Position>),
            Elsewhere(IgnoredAny),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Here(position) => position,
            Written::Elsewhere(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_was_overwritten_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let position = Position::beginning(&path).unwrap();
        // It grows: the same file.
        std::fs::write(&path, "a,b\n1,2\n3,4\n").unwrap();
        assert!(position.is_in(&path));
        for text in ["a,b\n5,2\n3,4\n", "a,b\n1,2", ""] {
            std::fs::write(&path, text).unwrap();
            assert!(!position.is_in(&path), "{text:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(!position.is_in(&path));
    }

    #[test]
    fn of_a_long_file_the_first_kilobyte_counts() {
        let mut bytes = vec![b'a'; 3_000];
        let head = Head::of(bytes.as_slice(), 3_000).unwrap();
        let mut in_pieces = Head::default();
        bytes.chunks(700).for_each(|piece| in_pieces.extend(piece));
        assert_eq!(head, in_pieces);
        bytes[1_024] = b'b';
        assert!(head.is_of(bytes.as_slice()).unwrap());
        bytes[1_023] = b'b';
        assert!(!head.is_of(bytes.as_slice()).unwrap());
    }
}
