//! One submitted item on its way to a receipt.

use super::{Commit, CommitError, Shared, Weight};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

type Outcome<C> = Result<<C as Commit>::Receipt, CommitError>;

pub(super) struct Ticket<C: Commit> {
    stage: Mutex<Stage<C>>,
    /// The outcome is there, or the writer is free to be taken.
    changed: Notify,
    weight: Weight,
}

enum Stage<C: Commit> {
    Queued(C::Item),
    /// Being committed.
    Taken,
    Settled(Outcome<C>),
    /// The item was withdrawn, or its outcome was handed over.
    Over,
}

impl<C: Commit> Ticket<C> {
    pub(super) fn new(item: C::Item, weight: Weight) -> Self {
        Ticket { stage: Mutex::new(Stage::Queued(item)), changed: Notify::new(), weight }
    }

    fn stage(&self) -> MutexGuard<'_, Stage<C>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The item, to be committed; `None` if it was withdrawn.
    pub(super) fn take(&self) -> Option<C::Item> {
        let mut stage = self.stage();
        match std::mem::replace(&mut *stage, Stage::Taken) {
            Stage::Queued(item) => Some(item),
            other => {
                *stage = other;
                None
            }
        }
    }

    pub(super) fn settle(&self, outcome: Outcome<C>) {
        *self.stage() = Stage::Settled(outcome);
        self.wake();
    }

    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        matches!(*self.stage(), Stage::Over)
    }
}

/// A task that waits for its receipt. Dropped before it has one, it withdraws the item if that is still queued.
pub(super) struct Waiting<C: Commit> {
    shared: Arc<Shared<C>>,
    ticket: Arc<Ticket<C>>,
}

impl<C: Commit> Waiting<C> {
    pub(super) fn new(shared: Arc<Shared<C>>, ticket: Arc<Ticket<C>>) -> Self {
        Waiting { shared, ticket }
    }

    pub(super) async fn changed(&self) {
        self.ticket.changed.notified().await;
    }

    pub(super) fn outcome(&self) -> Option<Outcome<C>> {
        let mut stage = self.ticket.stage();
        match std::mem::replace(&mut *stage, Stage::Over) {
            Stage::Settled(outcome) => Some(outcome),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// The outcome after the time limit.
    pub(super) fn give_up(self, limit: Duration) -> Outcome<C> {
        if self.withdraw() {
            return Err(CommitError::TimedOut(limit));
        }
        self.outcome().unwrap_or(Err(CommitError::Unknown(limit)))
    }

    /// Takes the item back if it is still queued.
    fn withdraw(&self) -> bool {
        // Locked first, so that the writer does not count the item's weight off as well.
        let mut state = self.shared.state();
        let mut stage = self.ticket.stage();
        let queued = matches!(*stage, Stage::Queued(_));
        if queued {
            *stage = Stage::Over;
            state.queued -= self.ticket.weight;
        }
        queued
    }
}

impl<C: Commit> Drop for Waiting<C> {
    fn drop(&mut self) {
        // This task may have been the one that was woken to take the writer.
        if self.withdraw() {
            self.shared.wake_next();
        }
    }
}
