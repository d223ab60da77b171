//! One alarm, and its rows in the file of alarms.

use crate::fleet::LoggedAlarm;
use crate::submission::Why;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use turbine_core::model::Model;
use turbine_core::reading::TurbineId;

/// The columns of the file of alarms. `why` is JSON text, quoted.
pub(super) const COLUMNS: [&str; 9] =
    ["id", "event", "turbine_id", "raised", "cleared", "peak", "peaked", "model_version", "why"];

/// An alarm of one turbine, with the sensors behind it.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
}

/// Identifies a row: the id of the alarm, and whether it was cleared.
pub(super) type EventKey = (String, bool);

pub(super) fn id_of(turbine_id: Option<&TurbineId>, raised: Timestamp) -> String {
    format!("{}@{raised}", TurbineId::name(turbine_id))
}

impl LoggedAlarm {
    /// As [`Alarm::id`].
    pub(crate) fn id(&self) -> String {
        id_of(self.turbine_id.as_ref(), self.alarm.raised)
    }

    /// Identifies the row that it leads to.
    pub(super) fn key(&self) -> EventKey {
        (self.id(), self.cleared.is_some())
    }
}

impl Alarm {
    /// The alarm that the log implies, explained by `model`.
    pub(crate) fn explained(logged: LoggedAlarm, model: &Model) -> Self {
        let LoggedAlarm { turbine_id, alarm, cleared, model_version, smoothed } = logged;
        let why = model.explain_smoothed(&smoothed).unwrap_or_default();
        Alarm {
            id: id_of(turbine_id.as_ref(), alarm.raised),
            turbine_id,
            raised: alarm.raised,
            cleared,
            peak: alarm.peak,
            peaked: alarm.peaked,
            model_version,
            why: Why::all(model, &why),
        }
    }

    /// Identifies its row.
    pub(super) fn key(&self) -> EventKey {
        (self.id.clone(), self.cleared.is_some())
    }

    /// The row of what became of it last, with its line end.
    pub(super) fn row(&self) -> Vec<u8> {
        let cells = [
            self.id.clone(),
            if self.cleared.is_some() { "cleared" } else { "raised" }.to_owned(),
            self.turbine_id.as_ref().map_or("", TurbineId::as_str).to_owned(),
            self.raised.to_string(),
            self.cleared.map(|cleared| cleared.to_string()).unwrap_or_default(),
            serde_json::to_string(&self.peak).expect("a number has a JSON form"),
            self.peaked.to_string(),
            self.model_version.to_string(),
            serde_json::to_string(&self.why).expect("numbers and texts have a JSON form"),
        ];
        line(&cells)
    }

    /// The alarm of a row, if the row is whole.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(line);
        let mut row = csv::StringRecord::new();
        if !csv.read_record(&mut row).ok()? || row.len() != COLUMNS.len() {
            return None;
        }
        let optional = |cell: &str| if cell.is_empty() { None } else { Some(cell.to_owned()) };
        let turbine_id = optional(&row[2]).map(|cell| cell.parse::<TurbineId>()).transpose().ok()?;
        let raised = row[3].parse().ok()?;
        let cleared = optional(&row[4]).map(|cell| cell.parse()).transpose().ok()?;
        let alarm = Alarm {
            id: id_of(turbine_id.as_ref(), raised),
            turbine_id,
            raised,
            cleared,
            peak: row[5].parse().ok().filter(|peak: &f64| peak.is_finite())?,
            peaked: row[6].parse().ok()?,
            model_version: row[7].into(),
            why: serde_json::from_str(&row[8]).ok()?,
        };
        let event = if cleared.is_some() { "cleared" } else { "raised" };
        (alarm.id == row[0] && &row[1] == event).then_some(alarm)
    }
}

/// The first line of the file, with its end.
pub(super) fn header() -> Vec<u8> {
    line(&COLUMNS)
}

fn line(cells: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(cells).expect("a vector takes every write");
    csv.into_inner().expect("a vector takes every write")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_row_reads_back_as_the_alarm_and_no_part_of_it_does() {
        let raised: Timestamp = "2026-01-31T13:00:00.25+01:00".parse().unwrap();
        let why = vec![Why { feature: "oil, \"hot\" side".to_owned(), value: 71.5, expected: 60.0, share: 1.0 }];
        let running = Alarm {
            id: id_of(None, raised),
            turbine_id: None,
            raised,
            cleared: None,
            peak: 0.1 + 0.2,
            peaked: raised,
            model_version: "m0123456789ab".into(),
            why,
        };
        let text = String::from_utf8(running.row()).unwrap();
        assert_eq!(
            text,
            "-@2026-01-31T12:00:00.25Z,raised,,2026-01-31T12:00:00.25Z,,0.30000000000000004,2026-01-31T12:00:00.25Z,\
             m0123456789ab,\"[{\"\"feature\"\":\"\"oil, \\\"\"hot\\\"\" side\"\",\"\"value\"\":71.5,\"\"expected\"\":60.0,\
             \"\"share\"\":1.0}]\"\n"
        );
        let id: TurbineId = "T1".parse().unwrap();
        let (cleared, id) = (Some("2026-01-31T14:00:00Z".parse().unwrap()), Some(id));
        let cleared = Alarm { id: id_of(id.as_ref(), raised), turbine_id: id, cleared, ..running.clone() };
        for alarm in [running, cleared] {
            let row = alarm.row();
            assert_eq!(Alarm::parse(&row), Some(alarm));
            for length in 0..row.len() - 2 {
                assert_eq!(Alarm::parse(&row[..length]), None, "{length} bytes of {}", String::from_utf8_lossy(&row));
            }
        }
    }
}
