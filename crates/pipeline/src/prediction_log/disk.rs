//! The calls that can fail on a bad disk, in one place so that tests can let them.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::Path;

/// What the log does to an open file. The defaults do it.
pub(crate) trait Disk: Send + Sync {
    /// Writes some of `bytes` and says how many.
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    /// Cuts the file off.
    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    /// Waits until what was written is on the disk.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The disk of this machine.
pub(crate) struct RealDisk;

impl Disk for RealDisk {}

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        FileId(metadata.dev(), metadata.ino())
    }

    /// Where files have no number, one that was replaced by another is taken for it; one that is gone is noticed.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Self {
        FileId(0, 0)
    }
}

/// Writes all of `bytes`, in as many calls as it takes.
pub(crate) fn write_all(disk: &dyn Disk, file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match disk.write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a limit on the size of files an error like another. Without this it would end the process.
pub(super) fn outlive_file_size_limits() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Once it is listened to, the signal stays harmless; nobody needs to hear it.
        signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)?;
    }
    Ok(())
}

/// Makes renames in the folder last through a loss of power.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
