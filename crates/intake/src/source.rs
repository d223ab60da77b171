//! Opening what a flag names.

use std::io::{self, Read};
use std::path::PathBuf;
use turbine_core::dataset::{DatasetError, Source};

/// The name that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// The source that paths name: files, folders, patterns, or `-` for all of standard input.
///
/// # Errors
/// A [`DatasetError`] if a path leads to no file, or standard input cannot be read.
pub fn source(paths: &[PathBuf]) -> Result<Source, DatasetError> {
    match paths {
        [path] if path.as_os_str() == STANDARD_INPUT => {
            let (name, mut bytes) = ("standard input", Vec::new());
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|problem| DatasetError::Open { name: name.to_owned(), problem })?;
            Ok(Source::bytes(name, bytes))
        }
        paths => Source::files(paths),
    }
}
