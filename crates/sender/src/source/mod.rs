//! Sources of readings: a simulation or a file.

mod fleet;
mod replay;
mod simulated;

pub use fleet::Fleet;
pub use replay::Replay;
pub use simulated::{Events, Simulated};

use crate::error::SenderError;
use jiff::Timestamp;
use turbine_core::dataset::SkippedRows;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::RawReading;

/// A reading to be sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outgoing {
    /// The reading as a JSON object on one line; every attempt sends these bytes.
    pub json: String,
    /// One value per feature of the source, in its order.
    pub values: Vec<f64>,
    /// The label of the reading by itself, if there is one. Readings of a simulated event have none: early in a drift they
    /// are as normal readings are.
    pub is_anomaly: Option<bool>,
    /// Where it lies among the events of its turbine, if that is known.
    pub phase: Option<Phase>,
    /// The index of its turbine.
    pub turbine: usize,
    /// When it was taken.
    pub time: Timestamp,
}

/// The place of a reading among the events of its turbine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Outside events.
    Normal,
    /// In an event.
    Event,
    /// Outside events, the first one after an event without readings.
    AfterGap {
        /// When the first missing reading was due.
        since: Timestamp,
    },
}

/// The turn of a turbine.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// It sends a reading.
    Reading(Outgoing),
    /// It sends none.
    Silent,
}

fn encode(raw: &RawReading<'_>) -> String {
    serde_json::to_string(raw).expect("an object of numbers and strings is always JSON")
}

/// Makes readings one by one.
pub trait ReadingSource {
    /// Why there is no next turn although the source has not ended.
    type Error;

    /// The next turn; `None` at the end. Its reading carries the time `due` unless it was recorded with a time of its own.
    fn next_turn(&mut self, due: Timestamp) -> Option<Result<Turn, Self::Error>>;
}

/// A simulation or a file.
#[derive(Debug)]
pub enum Source {
    /// Simulated turbines.
    Simulated(Simulated),
    /// The rows of a CSV.
    Replay(Box<Replay>),
}

impl Source {
    /// The features of its readings.
    pub fn features(&self) -> &FeatureSet {
        match self {
            Source::Simulated(simulated) => simulated.features(),
            Source::Replay(replay) => replay.features(),
        }
    }

    /// The rows skipped so far.
    pub fn skipped(&self) -> SkippedRows {
        match self {
            Source::Simulated(_) => SkippedRows::default(),
            Source::Replay(replay) => replay.skipped().clone(),
        }
    }
}

impl ReadingSource for Source {
    type Error = SenderError;

    fn next_turn(&mut self, due: Timestamp) -> Option<Result<Turn, SenderError>> {
        match self {
            Source::Simulated(simulated) => Some(Ok(simulated.simulate(due))),
            Source::Replay(replay) => Some(replay.next_row(due)?.map(Turn::Reading)),
        }
    }
}
