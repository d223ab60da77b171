//! Where readings come from.

mod fleet;
mod replay;
mod simulated;

pub use fleet::Fleet;
pub use replay::Replay;
pub use simulated::Simulated;

use crate::error::SenderError;
use turbine_core::dataset::SkippedRows;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::RawReading;

/// A reading on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// As it goes on the wire: a JSON object on one line.
    pub json: String,
    /// One value a feature of the source, in order.
    pub values: Vec<f64>,
    /// Whether it is an anomaly, if that is known.
    pub is_anomaly: Option<bool>,
}

impl Outgoing {
    fn new(raw: &RawReading<'_>, values: Vec<f64>, is_anomaly: Option<bool>) -> Self {
        let json = serde_json::to_string(raw).expect("an object of numbers and strings is always JSON");
        Outgoing { json, values, is_anomaly }
    }
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
    /// What the values of its readings are.
    pub fn features(&self) -> &FeatureSet {
        match self {
            Source::Simulated(simulated) => simulated.features(),
            Source::Replay(replay) => replay.features(),
        }
    }

    /// The rows left out so far.
    pub fn skipped(&self) -> SkippedRows {
        match self {
            Source::Simulated(_) => SkippedRows::default(),
            Source::Replay(replay) => replay.skipped().clone(),
        }
    }
}

impl Iterator for Source {
    type Item = Result<Outgoing, SenderError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Source::Simulated(simulated) => simulated.next().map(Ok),
            Source::Replay(replay) => replay.next(),
        }
    }
}
