//! One turbine in time: smoothing, alarm with hysteresis, and data quality. A pure fold over its readings.
//!
//! A reading *arrives*: the smoothed values follow it. A detector then scores it, and the surprisal *settles*: it is
//! smoothed, and an alarm is raised or cleared. A logged row *replays* both: after it the state is the same as after the
//! reading itself.
//!
//! A reading that is not newer than all before it is scored, but does not step the state. More than ten typical intervals
//! without a reading make smoothing start afresh.

mod alarm;
mod gaps;
mod settings;
mod smoothing;
mod state;

pub use alarm::{AlarmError, AlarmRule, AlarmTarget, Sensitivity};
pub use settings::{DEFAULT_SPAN, MOST_SPAN, MonitorError, MonitorSettings};
pub use state::{Alarm, TurbineState};

use crate::sensors::{Gaps, SensorSet};
use jiff::{SignedDuration, Timestamp};
use smoothing::Smoothing;
use state::{SensorState, SmoothedSurprisal};

/// Readings over which values are smoothed, for the neighbours and for the explanation of alarms.
const VALUE_SPAN: u32 = 5;

/// Typical intervals without a reading after which a turbine is silent and smoothing starts afresh.
pub const SILENT_AFTER: u32 = 10;

/// A sensor is stuck when its value stays for so many times as long as ever in training, …
const STUCK_FACTOR: u32 = 3;
/// … and for so many readings at least.
const LEAST_STUCK: u32 = 20;

/// Steps the states of turbines; the same for all turbines of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Monitor {
    settings: MonitorSettings,
    values: Smoothing,
    surprisals: Smoothing,
    /// The longest time between readings that are smoothed together.
    longest_gap: Option<SignedDuration>,
}

/// A reading that has arrived and whose surprisal is still to come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "the surprisal is still to be settled"]
pub struct Arrival {
    timestamp: Timestamp,
    stepped: bool,
    restarted: bool,
    newly_stuck: SensorSet,
    released: SensorSet,
    newly_missing: SensorSet,
    returned: SensorSet,
}

/// What a reading changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Whether the reading was newer than all before it and so stepped the state.
    pub stepped: bool,
    /// Whether smoothing started afresh: the first reading, or the first after a gap.
    pub restarted: bool,
    /// The turbine's smoothed surprisal after the reading, in decades; `None` without a calibrated model.
    pub smoothed_surprisal: Option<f64>,
    /// Whether the turbine's alarm is on after the reading.
    pub in_alarm: bool,
    /// What became of the alarm.
    pub alarm: Option<AlarmChange>,
    /// Sensors that are stuck since this reading.
    pub newly_stuck: SensorSet,
    /// Sensors that were stuck until this reading.
    pub released: SensorSet,
    /// Sensors that are missing since this reading: the last value is too old to be carried.
    pub newly_missing: SensorSet,
    /// Sensors that were missing until this reading.
    pub returned: SensorSet,
}

/// What becomes of an alarm. After `Raised` and `Peaked` the alarm is in the state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlarmChange {
    /// It is on since this reading.
    Raised,
    /// It is on and higher than ever.
    Peaked,
    /// It was on until this reading.
    Cleared(Alarm),
}

/// What a row of the prediction log says of a reading, as far as a state depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedStep<'a> {
    /// When the reading was taken.
    pub timestamp: Timestamp,
    /// One value a feature.
    pub values: &'a [f64],
    /// The values that were not measured.
    pub gaps: Gaps,
    /// Its surprisal; `None` if the model was not calibrated.
    pub surprisal: Option<f64>,
    /// The turbine's smoothed surprisal after it.
    pub smoothed_surprisal: Option<f64>,
    /// Whether the alarm was on after it.
    pub in_alarm: bool,
}

