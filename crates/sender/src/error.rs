//! Errors that prevent or end a stream.

use std::path::PathBuf;
use turbine_core::dataset::{DatasetError, SkippedRows};

/// Message for a turbine id that is invalid in a cluster's subjects and topics.
pub const NOT_A_TOKEN: &str = "cannot be sent to a cluster: an id there is letters, digits, _ and -; rename it";

/// Why a stream cannot start or ended early.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(reqwest::Error),
    /// There is no connection to the cluster.
    #[error("{0}")]
    NotConnected(String),
    /// The model's features, which a replay needs, are unknown.
    #[error("cannot read the model's features from {url}: {cause}; start the API there or set --api-url")]
    NoModel {
        /// The URL of `/model/info`.
        url: String,
        /// The error of the last attempt.
        cause: String,
    },
    /// The model has features that the simulator lacks.
    #[error(
        "the model's features are {model}, the simulator's are {simulated}; stream a file with the model's columns: --replay FILE"
    )]
    NotSimulated {
        /// The model's features.
        model: String,
        /// The simulator's.
        simulated: String,
    },
    /// A turbine's name in the file to replay cannot be made an id.
    #[error("{path}: the turbine {name:?} has no letter or digit to begin an id with; rename it", path = .path.display())]
    TurbineName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Two turbines of the file to replay would have one id.
    #[error("{path}: the turbines {:?} and {:?} would have one id, {id:?}; rename one", .names[0], .names[1], path = .path.display())]
    TurbineTwice {
        /// The file.
        path: PathBuf,
        /// The names, in the order in which they come.
        names: [String; 2],
        /// The id of both.
        id: String,
    },
    /// A turbine's id in the file to replay cannot be sent to a cluster.
    #[error("{path}: the turbine {id:?} {}", NOT_A_TOKEN, path = .path.display())]
    TurbineToken {
        /// The file.
        path: PathBuf,
        /// The id.
        id: String,
    },
    /// The file to replay is malformed.
    #[error("{path}: {problem} (the model's features: {features})", path = .path.display())]
    Replay {
        /// The file.
        path: PathBuf,
        /// The model's features.
        features: String,
        /// The problem.
        problem: Box<DatasetError>,
    },
    /// What is to be followed does not grow by lines of text.
    #[error("--follow reads one plain text file as it grows, and {path} is {kind}; name a text file or leave --follow out", path = .path.display())]
    NotFollowed {
        /// What was named.
        path: PathBuf,
        /// Kind of input.
        kind: &'static str,
    },
    /// The file to replay has no usable row.
    #[error("{path} has no row with a number in every feature's column (skipped rows by column: {skipped})", path = .path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
        /// The rows that were skipped.
        skipped: SkippedRows,
    },
    /// The spool cannot be used.
    #[error("cannot use the spool {path}: {problem}", path = .path.display())]
    Spool {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: std::io::Error,
    },
    /// The simulator cannot be set up.
    #[error(transparent)]
    AnomalyRate(#[from] turbine_core::simulation::AnomalyRateError),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
}
