use std::path::PathBuf;

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The drawing backend refused a shape.
    #[error("the picture could not be drawn: {0}")]
    Backend(String),
    /// An embedded font could not be read.
    #[error("the embedded font could not be read: {0}")]
    Font(#[from] ab_glyph::InvalidFont),
    /// The pixels could not be encoded.
    #[error("{} could not be encoded as PNG: {source}", path.display())]
    Encode {
        /// The picture's file.
        path: PathBuf,
        /// What the encoder said.
        source: png::EncodingError,
    },
    /// The file could not be written; an earlier picture of that name is left as it was.
    #[error("{} could not be written: {source}; is the folder there and writable?", path.display())]
    Write {
        /// The picture's file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The data of one panel do not fit together.
    #[error("chart {chart:?}: {problem}")]
    Data {
        /// The panel's title.
        chart: String,
        /// What is wrong, and with which value.
        problem: String,
    },
}
