//! Errors of readings that other programs score.

use crate::decode::BadReadings;

/// Error while handing in a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandInError {
    /// It was not taken, and will not be.
    Refused(String),
    /// It may have been taken.
    Unknown(String),
}

/// Error of a request whose readings other programs score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParkError {
    /// The readings have faults.
    #[error(transparent)]
    Rejected(BadReadings),
    /// The readings were not taken, and will not be scored.
    #[error("the reading was not taken: {0}; retry later")]
    NotTaken(String),
    /// The readings may have been taken.
    #[error(
        "it is unknown whether the reading was taken: {0}; sending the reading again is safe if it names its turbine_id \
         and timestamp"
    )]
    Unknown(String),
    /// The readings were taken and are not scored yet.
    #[error(
        "the reading was taken and it will be scored, but not within {seconds} s: check that workers run; look for the \
         prediction under /turbines, or send the reading again if it names its turbine_id and timestamp"
    )]
    Pending {
        /// The time limit.
        seconds: f64,
    },
    /// Some of the readings of a batch are scored.
    #[error("{scored} of {of} readings are scored; of the others the first: {first}")]
    Partly {
        /// How many are scored.
        scored: usize,
        /// How many there were.
        of: usize,
        /// The error of the first reading that is not scored.
        first: Box<ParkError>,
    },
}

impl ParkError {
    /// For a batch, the error of the first reading that is not scored.
    pub fn first(&self) -> &Self {
        match self {
            ParkError::Partly { first, .. } => first.first(),
            error => error,
        }
    }
}

impl From<HandInError> for ParkError {
    fn from(error: HandInError) -> Self {
        match error {
            HandInError::Refused(why) => ParkError::NotTaken(why),
            HandInError::Unknown(why) => ParkError::Unknown(why),
        }
    }
}
