//! Sources of readings: a simulation or a file.

mod fleet;
mod follow;
mod position;
mod recorded;
mod replay;
mod rotation;
mod simulated;
mod tail;

pub use fleet::Fleet;
pub use follow::Follow;
pub use position::{FileId, Head, Position};
pub use replay::Replay;
pub use simulated::{Events, Simulated};

use crate::error::{NOT_A_TOKEN, SenderError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::Path;
use turbine_core::dataset::SkippedRows;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::RawReading;

/// A reading to be sent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// The reading as a JSON object on one line; every attempt sends these bytes.
    pub json: String,
    /// One value per feature of the source, in its order.
    pub values: Vec<f64>,
    /// The label of the reading by itself, if there is one. Readings of a simulated event have none: early in a drift they
    /// are as normal readings are.
    pub is_anomaly: Option<bool>,
    /// Where it lies among the events of its turbine, if that is known.
    pub phase: Option<Phase>,
    /// The index of its turbine.
    pub turbine: usize,
    /// When it was taken.
    pub time: Timestamp,
    /// The place behind it in the recording that it is from.
    #[serde(default, deserialize_with = "Position::of_this_version")]
    pub position: Option<Position>,
}

impl Outgoing {
    /// The id of its turbine, as a token of a cluster's subjects and topics.
    ///
    /// # Errors
    /// The problem, if the id is not a valid token.
    pub fn token(&self) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Named {
            turbine_id: Option<String>,
        }
        let named: Option<Named> = serde_json::from_str(&self.json).ok();
        let id = named.and_then(|named| named.turbine_id).ok_or("the reading names no turbine")?;
        if is_token(&id) { Ok(id) } else { Err(format!("the turbine {id:?} {NOT_A_TOKEN}")) }
    }
}

/// True if an id is a valid token of a cluster's subjects and topics, where dots, spaces and slashes are separators.
pub fn is_token(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// The place of a reading among the events of its turbine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Outside events.
    Normal,
    /// In an event.
    Event,
    /// Outside events, the first one after an event without readings.
    AfterGap {
        /// When the first missing reading was due.
        since: Timestamp,
    },
}

/// The turn of a turbine.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// It sends a reading.
    Reading(Outgoing),
    /// It sends none.
    Silent,
}

fn encode(raw: &RawReading<'_>) -> String {
    serde_json::to_string(raw).expect("an object of numbers and strings is always JSON")
}

/// Makes readings one by one.
pub trait ReadingSource {
    /// Why there is no next turn although the source has not ended.
    type Error;

    /// The next turn; `None` at the end. Its reading carries the time `due` unless it was recorded with a time of its own.
    fn next_turn(&mut self, due: Timestamp) -> Option<Result<Turn, Self::Error>>;

    /// Whether the next turn is known; until then it must not be asked for.
    fn is_ready(&mut self) -> bool {
        true
    }

    /// Waits until it is worth while to ask again whether the source is ready. Cancelling is safe.
    fn wait(&mut self) -> impl Future<Output = ()> {
        std::future::ready(())
    }
}

/// A simulation or a file.
#[derive(Debug)]
pub enum Source {
    /// Simulated turbines.
    Simulated(Simulated),
    /// The rows of a recording.
    Replay {
        /// The rows.
        rows: Box<Replay>,
        /// Behind the last row that was taken; `None` if the file cannot be told from others.
        position: Option<Position>,
    },
    /// The rows of a growing file.
    Follow(Box<Follow>),
}

impl Source {
    /// The rows of the recording at `path`, without those that lie before `position` if that is one in this file. Whether they
    /// were left out.
    ///
    /// # Errors
    /// Those of the file.
    pub fn replay(mut rows: Replay, path: &Path, position: Option<Position>) -> Result<(Self, bool), SenderError> {
        let beginning = Position::beginning(path);
        let known = position.filter(|position| position.is_in(path)).map_or(0, |position| position.readings);
        let passed = rows.pass_over(known)?;
        let position = beginning.map(|beginning| Position { readings: passed, ..beginning });
        Ok((Source::Replay { rows: Box::new(rows), position }, known > 0))
    }

    /// The features of its readings.
    pub fn features(&self) -> &FeatureSet {
        match self {
            Source::Simulated(simulated) => simulated.features(),
            Source::Replay { rows, .. } => rows.features(),
            Source::Follow(follow) => follow.features(),
        }
    }

    /// The rows skipped so far.
    pub fn skipped(&self) -> SkippedRows {
        match self {
            Source::Simulated(_) => SkippedRows::default(),
            Source::Replay { rows, .. } => rows.skipped().clone(),
            Source::Follow(follow) => follow.skipped(),
        }
    }
}

impl ReadingSource for Source {
    type Error = SenderError;

    fn next_turn(&mut self, due: Timestamp) -> Option<Result<Turn, SenderError>> {
        match self {
            Source::Simulated(simulated) => Some(Ok(simulated.simulate(due))),
            Source::Replay { rows, position } => {
                let row = rows.next_row(due)?;
                position.iter_mut().for_each(|position| position.readings += u64::from(row.is_ok()));
                Some(row.map(|reading| Turn::Reading(Outgoing { position: *position, ..reading })))
            }
            Source::Follow(follow) => Some(follow.next_row(due)?.map(Turn::Reading)),
        }
    }

    fn is_ready(&mut self) -> bool {
        match self {
            Source::Follow(follow) => follow.is_ready(),
            Source::Simulated(_) | Source::Replay { .. } => true,
        }
    }

    async fn wait(&mut self) {
        if let Source::Follow(follow) = self {
            follow.wait().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turbine_of_a_cluster_is_letters_digits_and_dashes() {
        let token = |json: &str| Outgoing { json: json.to_owned(), ..Outgoing::default() }.token();
        assert_eq!(token(r#"{"a":1,"turbine_id":"WT-1_b"}"#).as_deref(), Ok("WT-1_b"));
        assert_eq!(token(r#"{"a":1}"#), Err("the reading names no turbine".to_owned()));
        for id in ["WT.1", "a b", "a/b", "ö", ">"] {
            let refused = token(&format!(r#"{{"turbine_id":"{id}"}}"#)).map_err(|error| error.contains("rename it"));
            assert_eq!(refused, Err(true), "{id}");
        }
    }
}