impl Arrival {
    /// What the reading changed, given the state after it.
    fn into_step(self, state: &TurbineState, alarm: Option<AlarmChange>) -> Step {
        let Arrival { stepped, restarted, newly_stuck, released, newly_missing, returned, .. } = self;
        Step {
            stepped,
            restarted,
            smoothed_surprisal: state.smoothed_surprisal(),
            in_alarm: state.alarm.is_some(),
            alarm,
            newly_stuck,
            released,
            newly_missing,
            returned,
        }
    }
}

impl Monitor {
    /// A monitor that does as the settings say.
    pub fn new(settings: MonitorSettings) -> Result<Self, MonitorError> {
        let settings = settings.checked()?;
        let gap = |seconds: f64| SignedDuration::from_secs_f64(seconds * f64::from(SILENT_AFTER));
        Ok(Monitor {
            values: Smoothing::new(VALUE_SPAN),
            surprisals: Smoothing::new(settings.smoothing_span),
            longest_gap: settings.typical_interval.map(gap),
            settings,
        })
    }

    /// What it was told.
    pub fn settings(&self) -> &MonitorSettings {
        &self.settings
    }

    /// Takes a complete reading in and writes its turbine's smoothed values into `smoothed`: with the reading, also if that
    /// is not newer than others and so leaves the state as it is.
    ///
    /// # Panics
    /// If `values` and `smoothed` differ in length.
    pub fn arrive(
        &self,
        state: &mut TurbineState,
        timestamp: Timestamp,
        values: &[f64],
        smoothed: &mut [f64],
    ) -> Arrival {
        self.arrive_with_gaps(state, timestamp, values, Gaps::default(), smoothed)
    }

    /// The same for a reading with gaps: the values that stand in for those that were not measured are smoothed, and say
    /// nothing of whether a sensor is stuck.
    ///
    /// # Panics
    /// If `values` and `smoothed` differ in length.
    pub fn arrive_with_gaps(
        &self,
        state: &mut TurbineState,
        timestamp: Timestamp,
        values: &[f64],
        gaps: Gaps,
        smoothed: &mut [f64],
    ) -> Arrival {
        assert_eq!(values.len(), smoothed.len(), "one smoothed value a value");
        let mut arrival = Arrival {
            timestamp,
            stepped: false,
            restarted: false,
            newly_stuck: SensorSet::default(),
            released: SensorSet::default(),
            newly_missing: SensorSet::default(),
            returned: SensorSet::default(),
        };
        if state.sensors.len() != values.len() {
            // The first reading, or a model of other features.
            *state = TurbineState::default();
            state.sensors = values.iter().map(|&value| SensorState { smoothed: value, value, unchanged: 0 }).collect();
        }
        if !state.is_newer(timestamp) {
            let n = state.n_smoothed.saturating_add(1);
            for ((smoothed, sensor), &value) in smoothed.iter_mut().zip(&state.sensors).zip(values) {
                *smoothed = self.values.blend(sensor.smoothed, value, n);
            }
            return arrival;
        }
        arrival.stepped = true;
        arrival.restarted =
            state.last.is_none_or(|last| self.longest_gap.is_some_and(|gap| timestamp.duration_since(last) > gap));
        (arrival.newly_missing, arrival.returned) = state.note(gaps);
        state.last = Some(timestamp);
        state.n_smoothed = if arrival.restarted { 1 } else { state.n_smoothed.saturating_add(1) };
        let absent = gaps.all();
        for (i, (sensor, &value)) in state.sensors.iter_mut().zip(values).enumerate() {
            sensor.smoothed = self.values.blend(sensor.smoothed, value, state.n_smoothed);
            smoothed[i] = sensor.smoothed;
            if absent.contains(i) {
                continue;
            }
            let limit = self.stuck_limit(i);
            if value == sensor.value {
                sensor.unchanged = sensor.unchanged.saturating_add(1);
                if sensor.unchanged == limit {
                    arrival.newly_stuck.insert(i);
                }
            } else {
                if sensor.unchanged >= limit {
                    arrival.released.insert(i);
                }
                (sensor.value, sensor.unchanged) = (value, 1);
            }
        }
        arrival
    }

