//! What can go wrong with the log, each with its remedy.

use std::io;
use std::path::{Path, PathBuf};

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
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogFault {
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
