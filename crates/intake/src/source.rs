//! Opening what a flag names.

use std::io;
use std::path::{Path, PathBuf};
use turbine_core::dataset::{DatasetError, Source};

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// The source that paths name: files, folders, patterns, or `-` for standard input. It can be read more than once: what
/// arrives in a stream is read into memory.
///
/// # Errors
/// A [`DatasetError`] if a path leads to no file, or a stream cannot be read.
pub fn source(paths: &[PathBuf]) -> Result<Source, DatasetError> {
    match paths {
        [path] => stream(path)?.buffered(),
        paths => Source::files(paths)?.buffered(),
    }
}

/// The source that one path names; what arrives in a stream is read as it comes, once.
///
/// # Errors
/// A [`DatasetError`] if the path leads to no file.
pub fn stream(path: &Path) -> Result<Source, DatasetError> {
    if path.as_os_str() == STANDARD_INPUT {
        return Ok(Source::stream("standard input", io::stdin()));
    }
    Source::files([path])
}
