//! Errors of drawing.

use std::path::PathBuf;

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The drawing backend refused a shape.
    #[error("cannot draw the picture: {0}")]
    Backend(String),
    /// An embedded font could not be read.
    #[error("cannot read the embedded font")]
    Font(#[from] ab_glyph::InvalidFont),
    /// The pixels could not be encoded.
    #[error("cannot encode {} as PNG: {cause}", path.display())]
    Encode {
        /// The picture's file.
        path: PathBuf,
        /// The encoder's error.
        cause: png::EncodingError,
    },
    /// The file could not be written; an earlier picture of that name is kept.
    #[error("cannot write {}: {cause}; check that the folder exists and is writable", path.display())]
    Write {
        /// The picture's file.
        path: PathBuf,
        /// The system's error.
        cause: std::io::Error,
    },
    /// The data of a panel are inconsistent.
    #[error("chart {chart:?}: {problem}")]
    Data {
        /// The panel's title.
        chart: String,
        /// The problem, with the value.
        problem: String,
    },
}
