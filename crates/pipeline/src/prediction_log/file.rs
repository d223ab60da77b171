//! One file of the log, with what of it is committed.

use super::disk::{Disk, FileId};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

pub(crate) struct LogFile {
    pub(crate) file: File,
    /// The number it will get when it is rotated.
    pub(crate) sequence: u64,
    /// Bytes that are committed; a reader may rely on them.
    pub(crate) len: u64,
    /// Whether bytes that belong to no committed batch may stand behind them.
    pub(crate) torn: bool,
    pub(crate) born: SystemTime,
    id: FileId,
}

impl LogFile {
    pub(crate) fn new(file: File, sequence: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let born = metadata.created().or_else(|_| metadata.modified())?;
        Ok(LogFile { file, sequence, id: FileId::of(&metadata), len: metadata.len(), torn: false, born })
    }

    pub(crate) fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|found| FileId::of(&found) == self.id)
    }

    pub(crate) fn is_at_with_len(&self, path: &Path, len: u64) -> bool {
        std::fs::metadata(path).is_ok_and(|found| FileId::of(&found) == self.id && found.len() == len)
    }

    /// Cuts the file back to its committed bytes, or leaves it marked as torn.
    pub(crate) fn undo(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let cut = self.file.metadata().and_then(|now| {
            // A file that another program has shortened must not be filled up with zeros.
            if now.len() > self.len { disk.set_len(&self.file, self.len) } else { Ok(()) }
        });
        self.torn = cut.is_err();
        cut
    }

    /// Cuts `rows` off the end of a file that is no longer the log, so that they are not in two files.
    pub(crate) fn take_back(&mut self, rows: &[u8], disk: &dyn Disk) -> io::Result<()> {
        let len = self.file.metadata()?.len();
        let Some(before) = len.checked_sub(rows.len() as u64) else { return Ok(()) };
        let mut tail = Vec::with_capacity(rows.len());
        self.file.seek(SeekFrom::Start(before))?;
        (&self.file).take(rows.len() as u64).read_to_end(&mut tail)?;
        if tail == rows { disk.set_len(&self.file, before) } else { Ok(()) }
    }
}
