//! A pipeline in front of a park whose readings other programs score: it hands readings in to them, and reads its rows
//! from their log.

mod error;
mod waiting;

pub use error::{HandInError, ParkError};
pub use waiting::Outcome;
pub(crate) use waiting::Waiting;

use crate::alarms::Alarm;
use crate::decode::BadReadings;
use crate::events::Event;
use crate::fleet::Turbine;
use std::ops::Range;
use std::pin::Pin;
use tokio::time::Instant;
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::{Reading, TurbineId};

/// Sequence number of a reading among all that were handed in.
pub type Place = u64;

/// A boxed future of a [`ParkLog`].
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The log of a park, and access to the programs that score its readings.
pub trait ParkLog: Send + Sync + 'static {
    /// Hands in a reading that names its turbine; retries until the deadline `until`.
    fn hand_in<'a>(
        &'a self,
        reading: &'a Reading,
        features: &'a FeatureSet,
        until: Instant,
    ) -> Promise<'a, Result<HandedIn, HandInError>>;

    /// Outcome of a reading that was handed in before; `None` if there is none yet, or if the log cannot be read now.
    fn outcome<'a>(
        &'a self,
        turbine: &'a TurbineId,
        place: Place,
        features: &'a FeatureSet,
    ) -> Promise<'a, Option<Outcome>>;

    /// Passes a turbine's records of these seconds since 1970 to `add`. If the log does not have all of them, returns
    /// the first second from which on it does. Blocks the thread.
    ///
    /// # Errors
    /// If the log cannot be read now.
    fn rows(
        &self,
        turbine: &TurbineId,
        features: &FeatureSet,
        seconds: Range<i64>,
        add: &mut dyn FnMut(PredictionRecord),
    ) -> Result<Option<i64>, String>;
}

/// A reading that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedIn {
    /// Its place.
    pub place: Place,
    /// True if the log had it already: its outcome may have come before.
    pub was_taken: bool,
    /// True if it had been handed in before, by another request.
    pub is_repeated: bool,
}

/// State of all turbines according to the log of a park.
#[derive(Debug, Default)]
pub struct ParkStanding {
    /// The turbines, the one with the oldest record first.
    pub turbines: Vec<(TurbineId, Turbine)>,
    /// The newest records of all turbines together, in order: those that are compared with the training.
    pub newest: Vec<PredictionRecord>,
    /// The alarms that were cleared last, in order.
    pub past_alarms: Vec<Alarm>,
}

/// One batch of the log of a park.
#[derive(Debug, Default)]
pub struct ParkBatch {
    /// The records, in order.
    pub rows: Vec<ParkRow>,
    /// The alarms that they raised or cleared.
    pub alarms: Vec<Alarm>,
    /// Events of sensors.
    pub events: Vec<Event>,
    /// Readings that were rejected.
    pub rejected: Vec<(TurbineId, Place, BadReadings)>,
}

/// A record in the log of a park.
#[derive(Debug)]
pub struct ParkRow {
    /// The place of its reading.
    pub place: Place,
    /// The record, which names its turbine.
    pub record: PredictionRecord,
    /// The turbine's state after it, if the log has it.
    pub turbine: Option<Turbine>,
}