    /// Smooths the surprisal of a reading that has arrived and judges the alarm.
    pub fn settle(&self, state: &mut TurbineState, arrival: Arrival, surprisal: Option<f64>) -> Step {
        let Arrival { timestamp, stepped, restarted, .. } = arrival;
        let mut alarm = None;
        if stepped {
            let smoothed = surprisal.map(|surprisal| {
                let before = state.surprisal.filter(|_| !restarted).unwrap_or(SmoothedSurprisal { mean: 0.0, n: 0 });
                self.surprisals.blend(before.mean, surprisal, before.n.saturating_add(1))
            });
            let in_alarm = smoothed
                .zip(self.settings.alarm)
                .is_some_and(|(smoothed, rule)| rule.is_on(state.alarm.is_some(), smoothed));
            alarm = state.set(timestamp, restarted, smoothed, in_alarm);
        }
        arrival.into_step(state, alarm)
    }

    /// Brings a state to where it was after the reading of a logged row. What the row says of surprisal and alarm holds,
    /// whichever model it is by.
    pub fn replay(&self, state: &mut TurbineState, row: &LoggedStep<'_>) -> Step {
        let mut smoothed = [0.0; crate::feature::MAX_FEATURES];
        let smoothed = &mut smoothed[..row.values.len()];
        let arrival = self.arrive_with_gaps(state, row.timestamp, row.values, row.gaps, smoothed);
        let Arrival { timestamp, stepped, restarted, .. } = arrival;
        let smoothed = row.surprisal.and(row.smoothed_surprisal);
        let alarm = if stepped { state.set(timestamp, restarted, smoothed, row.in_alarm) } else { None };
        arrival.into_step(state, alarm)
    }

    /// The sensors of a turbine that are stuck.
    pub fn stuck(&self, state: &TurbineState) -> SensorSet {
        let mut stuck = SensorSet::default();
        for (i, _) in state.sensors.iter().enumerate().filter(|(i, sensor)| sensor.unchanged >= self.stuck_limit(*i)) {
            stuck.insert(i);
        }
        stuck
    }

    /// From when on a turbine is silent unless a reading comes; `None` before the first reading, or if the time between
    /// readings is not known.
    pub fn silent_from(&self, state: &TurbineState) -> Option<Timestamp> {
        state.last?.checked_add(self.longest_gap?).ok()
    }

    /// Whether more than ten typical intervals have passed without a reading.
    pub fn is_silent(&self, state: &TurbineState, now: Timestamp) -> bool {
        self.silent_from(state).is_some_and(|from| now > from)
    }

    /// Readings with one value that make a sensor stuck.
    fn stuck_limit(&self, feature: usize) -> u32 {
        let longest = self.settings.longest_unchanged.get(feature);
        // A model that does not say has seen nothing that could be compared with.
        longest.map_or(u32::MAX, |longest| longest.saturating_mul(STUCK_FACTOR).max(LEAST_STUCK))
    }
}

impl TurbineState {
    /// Remembers a smoothed surprisal and whether the alarm is on.
    fn set(
        &mut self,
        timestamp: Timestamp,
        restarted: bool,
        smoothed: Option<f64>,
        in_alarm: bool,
    ) -> Option<AlarmChange> {
        let n = self.surprisal.filter(|_| !restarted).map_or(0, |before| before.n).saturating_add(1);
        self.surprisal = smoothed.map(|mean| SmoothedSurprisal { mean, n });
        let height = smoothed.unwrap_or(0.0);
        match (&mut self.alarm, in_alarm) {
            (None, false) => None,
            (None, true) => {
                self.alarm = Some(Alarm { raised: timestamp, peak: height, peaked: timestamp });
                Some(AlarmChange::Raised)
            }
            (Some(alarm), true) => (height > alarm.peak).then(|| {
                (alarm.peak, alarm.peaked) = (height, timestamp);
                AlarmChange::Peaked
            }),
            (Some(_), false) => self.alarm.take().map(AlarmChange::Cleared),
        }
    }
}

#[cfg(test)]
mod tests;
