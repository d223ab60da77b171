//! What is remembered of one turbine.

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

/// Some of the features, by their place in the feature set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SensorSet(u64);

const _: () = assert!(crate::feature::MAX_FEATURES <= 64, "a sensor set has 64 places");

impl SensorSet {
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the feature at `place` is one of them.
    pub fn contains(self, place: usize) -> bool {
        place < 64 && self.0 >> place & 1 == 1
    }

    /// Their places, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |&place| self.contains(place))
    }

    pub(super) fn insert(&mut self, place: usize) {
        self.0 |= 1 << place;
    }
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

    /// The values of the newest reading, one a feature, in the features' units; none before the first reading.
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.sensors.iter().map(|sensor| sensor.value)
    }

    /// The smoothed values, one a feature, in the features' units; none before the first reading.
    pub fn smoothed(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.sensors.iter().map(|sensor| sensor.smoothed)
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
