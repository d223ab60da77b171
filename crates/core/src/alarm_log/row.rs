//! One row of the file of alarms.

use super::id::AlarmId;
use super::line::Line;
use crate::reading::TurbineId;
use jiff::Timestamp;
use serde::de::IgnoredAny;
use std::sync::Arc;

/// The columns of the file of alarms. `why` is JSON text; rows of what people did have nothing from `cleared` to `why`,
/// and the others have nothing behind it.
const COLUMNS: [&str; 13] = [
    "id",
    "event",
    "turbine_id",
    "raised",
    "cleared",
    "peak",
    "peaked",
    "model_version",
    "why",
    "at",
    "by",
    "until",
    "comment",
];

/// How many of the columns are in files from before people's actions were kept.
const COLUMNS_WITHOUT_ACTIONS: usize = 9;

/// Which columns a file of alarms has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmFormat {
    /// Alarms that were raised and cleared.
    WithoutActions,
    /// Those, and what people did with them. This is the one that is written.
    WithActions,
}

impl AlarmFormat {
    /// The first line of such a file, with its end.
    pub fn header(self) -> Vec<u8> {
        line(&COLUMNS[..self.columns()])
    }

    fn columns(self) -> usize {
        match self {
            AlarmFormat::WithoutActions => COLUMNS_WITHOUT_ACTIONS,
            AlarmFormat::WithActions => COLUMNS.len(),
        }
    }

    /// What a row of such a file lacks at its end to be one of [`AlarmFormat::WithActions`].
    pub fn missing_cells(self) -> &'static str {
        match self {
            AlarmFormat::WithoutActions => ",,,,",
            AlarmFormat::WithActions => "",
        }
    }
}

/// Name of a person.
pub type PersonName = Line<64>;

/// What somebody has to say of an alarm.
pub type CommentText = Line<1000>;

/// Something that happened to an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmRow {
    /// The alarm.
    pub id: AlarmId,
    /// What happened to it.
    pub event: AlarmEvent,
}

/// What happened to an alarm.
#[derive(Debug, Clone, PartialEq)]
pub enum AlarmEvent {
    /// It was raised or cleared: the prediction log implies this row.
    Changed(AlarmState),
    /// Somebody did something with it: only the file of alarms says so.
    Handled(AlarmAction),
}

/// An alarm as it was when it was raised or cleared.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmState {
    /// The time of the reading that cleared it; UTC. `None` of one that was raised.
    pub cleared: Option<Timestamp>,
    /// The highest smoothed surprisal so far, in decades.
    pub peak: f64,
    /// The time of the reading at that peak; UTC.
    pub peaked: Timestamp,
    /// The model that raised it.
    pub model_version: Arc<str>,
    /// The sensors behind the peak, as JSON text.
    pub why: String,
}

/// Something that a person did with an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmAction {
    /// What was done.
    pub kind: ActionKind,
    /// The person who acted.
    pub by: PersonName,
    /// When, by the service's clock; UTC.
    pub at: Timestamp,
    /// What was said; always there if that is all that was done.
    pub comment: Option<CommentText>,
}

/// What can be done with an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// Somebody takes care of it.
    Acknowledged,
    /// The acknowledgement was taken back.
    Unacknowledged,
    /// Notifications of it are off until that time.
    Snoozed {
        /// The time; UTC.
        until: Timestamp,
    },
    /// Only a comment.
    Commented,
    /// It was marked as a false alarm: the turbine was running normally.
    MarkedFalse,
    /// That mark was taken back.
    UnmarkedFalse,
}

