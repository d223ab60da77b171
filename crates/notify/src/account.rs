//! What a receiver was told, and what it is still to be told: compared with what the pipeline says, again and again.
//!
//! Nothing here depends on events: whatever was missed is found by the next comparison.

use crate::message::{Kind, Message};
use crate::note::{Look, Note, Seen};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet, VecDeque};

/// Past alarms that are remembered as known: the newest would do, if alarms were never lost.
const MAX_KNOWN: usize = 256;

/// The most messages that wait; more are brought together.
pub(crate) const MAX_WAITING: usize = 20;

/// The most alarms that waiting messages name, by name or by id; of more the number is told.
pub(crate) const MAX_NAMED: usize = 10_000;

/// How messages are composed for a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Composition {
    /// The most alarms that a message says something of.
    pub named: usize,
    /// What becomes of more: another message, or their number in the same.
    pub splits: bool,
    /// How often an alarm is told again while it is running; `None` = never.
    pub every: Option<SignedDuration>,
}

/// A running alarm that was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told {
    note: Note,
    /// When it was told last; UTC.
    at: Timestamp,
}

/// The account of one receiver, as it is kept on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// The format.
    turbine_notifications: u32,
    /// What the ids of messages begin with.
    prefix: String,
    /// The number of the next message.
    next: u64,
    /// Running alarms that were told, by id.
    told: BTreeMap<String, Told>,
    /// The last past alarms that were seen, oldest first; `None` before the first look.
    known: Option<VecDeque<String>>,
    /// Messages in the order in which they are to be sent.
    waiting: VecDeque<Message>,
}

impl Account {
    /// The format that is written.
    const FORMAT: u32 = 1;

    /// An account of a receiver that was told nothing.
    pub(crate) fn new(prefix: String) -> Self {
        Account {
            turbine_notifications: Self::FORMAT,
            prefix,
            next: 0,
            told: BTreeMap::new(),
            known: None,
            waiting: VecDeque::new(),
        }
    }

    /// Whether it is of a format that can be used.
    pub(crate) fn is_readable(&self) -> bool {
        self.turbine_notifications == Self::FORMAT
    }

    /// Whether it was never compared.
    pub(crate) fn is_new(&self) -> bool {
        self.known.is_none()
    }

