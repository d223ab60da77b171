//! Sources of readings: a simulation or a file.

mod fleet;
mod replay;
mod simulated;

pub use fleet::Fleet;
pub use replay::Replay;
pub use simulated::Simulated;

use crate::error::SenderError;
use jiff::Timestamp;
use turbine_core::dataset::SkippedRows;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::RawReading;

/// A reading to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The reading as a JSON object on one line; every attempt sends these bytes.
    pub json: String,
    /// One value per feature of the source, in its order.
    pub values: Vec<f64>,
    /// The label, if there is one.
    pub is_anomaly: Option<bool>,
}

impl Outgoing {
    fn new(raw: &RawReading<'_>, values: Vec<f64>, is_anomaly: Option<bool>) -> Self {
        let json = serde_json::to_string(raw).expect("an object of numbers and strings is always JSON");
        Outgoing { json, values, is_anomaly }
    }
}

/// Makes readings one by one.
pub trait ReadingSource {
    /// Why there is no next reading although the source has not ended.
    type Error;

    /// The next reading; `None` at the end. It carries the time `due` unless it was recorded with a time of its own.
    fn next_reading(&mut self, due: Timestamp) -> Option<Result<Outgoing, Self::Error>>;
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

    fn next_reading(&mut self, due: Timestamp) -> Option<Result<Outgoing, SenderError>> {
        match self {
            Source::Simulated(simulated) => Some(Ok(simulated.simulate(due))),
            Source::Replay(replay) => replay.next_row(due),
        }
    }
}
