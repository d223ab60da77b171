//! The right to commit: held by one task at a time.

use super::ticket::Ticket;
use super::{Commit, CommitError, Shared, Slot, Weight};
use std::sync::Arc;
use std::time::Instant;

/// The writer, taken out of its slot. Dropped, also by a panic, it is put back and the next task is woken.
pub(super) struct WriterGuard<C: Commit> {
    shared: Arc<Shared<C>>,
    committer: Option<Box<C>>,
}

/// The tickets of items that were taken out of the queue. Dropped unsettled, by a panic, they are rejected: no task waits
/// in vain.
struct Batch<C: Commit>(Vec<Arc<Ticket<C>>>);

impl<C: Commit> WriterGuard<C> {
    /// Takes the writer if it is free.
    pub(super) fn claim(shared: &Arc<Shared<C>>) -> Option<Self> {
        let mut state = shared.state();
        match std::mem::replace(&mut state.slot, Slot::Busy { since: Instant::now(), rows: 0 }) {
            Slot::Free(committer) => Some(WriterGuard { shared: Arc::clone(shared), committer: Some(committer) }),
            other => {
                state.slot = other;
                None
            }
        }
    }

    /// Commits what is queued, once.
    pub(super) fn commit_once(mut self) {
        let settled = self.commit();
        // The writer is free before the tasks go on, so that the first of them can take it.
        drop(self);
        settled();
    }

    /// Commits until the queue is empty.
    pub(super) fn commit_all(mut self) {
        loop {
            let settled = self.commit();
            settled();
            if self.shared.state().queue.is_empty() {
                return;
            }
        }
    }

    pub(super) fn maintain(mut self) {
        let Some(committer) = &mut self.committer else { return };
        let maintained = committer.maintain();
        self.note(maintained.err().map(|fault| fault.to_string().into()));
        self.commit_all();
    }

    pub(super) fn exclusively<T>(mut self, work: impl FnOnce(&mut C) -> Result<T, C::Fault>) -> Result<T, CommitError> {
        self.commit()();
        let committer = self.committer.as_mut().ok_or(CommitError::Closed)?;
        work(committer).map_err(|fault| CommitError::Unavailable(fault.to_string().into()))
    }

    pub(super) fn close(mut self) -> Result<(), CommitError> {
        self.commit()();
        let closed = self.committer.take().map(|mut committer| committer.close());
        self.shared.state().slot = Slot::Gone;
        self.shared.released.notify_waiters();
        closed.unwrap_or(Ok(())).map_err(|fault| CommitError::Unavailable(fault.to_string().into()))
    }

    /// Commits what is queued. What it returns tells the tasks.
    fn commit(&mut self) -> impl FnOnce() + use<C> {
        let (mut batch, items) = self.take_queued();
        let committed = match &mut self.committer {
            Some(committer) if !items.is_empty() => Some(committer.commit(items)),
            _ => None,
        };
        let outcome = committed.map(|committed| committed.map_err(|fault| Arc::<str>::from(fault.to_string())));
        if let Some(outcome) = &outcome {
            // Noted before any task can tell of it.
            self.note(outcome.as_ref().err().cloned());
        }
        move || match outcome {
            None => {}
            Some(Ok(receipts)) => batch.settle(receipts.into_iter().map(Ok)),
            Some(Err(fault)) => batch.reject(fault),
        }
    }

    fn take_queued(&mut self) -> (Batch<C>, Vec<C::Item>) {
        let mut state = self.shared.state();
        let queue = std::mem::take(&mut state.queue);
        let rows = state.queued.rows;
        state.queued = Weight { rows: 0, bytes: 0 };
        state.slot = Slot::Busy { since: Instant::now(), rows };
        // While the state is locked no item can be withdrawn.
        let (tickets, items) =
            queue.into_iter().filter_map(|ticket| ticket.take().map(|item| (ticket, item))).collect();
        (Batch(tickets), items)
    }

    /// Notes the outcome of a commit or of maintenance.
    fn note(&self, fault: Option<Arc<str>>) {
        let mut state = self.shared.state();
        state.slot = Slot::Busy { since: Instant::now(), rows: 0 };
        let before = std::mem::replace(&mut state.fault, fault.clone());
        drop(state);
        // Told while nothing is locked: standard error may be slow.
        match (before, fault) {
            (None, Some(fault)) => tracing::error!("predictions cannot be logged: {fault}"),
            (Some(_), None) => tracing::info!("predictions are logged again"),
            _ => {}
        }
    }
}

impl<C: Commit> Drop for WriterGuard<C> {
    fn drop(&mut self) {
        if let Some(committer) = self.committer.take() {
            self.shared.state().slot = Slot::Free(committer);
            self.shared.released.notify_waiters();
            self.shared.wake_next();
        }
    }
}

impl<C: Commit> Batch<C> {
    fn settle(&mut self, outcomes: impl Iterator<Item = Result<C::Receipt, CommitError>>) {
        for (ticket, outcome) in self.0.drain(..).zip(outcomes) {
            ticket.settle(outcome);
        }
    }

    fn reject(&mut self, fault: Arc<str>) {
        self.settle(std::iter::repeat_with(|| Err(CommitError::Unavailable(Arc::clone(&fault)))));
    }
}

impl<C: Commit> Drop for Batch<C> {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            self.reject("writing was broken off".into());
        }
    }
}
