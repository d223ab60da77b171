//! An item that is queued, seen from the task that waits for its receipt.

use super::ticket::{Outcome, Ticket};
use super::writer::WriterGuard;
use super::{Commit, CommitError, Placement, Shared};
use crate::late_timeout::late_timeout;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

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
        if self.company && self.shared.config.placement == Placement::Inline {
            // The tasks that are ready queue theirs, so that one commit serves all of them.
            reschedule().await;
        }
        let settled = late_timeout(limit, pin!(self.settled())).await;
        settled.unwrap_or_else(|_| self.give_up(limit))
    }

    async fn settled(&mut self) -> Outcome<C> {
        let placement = self.shared.config.placement;
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
            self.ticket.changed().await;
        }
    }

    fn outcome(&mut self) -> Option<Outcome<C>> {
        let outcome = self.ticket.outcome();
        self.over = outcome.is_some();
        outcome
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
        let withdrawn = self.ticket.withdraw();
        if let Some(weight) = withdrawn {
            state.queued -= weight;
            // This task may have been the one that was woken to take the writer.
            state.wake_next();
        }
        withdrawn.is_some()
    }
}

impl<C: Commit> Drop for Queued<C> {
    fn drop(&mut self) {
        if !self.over {
            self.withdraw();
        }
    }
}

/// Puts this task behind those that are ready. `tokio::task::yield_now` also looks for new input first, which takes a system
/// call for every request.
async fn reschedule() {
    let mut rescheduled = false;
    poll_fn(|cx| {
        if rescheduled {
            return Poll::Ready(());
        }
        rescheduled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
