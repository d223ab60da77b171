//! One alarm, and its rows in the file of alarms.

use super::handling::Handling;
use crate::fleet::LoggedAlarm;
use crate::submission::Why;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use turbine_core::alarm_log::{AlarmEvent, AlarmId, AlarmRow, AlarmState};
use turbine_core::model::Model;
use turbine_core::reading::TurbineId;

/// An alarm of one turbine, with the sensors behind it. Deserialized from JSON, it has no actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// `{turbine}@{raised}`, with `-` for readings that name no turbine.
    pub id: String,
    /// The turbine; `None` for readings that name none.
    pub turbine_id: Option<TurbineId>,
    /// The time of the reading that raised it; UTC.
    pub raised: Timestamp,
    /// The time of the reading that cleared it; UTC. `None` while it is running.
    pub cleared: Option<Timestamp>,
    /// The highest smoothed surprisal so far, in decades.
    pub peak: f64,
    /// The time of the reading at that peak; UTC.
    pub peaked: Timestamp,
    /// The model that raised it.
    pub model_version: Arc<str>,
    /// The sensors behind the peak by their share, largest first; empty if the model cannot say.
    pub why: Vec<Why>,
    /// What people did with it.
    #[serde(flatten, skip_deserializing)]
    pub handling: Arc<Handling>,
}

/// Identifies a row that the log implies: the id of the alarm, and whether it was cleared.
pub(super) type EventKey = (String, bool);

impl LoggedAlarm {
    /// Identifies the alarm.
    pub(crate) fn alarm_id(&self) -> AlarmId {
        AlarmId { turbine_id: self.turbine_id.clone(), raised: self.alarm.raised }
    }

    /// As [`Alarm::id`].
    pub(crate) fn id(&self) -> String {
        self.alarm_id().to_string()
    }

    /// Identifies the row that it leads to.
    pub(super) fn key(&self) -> EventKey {
        (self.id(), self.cleared.is_some())
    }
}

impl Alarm {
    /// The alarm that the log implies, explained by `model`.
    pub(crate) fn explained(logged: LoggedAlarm, model: &Model, handling: Arc<Handling>) -> Self {
        let id = logged.id();
        let LoggedAlarm { turbine_id, alarm, cleared, model_version, smoothed } = logged;
        let why = model.explain_smoothed(&smoothed).unwrap_or_default();
        Alarm {
            id,
            turbine_id,
            raised: alarm.raised,
            cleared,
            peak: alarm.peak,
            peaked: alarm.peaked,
            model_version,
            why: Why::all(model, &why),
            handling,
        }
    }

    /// Whether its notifications are off at `now`; see [`Handling::is_muted`].
    pub fn is_muted(&self, now: Timestamp) -> bool {
        self.handling.is_muted(now)
    }

    /// Identifies the alarm.
    pub(crate) fn alarm_id(&self) -> AlarmId {
        AlarmId { turbine_id: self.turbine_id.clone(), raised: self.raised }
    }

    /// Identifies its row.
    pub(super) fn key(&self) -> EventKey {
        (self.id.clone(), self.cleared.is_some())
    }

    /// The row of what became of it last.
    pub(super) fn row(&self) -> AlarmRow {
        let state = AlarmState {
            cleared: self.cleared,
            peak: self.peak,
            peaked: self.peaked,
            model_version: Arc::clone(&self.model_version),
            why: serde_json::to_string(&self.why).expect("numbers and texts have a JSON form"),
        };
        AlarmRow { id: self.alarm_id(), event: AlarmEvent::Changed(state) }
    }

    /// The alarm of such a row; `None` if its reasons are of another shape.
    pub(super) fn of_row(id: AlarmId, state: AlarmState) -> Option<Self> {
        let AlarmState { cleared, peak, peaked, model_version, why } = state;
        let why = serde_json::from_str(&why).ok()?;
        let (id, AlarmId { turbine_id, raised }) = (id.to_string(), id);
        let handling = Arc::default();
        Some(Alarm { id, turbine_id, raised, cleared, peak, peaked, model_version, why, handling })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use turbine_core::alarm_log::AlarmFormat;

    #[test]
    fn a_row_reads_back_as_the_alarm() {
        let raised: Timestamp = "2026-01-31T13:00:00.25+01:00".parse().unwrap();
        let why = vec![Why { feature: "oil, \"hot\" side".to_owned(), value: 71.5, expected: 60.0, share: 1.0 }];
        let running = Alarm {
            id: "-@2026-01-31T12:00:00.25Z".to_owned(),
            turbine_id: None,
            raised,
            cleared: None,
            peak: 0.1 + 0.2,
            peaked: raised,
            model_version: "m0123456789ab".into(),
            why,
            handling: Arc::default(),
        };
        let text = String::from_utf8(running.row().to_line()).unwrap();
        assert_eq!(
            text,
            "-@2026-01-31T12:00:00.25Z,raised,,2026-01-31T12:00:00.25Z,,0.30000000000000004,2026-01-31T12:00:00.25Z,\
             m0123456789ab,\"[{\"\"feature\"\":\"\"oil, \\\"\"hot\\\"\" side\"\",\"\"value\"\":71.5,\"\"expected\"\":60.0,\
             \"\"share\"\":1.0}]\",,,,\n"
        );
        let (id, cleared) = ("T1@2026-01-31T12:00:00.25Z".to_owned(), "2026-01-31T14:00:00Z".parse().ok());
        let cleared = Alarm { id, turbine_id: "T1".parse().ok(), cleared, ..running.clone() };
        for alarm in [running, cleared] {
            let row = AlarmRow::parse(&alarm.row().to_line(), AlarmFormat::WithActions).unwrap();
            let AlarmEvent::Changed(state) = row.event else { panic!("{row:?}") };
            assert_eq!(Alarm::of_row(row.id.clone(), state.clone()), Some(alarm));
            assert_eq!(Alarm::of_row(row.id, AlarmState { why: "{}".to_owned(), ..state }), None);
        }
    }
}
