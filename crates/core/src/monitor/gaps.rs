//! Readings with gaps: which values are carried on, and which sensors are missing.

use super::state::Absence;
use super::{Monitor, SILENT_AFTER, TurbineState};
use crate::sensors::{Gaps, SensorSet};
use jiff::Timestamp;

impl Monitor {
    /// Puts the turbine's last values in the places of `absent` while they are younger than ten typical intervals; where the
    /// typical interval is not known, for ten readings. The other absent sensors are missing, and their values are left as
    /// they are.
    ///
    /// # Panics
    /// If `absent` has places beyond `values`.
    pub fn carry(&self, state: &TurbineState, timestamp: Timestamp, absent: SensorSet, values: &mut [f64]) -> Gaps {
        let mut gaps = Gaps::default();
        for place in absent.iter() {
            match self.carried(state, timestamp, place).filter(|_| state.sensors.len() == values.len()) {
                Some(value) => {
                    values[place] = value;
                    gaps.carried.insert(place);
                }
                None => gaps.missing.insert(place),
            }
        }
        gaps
    }

    fn carried(&self, state: &TurbineState, timestamp: Timestamp, place: usize) -> Option<f64> {
        let sensor = state.sensors.get(place)?;
        let absence = state.absences.iter().find(|absence| absence.place == place);
        let measured = absence.map_or(state.last, |absence| absence.last_measured)?;
        let is_young = match self.longest_gap {
            // A reading that comes late may be older than the value.
            Some(longest) => timestamp.duration_since(measured).abs() < longest,
            None => absence.is_none_or(|absence| absence.readings < SILENT_AFTER),
        };
        is_young.then_some(sensor.value)
    }
}

impl TurbineState {
    /// Remembers what the reading after the newest one lacks; the sensors that are missing since then, and those that were
    /// until then.
    pub(super) fn note(&mut self, gaps: Gaps) -> (SensorSet, SensorSet) {
        let absent = gaps.all();
        if self.absences.is_empty() && absent.is_empty() {
            return Default::default();
        }
        let before = self.missing();
        self.absences.retain(|absence| absent.contains(absence.place));
        for place in absent.iter() {
            let known = self.absences.iter().position(|absence| absence.place == place);
            let known = known.unwrap_or_else(|| {
                let last_measured = self.last;
                self.absences.push(Absence { place, last_measured, readings: 0, is_missing: false });
                self.absences.len() - 1
            });
            let absence = &mut self.absences[known];
            absence.readings = absence.readings.saturating_add(1);
            absence.is_missing = gaps.missing.contains(place);
        }
        let now = gaps.missing;
        (now.without(before), before.without(absent))
    }
}