    /// Whether a past alarm is known. All alarms before one that is known are known too.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.known.iter().flatten().any(|known| known == id)
    }

    /// Compares with what was found, and composes what is to be told. Says whether anything of the account changed that is
    /// to be kept.
    pub(crate) fn update(&mut self, look: Look, now: Timestamp, composition: Composition) -> bool {
        let Look { running, cleared } = look;
        let past: HashSet<String> = cleared.iter().map(|seen| seen.note.id.clone()).collect();
        let running: Vec<Seen> = running.into_iter().filter(|seen| !past.contains(&seen.note.id)).collect();
        let is_first = self.known.is_none();
        let mut changed = is_first || !cleared.is_empty();
        let known = self.known.get_or_insert_default();
        known.extend(cleared.iter().map(|seen| seen.note.id.clone()));
        known.drain(..known.len().saturating_sub(MAX_KNOWN));

        // What was past before the receiver was named is no news.
        let cleared = if is_first { Vec::new() } else { cleared };
        let mut ended: Vec<Note> = cleared.into_iter().filter_map(|seen| self.end(seen)).collect();
        ended.extend(self.lost(&running, now));
        changed |= self.compose(Kind::Cleared, ended, now, composition);

        let (mut raised, mut due) = (Vec::new(), Vec::new());
        // Reminders of alarms whose messages have not arrived would only pile up.
        let reminds = self.waiting.is_empty();
        for Seen { note, muted } in running {
            match self.told.get_mut(&note.id) {
                None if muted => {}
                None => {
                    self.told.insert(note.id.clone(), Told { note: note.clone(), at: now });
                    raised.push(note);
                }
                Some(told) => {
                    let feature = told.note.feature.take();
                    told.note = Note { feature, ..note };
                    let is_due = composition.every.is_some_and(|every| now.duration_since(told.at) >= every);
                    if reminds && is_due && !muted {
                        told.at = now;
                        due.push(told.note.clone());
                    }
                }
            }
        }
        changed |= self.compose(Kind::Raised, raised, now, composition);
        changed |= self.compose(Kind::Reminder, due, now, composition);
        self.bound(now, composition);
        changed
    }

    /// What is to be said of an alarm that was cleared. That it was raised was told, or it is told now; only one that was
    /// muted all the time is passed over. A muted alarm that was told is told to be cleared, since somebody may wait for it.
    fn end(&mut self, seen: Seen) -> Option<Note> {
        let Seen { note, muted } = seen;
        match self.told.remove(&note.id) {
            Some(told) => Some(Note { feature: told.note.feature, ..note }),
            None => (!muted).then_some(note),
        }
    }

    /// Alarms that were told and are neither running nor past: their turbine was forgotten, or the log is another one.
    fn lost(&mut self, running: &[Seen], now: Timestamp) -> Vec<Note> {
        let running: HashSet<&str> = running.iter().map(|seen| seen.note.id.as_str()).collect();
        let (kept, lost) =
            std::mem::take(&mut self.told).into_iter().partition(|(id, _)| running.contains(id.as_str()));
        self.told = kept;
        let lost: BTreeMap<String, Told> = lost;
        lost.into_values().map(|told| Note { cleared: Some(now.max(told.note.peaked)), ..told.note }).collect()
    }

    /// Adds what is to be told: to the last message if that says the same and was not sent, or as new ones.
    fn compose(&mut self, kind: Kind, notes: Vec<Note>, now: Timestamp, composition: Composition) -> bool {
        let Composition { named, splits, .. } = composition;
        let mut notes = notes.into_iter().peekable();
        let any = notes.peek().is_some();
        let room = |message: &Message| if splits { named - message.notes.len().min(named) } else { usize::MAX };
        if let Some(last) = self.waiting.back_mut().filter(|last| last.kind == kind && !last.attempted) {
            let room = room(last);
            last.extend(notes.by_ref().take(room), named);
        }
        while notes.peek().is_some() {
            let mut message = self.message(kind, now);
            let room = room(&message);
            message.extend(notes.by_ref().take(room), named);
            self.waiting.push_back(message);
        }
        any
    }

    fn message(&mut self, kind: Kind, composed: Timestamp) -> Message {
        let id = format!("{}-{}", self.prefix, self.next);
        self.next += 1;
        Message { id, kind, composed, notes: Vec::new(), others: Vec::new(), unnamed: 0, attempted: false }
    }

    /// Brings waiting messages together once they are many: what was raised and cleared meanwhile is told as cleared.
    fn bound(&mut self, now: Timestamp, composition: Composition) {
        if self.waiting.len() > MAX_WAITING {
            let sent = self.waiting.iter().take_while(|message| message.attempted).count();
            let unsent = self.waiting.split_off(sent);
            let (mut raised, mut cleared) = (Vec::new(), Vec::new());
            for message in unsent {
                match message.kind {
                    Kind::Raised => raised.push(message),
                    Kind::Cleared => cleared.push(message),
                    Kind::Reminder => {}
                }
            }
            let ended: HashSet<String> = cleared.iter().flat_map(Message::ids).map(str::to_owned).collect();
            raised.iter_mut().for_each(|message| message.remove(&ended));
            self.bring_together(Kind::Cleared, cleared, now, composition);
            self.bring_together(Kind::Raised, raised, now, composition);
        }
        let mut left = MAX_NAMED;
        for message in self.waiting.iter_mut().filter(|message| !message.attempted) {
            message.cut(left);
            left = left.saturating_sub(message.notes.len() + message.others.len());
        }
    }

    fn bring_together(&mut self, kind: Kind, messages: Vec<Message>, now: Timestamp, composition: Composition) {
        let (mut notes, mut others, mut unnamed) = (Vec::new(), Vec::new(), 0);
        for message in messages {
            notes.extend(message.notes);
            others.extend(message.others);
            unnamed += message.unnamed;
        }
        let excess = notes.len().saturating_sub(MAX_NAMED);
        unnamed += excess as u64;
        notes.truncate(MAX_NAMED);
        if notes.is_empty() && others.is_empty() && unnamed == 0 {
            return;
        }
        // A message of its own, also if the last one says the same: it is known not to be the one that was sent.
        let message = self.message(kind, now);
        self.waiting.push_back(message);
        self.compose(kind, notes, now, composition);
        if let Some(last) = self.waiting.back_mut() {
            last.others.extend(others);
            last.unnamed += unnamed;
        }
    }

    /// The message that is to be sent next.
    pub(crate) fn first(&self) -> Option<&Message> {
        self.waiting.front()
    }

    /// Notes that the first message is sent, so that it never changes again. Says whether that was not noted before.
    pub(crate) fn freeze_first(&mut self) -> bool {
        self.waiting.front_mut().is_some_and(|first| !std::mem::replace(&mut first.attempted, true))
    }

    /// Takes the first message out: it arrived, or never will.
    pub(crate) fn take_first(&mut self) -> Option<Message> {
        self.waiting.pop_front()
    }

    /// How many messages wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The running alarms that were told, as they were found last.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Note> {
        self.told.values().map(|told| &told.note)
    }
}

#[cfg(test)]
mod tests;
