//! Frames as they are sent: server-sent events with JSON in them.

use bytes::Bytes;
use jiff::{Timestamp, Unit};
use pipeline::alarms::Alarm;
use pipeline::{Changes, Gathered, Happening, Overview, Pipeline, TurbineToday};
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// Identifies a frame: the run of the service, and the number in it. `{boot}-{number}` as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    /// The run.
    pub boot: u64,
    /// The number.
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.boot, self.number)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (boot, number) = text.split_once('-').ok_or(())?;
        let parse = |part: &str| part.parse().map_err(|_| ());
        Ok(EventId { boot: parse(boot)?, number: parse(number)? })
    }
}

/// Everything, for a reader that begins.
#[derive(Serialize)]
struct Snapshot<'a> {
    now: Timestamp,
    model_version: Option<&'a str>,
    /// An alarm is raised when the smoothed surprisal exceeds this, in decades.
    alarm_threshold: Option<f64>,
    features: Vec<&'a str>,
    turbines: Vec<TurbineToday>,
    alarms: Vec<Arc<Alarm>>,
    /// Reason why the snapshot may be out of date; `None` if it is current.
    #[serde(skip_serializing_if = "Option::is_none")]
    outdated: Option<Arc<str>>,
}

/// What changed since the tick before.
#[derive(Serialize)]
struct TickData<'a> {
    now: Timestamp,
    turbines: &'a [TurbineToday],
    alarms: &'a [Arc<Alarm>],
    events: Vec<Happening<'a>>,
    /// As in the snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    outdated: Option<&'a str>,
}

/// The readings of one turbine since the tick before.
#[derive(Serialize)]
struct Readings<'a> {
    turbine_id: &'a Option<TurbineId>,
    readings: Vec<ReadingData<'a>>,
    /// How many there were, if these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
}

#[derive(Serialize)]
struct ReadingData<'a> {
    timestamp: Timestamp,
    values: &'a [f64],
    anomaly_score: f64,
    surprisal: Option<f64>,
    smoothed_surprisal: Option<f64>,
    is_anomaly: bool,
    in_alarm: bool,
}

impl<'a> From<&'a PredictionRecord> for ReadingData<'a> {
    fn from(record: &'a PredictionRecord) -> Self {
        ReadingData {
            timestamp: record.timestamp,
            values: &record.values,
            anomaly_score: record.prediction.anomaly_score,
            surprisal: record.watch.surprisal,
            smoothed_surprisal: record.watch.smoothed_surprisal,
            is_anomaly: record.prediction.is_anomaly,
            in_alarm: record.watch.in_alarm,
        }
    }
}

/// The frame of everything as it is now.
pub(super) fn snapshot(id: EventId, pipeline: &Pipeline) -> Bytes {
    let model = pipeline.slot().model();
    let Overview { now, turbines, alarms, outdated } = pipeline.overview();
    let model: Option<&Model> = model.as_deref();
    let data = Snapshot {
        now: to_milliseconds(now),
        model_version: model.map(|model| &**model.version()),
        alarm_threshold: model.and_then(|model| model.monitor().settings().alarm).map(|rule| rule.raise_above),
        features: model.map(|model| model.features().names().collect()).unwrap_or_default(),
        turbines,
        alarms,
        outdated,
    };
    event("snapshot", Some(id), &data)
}

/// The frame of what changed.
pub(super) fn tick(id: EventId, changes: &Changes) -> Bytes {
    let data = TickData {
        now: to_milliseconds(Timestamp::now()),
        turbines: &changes.turbines,
        alarms: &changes.alarms,
        events: changes.events.iter().filter_map(Happening::of).collect(),
        outdated: changes.outdated.as_deref(),
    };
    event("tick", Some(id), &data)
}

/// The frame of a turbine's readings. It has no id: it is sent before its tick, and comes again if that was not received.
pub(super) fn readings(turbine: &Option<TurbineId>, gathered: &Gathered) -> Bytes {
    let readings = gathered.rows.iter().map(ReadingData::from).collect();
    let of = (gathered.of > gathered.rows.len()).then_some(gathered.of);
    event("readings", None, &Readings { turbine_id: turbine, readings, of })
}

fn event(name: &str, id: Option<EventId>, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\n").into_bytes();
    if let Some(id) = id {
        writeln!(text, "id: {id}").expect("a vector takes every text");
    }
    text.extend_from_slice(b"data: ");
    // JSON without indentation has no line end in it.
    serde_json::to_writer(&mut text, data).expect("names, numbers and times have a JSON form");
    text.extend_from_slice(b"\n\n");
    text.into()
}

fn to_milliseconds(time: Timestamp) -> Timestamp {
    time.round(Unit::Millisecond).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pipeline::events::Event;

    #[test]
    fn a_frame_is_an_event_of_few_lines() {
        let id = EventId { boot: 7, number: 12 };
        let turbine_id = Some("T1".parse().unwrap());
        let events = vec![
            Event::SensorStuck { turbine_id: turbine_id.clone(), feature: "a \"b\"\n".to_owned() },
            Event::TurbineSilent { turbine_id: None },
            Event::DriftEnded { feature: "a".to_owned() },
            Event::Model { version: "m1".into() },
        ];
        let text = tick(id, &Changes { events, ..Changes::default() });
        let text = std::str::from_utf8(&text).unwrap();
        let (_, rest) = text.split_once("\"now\":\"").unwrap();
        // As long as its fraction of a second is.
        let (now, _) = rest.split_once('"').unwrap();
        assert!(now.ends_with('Z') && now.parse::<Timestamp>().is_ok(), "{text}");
        let expected = format!(
            r#"{{"now":"{now}","turbines":[],"alarms":[],"events":[{{"kind":"stuck","turbine_id":"T1","feature":"a \"b\"\n"}},{{"kind":"silent","turbine_id":null}},{{"kind":"drift","feature":"a","drifting":false}},{{"kind":"model","model_version":"m1"}}]}}"#
        );
        assert_eq!(text, format!("event: tick\nid: 7-12\ndata: {expected}\n\n"));
        assert_eq!("7-12".parse(), Ok(id));
        for bad in ["", "7", "7-", "-12", "7-12-1", "7-x"] {
            assert_eq!(bad.parse::<EventId>(), Err(()), "{bad}");
        }
        let readings = readings(&turbine_id, &Gathered::default());
        assert_eq!(readings, "event: readings\ndata: {\"turbine_id\":\"T1\",\"readings\":[]}\n\n");
    }
}
