//! What can go wrong with the log, each with its remedy.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the log cannot be opened or written to.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// Another service writes this log.
    #[error(
        "the prediction log {log} is in use by {holder}, which holds {lock}; stop that service or give this one a log of its own",
        log = path.display(),
        lock = lock.display()
    )]
    Locked {
        /// The log.
        path: PathBuf,
        /// Its lock.
        lock: PathBuf,
        /// Who holds it, such as `process 1234`.
        holder: String,
    },
    /// The path is a device, a pipe or the like.
    #[error("the prediction log {} is not a regular file; name one that is, or one that is not there yet", .0.display())]
    NotAFile(PathBuf),
    /// The file is taken away as fast as it is made.
    #[error("the prediction log {} is replaced again and again; find out which program does it", .0.display())]
    Unsteady(PathBuf),
    /// The system refused.
    #[error("cannot {action} {path}: {source}; {remedy}", path = path.display(), remedy = remedy(source, path))]
    Io {
        /// What was tried, such as `write to`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LogFault {
    /// For `map_err`: names what was tried and where.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogFault {
        move |source| LogFault::Io { action, path: path.to_owned(), source }
    }
}

fn remedy(source: &io::Error, path: &Path) -> String {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")).display();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("make room on the file system of {folder}, or keep fewer rotated parts")
        }
        io::ErrorKind::FileTooLarge => "have files rotated before that, or raise the limit on their size".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => format!("make the file system of {folder} writable"),
        io::ErrorKind::PermissionDenied => format!("let this user write in {folder}, and see that it is not immutable"),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("see that nothing stands in the way of {}", path.display())
        }
        _ => format!("check the disk of {folder}"),
    }
}

/// Why a row is not in the log. It will not get there later either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// More rows wait than may.
    #[error("the prediction log is busy: {queued_bytes} bytes of rows are waiting to be written; try again")]
    Full {
        /// How many bytes wait.
        queued_bytes: usize,
    },
    /// The disk failed, or does not answer.
    #[error("predictions cannot be logged: {0}")]
    Unavailable(Arc<str>),
    /// The service is stopping.
    #[error("the prediction log is closed")]
    Closed,
    /// The row would not stand under the header.
    #[error("a row of {found} features does not fit a log of {expected}")]
    Features {
        /// What the log was opened with.
        expected: usize,
        /// What the row has.
        found: usize,
    },
}
