//! The calls that can fail on a bad disk, in one place so that tests can let them.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::Path;

/// What the log does to an open file. The defaults do it.
pub(super) trait Disk: Send + Sync {
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
pub(super) struct RealDisk;

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

/// How long the file is, if it has a name left.
///
/// Asking for nothing else keeps Linux (from 6.13 on) from noting that its times were seen, for which each next write
/// would pay more than for the write itself.
pub(super) fn len_if_named(file: &File) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, StatxFlags, statx};
        let wanted = StatxFlags::NLINK | StatxFlags::SIZE;
        if let Ok(found) = statx(file, c"", AtFlags::EMPTY_PATH, wanted)
            && StatxFlags::from_bits_retain(found.stx_mask).contains(wanted)
        {
            return (found.stx_nlink > 0).then_some(found.stx_size);
        }
    }
    file.metadata().ok().filter(has_name).map(|metadata| metadata.len())
}

/// Where links are not counted, a file is taken to have one.
fn has_name(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(metadata) > 0;
    #[cfg(not(unix))]
    return metadata.is_file();
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
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
