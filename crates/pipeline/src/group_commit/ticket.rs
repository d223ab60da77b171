//! One submitted item on its way to a receipt.

use super::writer::WriterGuard;
use super::{Commit, CommitError, Placement, Shared, Weight};
use crate::late_timeout::late_timeout;
use std::pin::pin;
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

/// An item that is queued. Dropped before it is being committed, it is withdrawn.
#[must_use = "dropped, the item is withdrawn"]
pub struct Queued<C: Commit> {
    shared: Arc<Shared<C>>,
    ticket: Arc<Ticket<C>>,
    /// Whether others are likely to join its batch.
    company: bool,
    /// The outcome was handed over.
    over: bool,
}

impl<C: Commit> Queued<C> {
    pub(super) fn new(shared: Arc<Shared<C>>, ticket: Arc<Ticket<C>>, company: bool) -> Self {
        Queued { shared, ticket, company, over: false }
    }

    /// Has the item committed, and gives its receipt within `limit`.
    ///
    /// # Errors
    /// A [`CommitError`], which says whether the item may still be committed.
    pub async fn receipt(mut self, limit: Duration) -> Result<C::Receipt, CommitError> {
        let settled = late_timeout(limit, pin!(self.settled())).await;
        settled.unwrap_or_else(|_| self.give_up(limit))
    }

    async fn settled(&mut self) -> Outcome<C> {
        let placement = self.shared.config.placement;
        if self.company && placement == Placement::Inline {
            // The tasks that are ready queue theirs, so that one commit serves all of them.
            tokio::task::yield_now().await;
        }
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            match (WriterGuard::claim(&self.shared), placement) {
                (Some(writer), Placement::Inline) => {
                    writer.commit_once();
                    continue;
                }
                (Some(writer), Placement::Blocking) => {
                    drop(self.shared.runtime.spawn_blocking(move || writer.commit_all()));
                }
                (None, _) => {}
            }
            self.ticket.changed.notified().await;
        }
    }

    fn outcome(&mut self) -> Option<Outcome<C>> {
        let mut stage = self.ticket.stage();
        match std::mem::replace(&mut *stage, Stage::Over) {
            Stage::Settled(outcome) => {
                self.over = true;
                Some(outcome)
            }
            other => {
                *stage = other;
                None
            }
        }
    }

    /// The outcome after the time limit.
    fn give_up(&mut self, limit: Duration) -> Outcome<C> {
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

impl<C: Commit> Drop for Queued<C> {
    fn drop(&mut self) {
        // This task may have been the one that was woken to take the writer.
        if !self.over && self.withdraw() {
            self.shared.state().wake_next();
        }
    }
}
