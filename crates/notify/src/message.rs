//! A message on its way to a receiver.

use crate::note::Note;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// What a message says of its alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// They were raised.
    Raised,
    /// They were cleared. One that was raised and cleared before it could be told is in this message alone.
    Cleared,
    /// They are still running.
    Reminder,
}

/// One message to one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Identifies the message, however often it is sent.
    pub id: String,
    /// Kind of the message.
    pub kind: Kind,
    /// When it was composed; UTC.
    pub composed: Timestamp,
    /// The alarms that it names.
    pub notes: Vec<Note>,
    /// The ids of further ones, of which it gives the number.
    pub others: Vec<String>,
    /// How many there are beyond those.
    pub unnamed: u64,
    /// Whether it was sent, so that the receiver may have it: then it never changes again.
    pub attempted: bool,
}

impl Message {
    /// How many alarms it is about.
    pub fn count(&self) -> u64 {
        (self.notes.len() + self.others.len()) as u64 + self.unnamed
    }

    /// Adds alarms, the first `named` of all with what is said of them.
    pub(crate) fn extend(&mut self, notes: impl IntoIterator<Item = Note>, named: usize) {
        for note in notes {
            if self.notes.len() < named {
                self.notes.push(note);
            } else {
                self.others.push(note.id);
            }
        }
    }

    /// The ids of all alarms that it knows by id.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(|note| note.id.as_str()).chain(self.others.iter().map(String::as_str))
    }

    /// Takes alarms out.
    pub(crate) fn remove(&mut self, ids: &HashSet<String>) {
        self.notes.retain(|note| !ids.contains(&note.id));
        self.others.retain(|id| !ids.contains(id));
    }

    /// Names no more than `limit` alarms by their ids; the others are still counted.
    pub(crate) fn cut(&mut self, limit: usize) {
        let kept = limit.saturating_sub(self.notes.len());
        if self.others.len() > kept {
            self.unnamed += (self.others.len() - kept) as u64;
            self.others.truncate(kept);
        }
    }
}
