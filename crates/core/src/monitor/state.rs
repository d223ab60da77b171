//! What is remembered of one turbine.

use crate::sensors::SensorSet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is remembered of one turbine between readings: about 24 bytes a feature and 100 more. A fold over the rows of the
/// prediction log, so it can be rebuilt from them; written and read back it is the same.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurbineState {
    /// The time of the newest reading.
    pub(super) last: Option<Timestamp>,
    /// Readings since smoothing began.
    pub(super) n_smoothed: u32,
    /// One entry a feature; none before the first reading.
    pub(super) sensors: Box<[SensorState]>,
    pub(super) surprisal: Option<SmoothedSurprisal>,
    pub(super) alarm: Option<Alarm>,
    /// The sensors that the newest reading lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) absences: Vec<Absence>,
}

/// What is remembered of one sensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SensorState {
    pub(super) smoothed: f64,
    pub(super) value: f64,
    /// Readings with this value, one after the other.
    pub(super) unchanged: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmoothedSurprisal {
    pub(super) mean: f64,
    /// Readings since its smoothing began. The weights follow from it, so that a state does not depend on the span with
    /// which an earlier model smoothed.
    pub(super) n: u32,
}

/// An alarm that is on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// The time of the reading that raised it.
    pub raised: Timestamp,
    /// The highest smoothed surprisal so far, in decades.
    pub peak: f64,
    /// The time of the reading at that peak.
    pub peaked: Timestamp,
}

/// A sensor without a value in the newest reading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Absence {
    /// The sensor, by its place in the feature set.
    pub(super) place: usize,
    /// The time of the newest reading that measured it; `None` if none ever did.
    pub(super) last_measured: Option<Timestamp>,
    /// Readings without it, one after the other.
    pub(super) readings: u32,
    /// Whether its last value is too old to be carried.
    pub(super) is_missing: bool,
}

impl TurbineState {
    /// The time of the newest reading.
    pub fn last_reading(&self) -> Option<Timestamp> {
        self.last
    }

    /// Whether a reading of this time is newer than all before and so steps the state.
    pub fn is_newer(&self, timestamp: Timestamp) -> bool {
        self.last.is_none_or(|last| timestamp > last)
    }

    /// The smoothed values, one a feature, in the features' units; none before the first reading.
    pub fn smoothed(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.sensors.iter().map(|sensor| sensor.smoothed)
    }

    /// The last measured values, one a feature, in the features' units; what stood in for the value of a sensor that never
    /// was measured. None before the first reading.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.sensors.iter().map(|sensor| sensor.value)
    }

    /// The sensors without a value for too long to carry the last one.
    pub fn missing(&self) -> SensorSet {
        self.absences.iter().filter(|absence| absence.is_missing).map(|absence| absence.place).collect()
    }

    /// The smoothed surprisal in decades; `None` before the first reading and without a calibrated model.
    pub fn smoothed_surprisal(&self) -> Option<f64> {
        self.surprisal.map(|surprisal| surprisal.mean)
    }

    /// The alarm that is on, if one is.
    pub fn alarm(&self) -> Option<&Alarm> {
        self.alarm.as_ref()
    }
}
