//! What is to be sent next, and what is remembered of it until it is answered.

mod bookmark;
mod prefix;
mod spool;

pub use bookmark::Bookmark;
pub use spool::Spool;

use crate::client::Answered;
use crate::config::{Config, DeliverySize};
use crate::error::SenderError;
use crate::feed::{Delivery, Feed};
use crate::schedule::Schedule;
use crate::source::{Position, Source};
use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

/// What is remembered of readings until they are answered, for the next run too.
#[derive(Debug)]
pub enum Memory {
    /// Nothing.
    None,
    /// How far a recording was sent.
    Bookmark(Box<Bookmark>),
    /// The readings themselves.
    Spool(Box<Spool>),
}

/// Readings that a spool keeps for the next run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// How many.
    pub readings: u64,
    /// The spool's file.
    pub path: PathBuf,
}

/// Yields deliveries. With a spool, readings are taken from their source when they are due even while none can be sent.
#[derive(Debug)]
pub struct Outbox {
    feed: Feed<Source>,
    memory: Memory,
    size: DeliverySize,
    deliveries: u64,
    /// Whether the source waits, so that readings need not be taken before they can be sent.
    is_patient: bool,
    has_ended: bool,
    /// Whether there are readings of which it is not settled what becomes of them, so that another run should send them.
    has_open: bool,
}

impl Memory {
    /// What the flags say; and where in the recording to go on.
    ///
    /// # Errors
    /// [`SenderError::Spool`].
    pub fn open(config: &Config) -> Result<(Self, Option<Position>), SenderError> {
        if let Some(path) = &config.spool {
            let spool = Spool::open(path)?;
            let position = spool.position();
            return Ok((Memory::Spool(Box::new(spool)), position));
        }
        let bookmark = config.replay.as_deref().and_then(|replay| Bookmark::open(config, replay));
        Ok(bookmark
            .map_or((Memory::None, None), |(bookmark, position)| (Memory::Bookmark(Box::new(bookmark)), position)))
    }
}

impl Outbox {
    /// The readings of `source` on the schedule of the flags.
    pub fn new(config: &Config, source: Source, memory: Memory) -> Self {
        let schedule = Schedule::new(Instant::now(), config.interval);
        let count = (config.count > 0).then_some(config.count);
        let size = config.delivery_size();
        // The spool gathers full deliveries itself.
        let feed_size = if matches!(memory, Memory::Spool(_)) { DeliverySize { wait: false, ..size } } else { size };
        let feed = Feed::new(source, schedule, count, feed_size);
        let is_patient = config.interval.is_zero() && !config.follow;
        Outbox { feed, memory, size, deliveries: 0, is_patient, has_ended: false, has_open: false }
    }

    /// The source of the readings.
    pub fn source(&self) -> &Source {
        self.feed.source()
    }

    /// The readings that a spool keeps.
    pub fn kept(&self) -> Option<Kept> {
        let Memory::Spool(spool) = &self.memory else { return None };
        Some(Kept { readings: spool.pending(), path: spool.path().to_owned() })
    }

    /// Whether no further run has anything to go on with: the source has ended by itself, or is one that never ends and
    /// begins anew each time.
    pub fn is_through(&self) -> bool {
        let goes_on = !matches!(self.feed.source(), Source::Simulated(_));
        !self.has_open && (self.feed.has_ended() || !goes_on)
    }

    /// How many readings of the recording another run leaves out; `None` if this one remembers no row.
    pub fn reached(&self) -> Option<u64> {
        let Memory::Bookmark(bookmark) = &self.memory else { return None };
        bookmark.reached().map(|position| position.readings)
    }

    /// Waits for the next delivery, if one may be sent now; `None` after the last. Cancelling is safe: no reading is lost.
    ///
    /// # Errors
    /// Those of the source and of the spool; [`Outbox::rest`] returns the readings taken before.
    pub async fn next(&mut self, may_send: bool) -> Result<Option<Delivery>, SenderError> {
        let Memory::Spool(spool) = &mut self.memory else {
            return if may_send { self.feed.next().await } else { pending().await };
        };
        loop {
            let is_full = spool.waiting() >= self.size.max as u64 || !self.size.wait || self.has_ended;
            if may_send && spool.waiting() > 0 && is_full {
                let (first, readings) = spool.take(self.size.max).map_err(|problem| spool_error(spool, problem))?;
                self.deliveries += 1;
                return Ok(Some(Delivery { number: self.deliveries - 1, first, readings, due: Instant::now() }));
            }
            if self.has_ended && may_send {
                return Ok(None);
            }
            if self.has_ended || (self.is_patient && !may_send) {
                return pending().await;
            }
            match self.feed.next().await? {
                Some(taken) => spool.append(&taken.readings).map_err(|problem| spool_error(spool, problem))?,
                None => self.has_ended = true,
            }
        }
    }

    /// The readings taken for a delivery that is not full. A spool keeps them instead.
    ///
    /// # Errors
    /// Those of the spool.
    pub fn rest(&mut self) -> Result<Option<Delivery>, SenderError> {
        let rest = self.feed.rest();
        let (Memory::Spool(spool), Some(taken)) = (&mut self.memory, &rest) else { return Ok(rest) };
        spool.append(&taken.readings).map_err(|problem| spool_error(spool, problem))?;
        Ok(None)
    }

    /// Notes which readings of a delivery are answered; what is to be said of it, if anything.
    ///
    /// # Errors
    /// Those of the spool.
    pub fn answered(&mut self, done: &Answered) -> Result<Option<String>, SenderError> {
        let Delivery { first, readings, .. } = &done.delivery;
        let mut from = 0;
        let mut note = None;
        // What is settled behind a reading that is not is kept apart from it.
        for run in done.answers.chunk_by(|a, b| a.verdict.is_final() == b.verdict.is_final()) {
            let to = from + run.len();
            if run[0].verdict.is_final() {
                let numbers = first + from as u64..first + to as u64;
                match &mut self.memory {
                    Memory::None => {}
                    Memory::Spool(spool) => {
                        spool.answered(numbers).map_err(|problem| spool_error(spool, problem))?;
                    }
                    Memory::Bookmark(bookmark) => {
                        let written = bookmark.answered(numbers, readings[to - 1].position);
                        note = note.or(written.err().map(|error| {
                            let path = bookmark.path().display();
                            format!("cannot write {path}: {error}; another run will begin with the first row")
                        }));
                    }
                }
            }
            self.has_open |= !run[0].verdict.is_final();
            from = to;
        }
        Ok(note)
    }

    /// Forgets what was remembered, once all is answered and nothing is left to be sent.
    ///
    /// # Errors
    /// Those of the spool.
    pub fn forget(self) -> Result<(), SenderError> {
        match self.memory {
            Memory::None => Ok(()),
            Memory::Bookmark(bookmark) => {
                bookmark.remove();
                Ok(())
            }
            Memory::Spool(spool) => {
                let path = spool.path().to_owned();
                spool.remove().map_err(|problem| SenderError::Spool { path, problem })
            }
        }
    }
}

fn spool_error(spool: &Spool, problem: io::Error) -> SenderError {
    SenderError::Spool { path: spool.path().to_owned(), problem }
}
