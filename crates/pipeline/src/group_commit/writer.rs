//! The right to commit: held by one task at a time.

use super::ticket::Ticket;
use super::{Commit, CommitError, Shared, Slot, State, Weight};
use std::sync::Arc;
use std::time::Instant;

/// The writer, taken out of its slot together with what was queued. Dropped, also by a panic, it is put back and the next
/// task is woken.
pub(super) struct WriterGuard<C: Commit> {
    shared: Arc<Shared<C>>,
    committer: Option<Box<C>>,
    batch: Batch<C>,
    items: Vec<C::Item>,
}

/// The tickets of items that were taken out of the queue. Dropped unsettled, by a panic, they are rejected: no task waits
/// in vain.
struct Batch<C: Commit>(Vec<Arc<Ticket<C>>>);

/// What became of a batch; `None` if it was empty.
type Outcome<C> = Option<Result<Vec<<C as Commit>::Receipt>, Arc<str>>>;

impl<C: Commit> WriterGuard<C> {
    /// Takes the writer, if it is free, and what is queued.
    pub(super) fn claim(shared: &Arc<Shared<C>>) -> Option<Self> {
        let mut state = shared.state();
        let busy = Slot::Busy { since: Instant::now(), rows: state.queued.rows };
        match std::mem::replace(&mut state.slot, busy) {
            Slot::Free(committer) => {
                let (batch, items) = take_queued(&mut state);
                Some(WriterGuard { shared: Arc::clone(shared), committer: Some(committer), batch, items })
            }
            other => {
                state.slot = other;
                None
            }
        }
    }

    /// Commits what was queued.
    pub(super) fn commit_once(mut self) {
        let outcome = self.commit();
        let mut batch = std::mem::replace(&mut self.batch, Batch(Vec::new()));
        // The fault is noted before any task can tell of it, and the writer is free before any goes on.
        let fault = outcome.as_ref().map(|outcome| outcome.as_ref().err().cloned());
        self.release(fault);
        batch.settle_all(outcome);
    }

    /// Commits until the queue is empty.
    pub(super) fn commit_all(mut self) {
        while !self.items.is_empty() {
            self.commit_and_settle();
            let mut state = self.shared.state();
            state.slot = Slot::Busy { since: Instant::now(), rows: state.queued.rows };
            (self.batch, self.items) = take_queued(&mut state);
        }
    }

    pub(super) fn maintain(mut self) {
        let Some(committer) = &mut self.committer else { return };
        let maintained = committer.maintain();
        self.note(maintained.err().map(|fault| fault.to_string().into()));
        self.commit_all();
    }

    pub(super) fn exclusively<T>(mut self, work: impl FnOnce(&mut C) -> Result<T, C::Fault>) -> Result<T, CommitError> {
        self.commit_and_settle();
        let committer = self.committer.as_mut().ok_or(CommitError::Closed)?;
        work(committer).map_err(|fault| CommitError::Unavailable(fault.to_string().into()))
    }

    pub(super) fn close(mut self) -> Result<(), CommitError> {
        self.commit_and_settle();
        let closed = self.committer.take().map(|mut committer| committer.close());
        self.shared.state().slot = Slot::Gone;
        self.shared.released.notify_waiters();
        closed.unwrap_or(Ok(())).map_err(|fault| CommitError::Unavailable(fault.to_string().into()))
    }

    fn commit_and_settle(&mut self) {
        let outcome = self.commit();
        if let Some(outcome) = &outcome {
            self.note(outcome.as_ref().err().cloned());
        }
        self.batch.settle_all(outcome);
    }

    fn commit(&mut self) -> Outcome<C> {
        let items = std::mem::take(&mut self.items);
        if items.is_empty() {
            return None;
        }
        let committed = self.committer.as_mut()?.commit(items);
        Some(committed.map_err(|fault| fault.to_string().into()))
    }

    /// Notes how a commit or maintenance ended.
    fn note(&self, fault: Option<Arc<str>>) {
        let mut state = self.shared.state();
        state.slot = Slot::Busy { since: Instant::now(), rows: 0 };
        let before = std::mem::replace(&mut state.fault, fault.clone());
        drop(state);
        tell(before, fault);
    }

    /// Puts the writer back, with how a commit ended if there was one, and wakes the next task.
    fn release(&mut self, ended: Option<Option<Arc<str>>>) {
        let Some(committer) = self.committer.take() else { return };
        let mut state = self.shared.state();
        state.slot = Slot::Free(committer);
        let before = ended.as_ref().and_then(|fault| std::mem::replace(&mut state.fault, fault.clone()));
        state.wake_next();
        drop(state);
        self.shared.released.notify_waiters();
        if let Some(fault) = ended {
            tell(before, fault);
        }
    }
}

/// Takes what is queued. While the state is locked no item can be withdrawn.
fn take_queued<C: Commit>(state: &mut State<C>) -> (Batch<C>, Vec<C::Item>) {
    let queue = std::mem::take(&mut state.queue);
    state.queued = Weight { rows: 0, bytes: 0 };
    match queue.len() {
        0 => {}
        1 => state.alone = state.alone.saturating_add(1),
        _ => state.alone = 0,
    }
    let (tickets, items) = queue.into_iter().filter_map(|ticket| ticket.take().map(|item| (ticket, item))).collect();
    (Batch(tickets), items)
}

/// Tells the operator that a fault began or ended, while nothing is locked: standard error may be slow.
fn tell(before: Option<Arc<str>>, now: Option<Arc<str>>) {
    match (before, now) {
        (None, Some(fault)) => tracing::error!("predictions cannot be logged: {fault}"),
        (Some(_), None) => tracing::info!("predictions are logged again"),
        _ => {}
    }
}

impl<C: Commit> Drop for WriterGuard<C> {
    fn drop(&mut self) {
        self.release(None);
    }
}

impl<C: Commit> Batch<C> {
    fn settle_all(&mut self, outcome: Outcome<C>) {
        match outcome {
            None => {}
            Some(Ok(receipts)) => self.settle(receipts.into_iter().map(Ok)),
            Some(Err(fault)) => self.reject(fault),
        }
    }

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
