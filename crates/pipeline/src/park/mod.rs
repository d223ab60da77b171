//! A pipeline in front of a park whose readings other programs score: its rows come from their log, and the readings that it
//! is given go to them.

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

/// The number of a reading among all that were handed in.
pub type Place = u64;

/// What a [`ParkLog`] will give.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The log of a park, and the way to those who score its readings.
pub trait ParkLog: Send + Sync + 'static {
    /// Hands in a reading that names its turbine, trying again until a moment.
    fn hand_in<'a>(
        &'a self,
        reading: &'a Reading,
        features: &'a FeatureSet,
        until: Instant,
    ) -> Promise<'a, Result<HandedIn, HandInError>>;

    /// What became of a reading that was handed in before; `None` if nothing yet, or if it cannot be found out now.
    fn outcome<'a>(
        &'a self,
        turbine: &'a TurbineId,
        place: Place,
        features: &'a FeatureSet,
    ) -> Promise<'a, Option<Outcome>>;

    /// Hands on a turbine's records of these seconds since 1970. If it has not all of them, says from which second on it has.
    /// Blocks the thread.
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
    /// It had been handed in before.
    pub is_repeated: bool,
}

/// What the log of a park says of all turbines.
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
    /// What they changed of sensors.
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
    /// What is known of the turbine after it, if the log says so.
    pub turbine: Option<Turbine>,
}
