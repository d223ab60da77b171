//! Why a model file cannot be used.

use super::format::{FORMAT, FORMAT_VERSION};
use std::io;

/// Why a model file cannot be used. None of these touches the file.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no such file.
    #[error("there is no such file; train a model with `cargo run -p train`")]
    Missing,
    /// The file cannot be read or written.
    #[error("{0}; check the path and its permissions")]
    Io(io::Error),
    /// The text is not JSON: cut off, or damaged.
    #[error("it is not whole JSON ({0}); restore it from a backup or train anew with `cargo run -p train`")]
    NotJson(serde_json::Error),
    /// It is JSON, but no model.
    #[error(
        "field `format` is {found}, not \"{FORMAT}\": this is no model file; name one with --model, or train one with `cargo run -p train`"
    )]
    Foreign {
        /// What stands there.
        found: String,
    },
    /// A later release wrote it.
    #[error(
        "field `format_version` is {found}, and this release reads up to {FORMAT_VERSION}; update the service, or train anew with `cargo run -p train`"
    )]
    Newer {
        /// What stands there.
        found: u64,
    },
    /// A field is not what it should be.
    #[error("field `{field}` {problem}; restore the file from a backup or train anew with `cargo run -p train`")]
    Invalid {
        /// Where in the file, from the object `model` on.
        field: String,
        /// The problem.
        problem: String,
    },
}

/// The error of a field that is not what it should be.
pub(super) fn invalid(field: &str, problem: String) -> ModelError {
    ModelError::Invalid { field: field.to_owned(), problem }
}
