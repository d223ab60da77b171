//! One service a log.

use super::disk::FileId;
use super::fault::LogFault;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Held as long as it lives; the system lets go of it when the process dies.
///
/// It is a file of its own beside the log because the log itself is renamed when it is rotated. The file stays behind:
/// removing it would let two services each lock a different one.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of `log`.
    pub(super) fn take(log: &Path) -> Result<Self, LogFault> {
        let path = log.with_extension("lock");
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(LogFault::io("open", &path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LogFault::Locked { path: log.to_owned(), holder: holder(&mut file), lock: path });
                }
                Err(TryLockError::Error(error)) => return Err(LogFault::io("lock", &path)(error)),
            }
            let mut lock = Lock { file, path: path.clone() };
            // If the file was deleted between opening and locking it, no other service would see this lock.
            if lock.in_place() {
                lock.name_holder();
                return Ok(lock);
            }
        }
    }

    /// Whether the file that is locked is the one that others would find.
    pub(super) fn in_place(&self) -> bool {
        let id = |metadata: std::io::Result<_>| metadata.ok().map(|metadata| FileId::of(&metadata));
        let ours = id(self.file.metadata());
        ours.is_some() && ours == id(std::fs::metadata(&self.path))
    }

    /// Names this process in the message that a second service gets. Failing is no error: a full disk must not keep the log
    /// from being opened.
    fn name_holder(&mut self) {
        let _ = self.file.set_len(0).and_then(|()| write!(self.file, "{}", std::process::id()));
    }
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.read_to_string(&mut pid) {
        Ok(1..) => format!("process {}", pid.trim()),
        _ => "another process".to_owned(),
    }
}
