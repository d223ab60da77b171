//! Whoever has the writer, and what they do with it.

use super::super::config::LogSync;
use super::super::fault::AppendError;
use super::super::writer::Writer;
use super::{Gathered, News, Queue, Seat};
use std::sync::Arc;
use std::time::Instant;

/// The right to write. Dropped before it is done, it gives the writer back and fails the rows it took: after a panic, or
/// when the runtime ends, nobody waits in vain.
pub(in super::super) struct Lead {
    queue: Arc<Queue>,
    writer: Option<Box<Writer>>,
    rows: Option<Gathered>,
}

impl Lead {
    pub(super) fn new(queue: Arc<Queue>, writer: Box<Writer>) -> Self {
        Lead { queue, writer: Some(writer), rows: None }
    }

    /// Writes the rows that have gathered, and gives the writer back.
    pub(in super::super) fn write(mut self) {
        let outcome = self.commit();
        self.settle(outcome, false);
    }

    /// The same, and then those that have gathered meanwhile, until there are none: for a thread of its own.
    pub(in super::super) fn write_on(mut self) {
        loop {
            let outcome = self.commit();
            if !self.settle(outcome, true) {
                return;
            }
        }
    }

    /// Does what is due without rows, then writes those that nobody waits for.
    pub(in super::super) fn maintain(mut self) {
        let Some(writer) = &mut self.writer else { return };
        if writer.is_resting() {
            let fault = self.queue.state().fault.clone();
            self.settle(fault.map_or(Ok(()), Err), false);
            return;
        }
        match writer.maintain() {
            Ok(()) => {
                let news = self.queue.state().note(None);
                news.into_iter().for_each(News::tell);
                self.write_on();
            }
            Err(fault) => {
                self.settle(Err(fault.to_string().into()), false);
            }
        }
    }

    /// Writes the rows that have gathered, and lets go of the file and its lock.
    pub(super) fn finish(mut self) -> Result<(), AppendError> {
        let outcome = self.commit();
        self.writer = None;
        self.queue.state().writer = Seat::Gone;
        self.queue.released.notify_waiters();
        let Some(rows) = self.rows.take() else { return Ok(()) };
        rows.batch.decide(outcome.clone());
        rows.batch.news.notify_waiters();
        outcome.map_err(AppendError::Unavailable)
    }

    fn commit(&mut self) -> Result<(), Arc<str>> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let mut state = self.queue.state();
        self.rows = state.take_gathered();
        let Some(rows) = &self.rows else { return state.fault.clone().map_or(Ok(()), Err) };
        drop(state);
        let telemetry = &self.queue.telemetry;
        match writer.commit(&rows.bytes) {
            Ok(()) => {
                telemetry.rows.add(rows.rows);
                telemetry.bytes.add(rows.bytes.len() as u64);
                telemetry.batches.add(1);
                Ok(())
            }
            Err(fault) => {
                telemetry.failures.add(1);
                Err(fault.to_string().into())
            }
        }
    }

    /// Says what became of the rows, and gives the writer back; or, to `go_on`, keeps it if more rows have gathered.
    /// Says whether it was kept.
    fn settle(&mut self, outcome: Result<(), Arc<str>>, go_on: bool) -> bool {
        let Some(writer) = self.writer.take() else { return false };
        let answers_wait = self.queue.config.sync != LogSync::None;
        let mut decided = None;

        let mut state = self.queue.state();
        state.rotation_problem = writer.rotation_problem().cloned();
        // It is noted before anyone who waits can tell of it.
        let news = state.note(outcome.clone().err());
        if let Some(rows) = self.rows.take() {
            if outcome.is_ok() || answers_wait {
                state.alone = if rows.appends == 1 { state.alone.saturating_add(1) } else { 0 };
                state.recycle(rows.bytes);
                decided = Some(rows.batch);
            } else {
                state.put_back(rows);
            }
        }
        let more = !state.gathered.bytes.is_empty();
        let next = more.then(|| Arc::clone(&state.gathered.batch));
        let goes_on = more && go_on && (outcome.is_ok() || answers_wait);
        if let Some(batch) = &decided {
            batch.decide(outcome);
        }
        if goes_on {
            state.writer = Seat::Taken(0, Instant::now());
            self.writer = Some(writer);
        } else {
            state.writer = Seat::Free(writer);
        }
        drop(state);

        if let Some(batch) = decided {
            batch.news.notify_waiters();
        }
        if !goes_on {
            if let Some(next) = next {
                next.news.notify_one();
            }
            self.queue.released.notify_waiters();
        }
        news.into_iter().for_each(News::tell);
        goes_on
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.settle(Err("writing was broken off".into()), false);
    }
}
