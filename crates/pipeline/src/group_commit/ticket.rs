//! One submitted item on its way to a receipt.

use super::{Commit, CommitError, Weight};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

pub(super) type Outcome<C> = Result<<C as Commit>::Receipt, CommitError>;

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

    /// The outcome, if it is there; it is handed over once.
    pub(super) fn outcome(&self) -> Option<Outcome<C>> {
        let mut stage = self.stage();
        match std::mem::replace(&mut *stage, Stage::Over) {
            Stage::Settled(outcome) => Some(outcome),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// Takes the item back if it is still queued. Says how much the queue holds less.
    pub(super) fn withdraw(&self) -> Option<Weight> {
        let mut stage = self.stage();
        let queued = matches!(*stage, Stage::Queued(_));
        if queued {
            *stage = Stage::Over;
        }
        queued.then_some(self.weight)
    }

    /// Completes when the outcome is there, or the writer is free to be taken.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        matches!(*self.stage(), Stage::Over)
    }
}
