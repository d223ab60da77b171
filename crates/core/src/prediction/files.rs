//! How the files of one log are named, so that every reader takes them in order.

use std::io;
use std::path::{Path, PathBuf};

/// The name of a log, taken apart: `outputs/predictions_log.csv` is rotated to `outputs/predictions_log.000001.csv`,
/// `….000002.csv` and so on; the higher the number, the younger the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogName {
    path: PathBuf,
    stem: String,
    extension: String,
}

impl LogName {
    /// Takes the path of the file that is written to.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let stem = text(path.file_stem()).unwrap_or_default();
        let extension = text(path.extension()).map(|extension| format!(".{extension}")).unwrap_or_default();
        LogName { path, stem, extension }
    }

    /// The file that is written to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of all files of the log.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// The file of the rotated part `sequence`.
    pub fn rotated(&self, sequence: u64) -> PathBuf {
        self.beside(&format!("{sequence:06}"))
    }

    /// A file beside the log whose name carries `mark`, and which is no part of the log unless the mark is a number.
    pub fn beside(&self, mark: &str) -> PathBuf {
        self.path.with_file_name(format!("{}.{mark}{}", self.stem, self.extension))
    }

    /// The rotated parts that exist, oldest first, each with its sequence number.
    ///
    /// # Errors
    /// If the folder cannot be listed. A folder that does not exist has no parts.
    pub fn parts(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let entries = match std::fs::read_dir(self.folder()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut parts = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Some(sequence) = self.sequence(&entry.file_name().to_string_lossy()) {
                parts.push((sequence, entry.path()));
            }
        }
        parts.sort();
        Ok(parts)
    }

    fn sequence(&self, file_name: &str) -> Option<u64> {
        let digits = file_name.strip_prefix(&self.stem)?.strip_prefix('.')?.strip_suffix(&self.extension)?;
        let numeric = digits.len() >= 6 && digits.bytes().all(|digit| digit.is_ascii_digit());
        if numeric { digits.parse().ok() } else { None }
    }
}

/// One file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// The number of a rotated part; of the current file, the number it will get.
    pub sequence: u64,
    /// The file.
    pub path: PathBuf,
}

/// All files of the log at `path`, oldest rows first: its rotated parts, then `path` itself if it exists.
///
/// # Errors
/// If the folder cannot be listed.
pub fn log_files(path: &Path) -> io::Result<Vec<LogFile>> {
    let part = |(sequence, path)| LogFile { sequence, path };
    let mut files: Vec<LogFile> = LogName::new(path).parts()?.into_iter().map(part).collect();
    if path.exists() {
        let sequence = files.last().map_or(1, |newest| newest.sequence + 1);
        files.push(LogFile { sequence, path: path.to_owned() });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts_come_in_numeric_order_and_strangers_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        assert_eq!(log_files(&path).unwrap(), []);
        for name in [
            "log.csv",
            "log.1000000.csv",
            "log.000002.csv",
            "log.000010.csv",
            "log.torn",
            "log.set-aside-1.csv",
            "log.12.csv",
            "other.000001.csv",
            "log.000003.csv.gz",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<String> = log_files(&path)
            .unwrap()
            .iter()
            .map(|file| file.path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["log.000002.csv", "log.000010.csv", "log.1000000.csv", "log.csv"]);
        let sequences: Vec<u64> = log_files(&path).unwrap().iter().map(|file| file.sequence).collect();
        assert_eq!(sequences, [2, 10, 1_000_000, 1_000_001]);
        assert_eq!(LogName::new(&path).rotated(11), folder.path().join("log.000011.csv"));
    }

    #[test]
    fn a_bare_file_name_lies_in_this_folder() {
        assert_eq!(LogName::new("log.csv").folder(), Path::new("."));
        assert_eq!(log_files(Path::new("nowhere/log.csv")).unwrap(), []);
    }
}
