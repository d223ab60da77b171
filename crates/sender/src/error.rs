//! What keeps the sender from streaming.

use std::path::PathBuf;
use turbine_core::dataset::{DatasetError, SkippedRows};

/// Why there is no stream, or no more of it.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(reqwest::Error),
    /// A replay needs the model's features.
    #[error(
        "cannot learn the model's features from {url}: {cause}; start the API there or name its address with --api-url"
    )]
    NoModel {
        /// Where they were asked for.
        url: String,
        /// What came instead.
        cause: String,
    },
    /// The model reads what the simulator does not make.
    #[error(
        "the model reads {model}, but the simulator makes {simulated}; stream a file with the model's columns: --replay FILE"
    )]
    NotSimulated {
        /// The model's features.
        model: String,
        /// The simulator's.
        simulated: String,
    },
    /// The file to replay cannot be opened.
    #[error("cannot open {path}: {problem}", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: std::io::Error,
    },
    /// The file to replay is not as it should be.
    #[error("{path}: {problem} (the model reads {features})", path = .path.display())]
    Replay {
        /// The file.
        path: PathBuf,
        /// What the model reads.
        features: String,
        /// What is wrong.
        problem: DatasetError,
    },
    /// The file to replay has nothing to send.
    #[error("{path} has no row with a number in every column that is read (unusable rows by column: {skipped})", path = .path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
        /// The rows it has.
        skipped: SkippedRows,
    },
    /// The simulator cannot be set up.
    #[error(transparent)]
    AnomalyRate(#[from] turbine_core::simulation::AnomalyRateError),
    /// Nobody reads what is printed.
    #[error("cannot print: {0}")]
    Output(#[from] std::io::Error),
}
