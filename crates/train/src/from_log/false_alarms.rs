//! Alarms that people marked as false, from the file of alarms.

use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use turbine_core::alarm_log::{AlarmEpisode, AlarmLogError, alarm_episodes};
use turbine_core::reading::TurbineId;

/// When each turbine was in an alarm that somebody marked as false: it was running normally.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FalseAlarms(HashMap<Option<TurbineId>, BTreeMap<Timestamp, AlarmEpisode>>);

impl FalseAlarms {
    /// Reads the file of alarms. A service that never raised one has none.
    ///
    /// # Errors
    /// If the file cannot be read, or is no file of alarms.
    pub(super) fn read(path: &Path) -> Result<Self, AlarmLogError> {
        Ok(FalseAlarms::of(alarm_episodes(path)?))
    }

    fn of(alarms: Vec<AlarmEpisode>) -> Self {
        let mut by_turbine: HashMap<_, BTreeMap<_, _>> = HashMap::new();
        for alarm in alarms {
            by_turbine.entry(alarm.turbine_id.clone()).or_default().insert(alarm.raised, alarm);
        }
        FalseAlarms(by_turbine)
    }

    /// Whether that turbine was in a false alarm at that time, if it was in alarm.
    pub(super) fn contains(&self, turbine: Option<&TurbineId>, time: Timestamp) -> bool {
        let Some(alarms) = self.0.get(&turbine.cloned()) else { return false };
        let begun = alarms.range(..=time).next_back();
        begun.is_some_and(|(_, alarm)| alarm.is_false && alarm.cleared.is_none_or(|cleared| time < cleared))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn time(minute: u32) -> Timestamp {
        format!("2026-01-01T00:{minute:02}:00Z").parse().unwrap()
    }

    fn turbine(name: &str) -> Option<TurbineId> {
        (name != "-").then(|| name.parse().unwrap())
    }

    #[test]
    fn a_mark_holds_from_raised_to_cleared() {
        let alarm = |name, raised, cleared: Option<u32>, is_false| AlarmEpisode {
            turbine_id: turbine(name),
            raised: time(raised),
            cleared: cleared.map(time),
            is_false,
        };
        let alarms = FalseAlarms::of(vec![
            alarm("T1", 1, Some(3), true),
            alarm("T1", 5, Some(7), false),
            alarm("-", 2, None, true),
        ]);
        let cases = [
            ("T1", 0, false),
            ("T1", 1, true),
            ("T1", 2, true),
            ("T1", 3, false),
            ("T1", 6, false),
            ("-", 1, false),
            ("-", 2, true),
            ("-", 9, true),
            ("T2", 2, false),
        ];
        for (name, minute, expected) in cases {
            assert_eq!(alarms.contains(turbine(name).as_ref(), time(minute)), expected, "{name} {minute}");
        }
    }
}
