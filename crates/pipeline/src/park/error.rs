//! Why a reading that was handed in has no prediction for an answer.

use crate::decode::BadReadings;

/// Why a reading was not handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandInError {
    /// It was not taken, and will not be.
    Refused(String),
    /// It may have been taken.
    Unknown(String),
}

/// Why readings of a park have no answer, or a bad one.
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
        /// How long it might have taken.
        seconds: f64,
    },
    /// Some of the readings of a batch are scored.
    #[error("{scored} of {of} readings are scored; of the others the first: {first}")]
    Partly {
        /// How many are scored.
        scored: usize,
        /// How many there were.
        of: usize,
        /// What is the matter with the first of the others.
        first: Box<ParkError>,
    },
}

impl ParkError {
    /// Of a batch, what is the matter with the first reading that is not scored.
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
