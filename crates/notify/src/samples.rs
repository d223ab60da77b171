//! Alarms and messages for tests.

use crate::message::{Kind, Message};
use crate::note::{Note, Seen};
use jiff::{SignedDuration, Timestamp};
use pipeline::Why;

/// The moment that the tests begin at.
pub(crate) fn start() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().expect("a time")
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// A running alarm of that turbine, raised after so many seconds.
pub(crate) fn note(turbine: &str, seconds: i64) -> Note {
    let raised = after(seconds);
    Note {
        id: format!("{turbine}@{raised}"),
        turbine_id: Some(turbine.to_owned()),
        raised,
        cleared: None,
        peak: 7.5,
        peaked: raised,
        model_version: "m0123456789ab".to_owned(),
        feature: Some("temperature".to_owned()),
        why: vec![Why { feature: "temperature".to_owned(), value: 44.93, expected: 25.0, share: 0.9 }],
    }
}

/// The same, cleared after so many seconds.
pub(crate) fn cleared(turbine: &str, seconds: i64, until: i64) -> Note {
    Note { cleared: Some(after(until)), ..note(turbine, seconds) }
}

pub(crate) fn seen(note: Note) -> Seen {
    Seen { note, muted: false }
}

pub(crate) fn message(kind: Kind, number: u64) -> Message {
    Message {
        id: format!("p-{number}"),
        kind,
        composed: start(),
        notes: Vec::new(),
        others: Vec::new(),
        unnamed: 0,
        attempted: false,
    }
}