impl ActionKind {
    /// What the column `event` says.
    pub fn event(self) -> &'static str {
        match self {
            ActionKind::Acknowledged => "acknowledged",
            ActionKind::Unacknowledged => "unacknowledged",
            ActionKind::Snoozed { .. } => "snoozed",
            ActionKind::Commented => "commented",
            ActionKind::MarkedFalse => "false_alarm",
            ActionKind::UnmarkedFalse => "not_false_alarm",
        }
    }

    fn until(self) -> Option<Timestamp> {
        if let ActionKind::Snoozed { until } = self { Some(until) } else { None }
    }

    fn parse(event: &str, until: Option<Timestamp>) -> Option<Self> {
        let kind = match (event, until) {
            ("acknowledged", None) => ActionKind::Acknowledged,
            ("unacknowledged", None) => ActionKind::Unacknowledged,
            ("snoozed", Some(until)) => ActionKind::Snoozed { until },
            ("commented", None) => ActionKind::Commented,
            ("false_alarm", None) => ActionKind::MarkedFalse,
            ("not_false_alarm", None) => ActionKind::UnmarkedFalse,
            _ => return None,
        };
        Some(kind)
    }
}

impl AlarmRow {
    /// The row of a file [`AlarmFormat::WithActions`], with its line end. It has no other line breaks.
    pub fn to_line(&self) -> Vec<u8> {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let name = self.id.turbine_id.as_ref().map_or("", TurbineId::as_str).to_owned();
        let (event, state, action) = match &self.event {
            AlarmEvent::Changed(state) => {
                let event = if state.cleared.is_some() { "cleared" } else { "raised" };
                let peak = serde_json::to_string(&state.peak).expect("a number has a JSON form");
                let version = state.model_version.to_string();
                let state = [time(state.cleared), peak, state.peaked.to_string(), version, state.why.clone()];
                (event, state, Default::default())
            }
            AlarmEvent::Handled(AlarmAction { kind, by, at, comment }) => {
                let comment = comment.as_ref().map(ToString::to_string).unwrap_or_default();
                (kind.event(), Default::default(), [at.to_string(), by.to_string(), time(kind.until()), comment])
            }
        };
        let mut cells = vec![self.id.to_string(), event.to_owned(), name, self.id.raised.to_string()];
        cells.extend::<[String; 5]>(state);
        cells.extend::<[String; 4]>(action);
        line(&cells)
    }

    /// The row of a line of such a file, if it is whole.
    pub fn parse(line: &[u8], format: AlarmFormat) -> Option<Self> {
        let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(line);
        let mut row = csv::StringRecord::new();
        if !csv.read_record(&mut row).ok()? || row.len() != format.columns() {
            return None;
        }
        let cell = |place: usize| row.get(place).filter(|cell| !cell.is_empty());
        let time = |place: usize| cell(place).map(|cell| cell.parse::<Timestamp>()).transpose();
        let turbine_id = cell(2).map(|cell| cell.parse::<TurbineId>()).transpose().ok()?;
        let event = match (&row[1], time(4).ok()?) {
            ("raised", None) => AlarmEvent::Changed(state(&row, None)?),
            ("cleared", cleared @ Some(_)) => AlarmEvent::Changed(state(&row, cleared)?),
            (event, None) => {
                let kind = ActionKind::parse(event, time(11).ok()?)?;
                let comment = cell(12).map(|cell| cell.parse::<CommentText>()).transpose().ok()?;
                if kind == ActionKind::Commented && comment.is_none() {
                    return None;
                }
                AlarmEvent::Handled(AlarmAction { kind, by: cell(10)?.parse().ok()?, at: time(9).ok()??, comment })
            }
            _ => return None,
        };
        let id = AlarmId { turbine_id, raised: row[3].parse().ok()? };
        (id.to_string() == row[0]).then_some(AlarmRow { id, event })
    }
}

fn state(row: &csv::StringRecord, cleared: Option<Timestamp>) -> Option<AlarmState> {
    Some(AlarmState {
        cleared,
        peak: row[5].parse().ok().filter(|peak: &f64| peak.is_finite())?,
        peaked: row[6].parse().ok()?,
        model_version: row[7].into(),
        why: serde_json::from_str::<IgnoredAny>(&row[8]).is_ok().then(|| row[8].to_owned())?,
    })
}

fn line(cells: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(cells).expect("a vector takes every write");
    csv.into_inner().expect("a vector takes every write")
}
