//! Group commit: what arrives while a batch is being committed forms the next batch.
//!
//! There is no writer thread. The task that finds the writer free takes it and commits everything that is queued, its own
//! item included; the others wait for their receipt. Handing each item to a thread and waking the task again would cost
//! more than copying a line into the page cache does. Where a commit waits for the disk ([`Placement::Blocking`]) it runs
//! on a blocking thread, which goes on until the queue is empty.
//!
//! **Cancelling is safe at every await.** An item whose task gives up while it is queued is withdrawn: it is as if it had
//! never come. One that is being committed when its task gives up is committed or not, whole; the task that still asks
//! learns [`CommitError::Unknown`].

mod error;
mod ticket;
mod writer;

#[cfg(test)]
mod tests;

pub use error::CommitError;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use ticket::{Ticket, Waiting};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};
use writer::WriterGuard;

/// How long one commit may take before further items are refused at once.
const STALL: Duration = Duration::from_secs(2);

/// What is done with a batch. One batch is committed at a time.
pub trait Commit: Send + 'static {
    /// What a task submits.
    type Item: Send + 'static;
    /// What it is given once its item is committed.
    type Receipt: Send + 'static;
    /// Why a batch cannot be committed.
    type Fault: std::error::Error;

    /// Commits all `items` or none; one receipt an item, in order.
    ///
    /// # Errors
    /// If none of them is committed, now or later.
    fn commit(&mut self, items: Vec<Self::Item>) -> Result<Vec<Self::Receipt>, Self::Fault>;

    /// Does what is due without an item, and finds out whether a batch that failed would succeed now.
    ///
    /// # Errors
    /// If it would not.
    fn maintain(&mut self) -> Result<(), Self::Fault>;

    /// Writes what is still held back, and lets go of everything.
    ///
    /// # Errors
    /// If what was promised could not be kept.
    fn close(&mut self) -> Result<(), Self::Fault>;
}

/// Where a commit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In the task that submits: for commits that do not wait.
    Inline,
    /// On a blocking thread: for commits that wait for a disk.
    Blocking,
}

/// How a group commit works.
#[derive(Debug, Clone, Copy)]
pub struct GroupCommitConfig {
    /// Where commits run.
    pub placement: Placement,
    /// Bytes that may be queued before further items are refused. One item alone may be larger.
    pub max_queue_bytes: usize,
    /// How often [`Commit::maintain`] is called.
    pub maintenance: Duration,
}

/// How much an item adds to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Rows.
    pub rows: u64,
    /// Bytes, about.
    pub bytes: usize,
}

/// A handle; clones submit to the same writer.
pub struct GroupCommit<C: Commit>(Arc<Shared<C>>);

impl<C: Commit> Clone for GroupCommit<C> {
    fn clone(&self) -> Self {
        GroupCommit(Arc::clone(&self.0))
    }
}

struct Shared<C: Commit> {
    state: Mutex<State<C>>,
    config: GroupCommitConfig,
    /// The writer is free, or gone.
    released: Notify,
    /// Where the group commit was made: its blocking threads are used.
    runtime: Handle,
}

struct State<C: Commit> {
    queue: VecDeque<Arc<Ticket<C>>>,
    queued: Weight,
    slot: Slot<C>,
    /// Why items are refused, if the last commit or maintenance failed.
    fault: Option<Arc<str>>,
    closed: bool,
}

/// Where the writer is.
enum Slot<C> {
    Free(Box<C>),
    /// It commits this many rows, since then.
    Busy {
        since: Instant,
        rows: u64,
    },
    Gone,
}

/// The state of a group commit at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStatus {
    /// Why the next item would be refused.
    pub refusal: Option<CommitError>,
    /// Rows that are queued or being committed.
    pub rows: u64,
}

impl<C: Commit> GroupCommit<C> {
    /// Commits with `committer`. Must be called within a tokio runtime, which then calls for maintenance.
    pub fn new(committer: C, config: GroupCommitConfig) -> Self {
        let state = State {
            queue: VecDeque::new(),
            queued: Weight { rows: 0, bytes: 0 },
            slot: Slot::Free(Box::new(committer)),
            fault: None,
            closed: false,
        };
        let (state, released) = (Mutex::new(state), Notify::new());
        let shared = Arc::new(Shared { state, config, released, runtime: Handle::current() });
        tokio::spawn(maintain(Arc::downgrade(&shared), config.maintenance));
        GroupCommit(shared)
    }

    /// Has `item` committed and gives its receipt, within `limit`.
    ///
    /// # Errors
    /// A [`CommitError`], which says whether the item may still be committed.
    pub async fn submit(&self, item: C::Item, weight: Weight, limit: Duration) -> Result<C::Receipt, CommitError> {
        let waiting = self.0.push(item, weight)?;
        match timeout(limit, self.settled(&waiting)).await {
            Ok(outcome) => outcome,
            Err(_) => waiting.give_up(limit),
        }
    }

    async fn settled(&self, waiting: &Waiting<C>) -> Result<C::Receipt, CommitError> {
        let mut yielded = false;
        loop {
            if let Some(outcome) = waiting.outcome() {
                return outcome;
            }
            match (WriterGuard::claim(&self.0), self.0.config.placement) {
                (Some(writer), Placement::Inline) => writer.commit_once(),
                (Some(writer), Placement::Blocking) => {
                    drop(self.0.runtime.spawn_blocking(move || writer.commit_all()));
                    waiting.changed().await;
                }
                // Mostly the commit in progress is over at once, and waking this task would take longer.
                (None, _) if !yielded => {
                    yielded = true;
                    tokio::task::yield_now().await;
                }
                (None, _) => waiting.changed().await,
            }
        }
    }

    /// Commits what is queued, then gives `work` the committer to itself, on a blocking thread.
    ///
    /// # Errors
    /// [`CommitError::Closed`], or [`CommitError::Unavailable`] if `work` fails.
    pub async fn exclusively<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut C) -> Result<T, C::Fault> + Send + 'static,
    ) -> Result<T, CommitError> {
        let writer = self.acquire().await.ok_or(CommitError::Closed)?;
        let done = self.0.runtime.spawn_blocking(move || writer.exclusively(work));
        // The runtime drops the work unfinished only when it stops itself.
        done.await.unwrap_or(Err(CommitError::Closed))
    }

    /// Refuses further items, commits those that are queued, and closes the committer. Closing again does nothing.
    ///
    /// # Errors
    /// If what was promised could not be kept.
    pub async fn close(&self) -> Result<(), CommitError> {
        self.0.state().closed = true;
        let Some(writer) = self.acquire().await else { return Ok(()) };
        let closed = self.0.runtime.spawn_blocking(move || writer.close());
        closed.await.unwrap_or(Err(CommitError::Closed))
    }

    /// The writer, once it is free; `None` if it is gone.
    async fn acquire(&self) -> Option<WriterGuard<C>> {
        loop {
            let released = self.0.released.notified();
            if let Some(writer) = WriterGuard::claim(&self.0) {
                return Some(writer);
            }
            if matches!(self.0.state().slot, Slot::Gone) {
                return None;
            }
            released.await;
        }
    }

    /// The state of the queue.
    pub fn status(&self) -> QueueStatus {
        let state = self.0.state();
        let busy = if let Slot::Busy { rows, .. } = state.slot { rows } else { 0 };
        QueueStatus { refusal: state.refusal(), rows: state.queued.rows + busy }
    }
}

impl<C: Commit> Shared<C> {
    /// A panic elsewhere leaves the state whole: it is changed in steps that cannot fail.
    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, item: C::Item, weight: Weight) -> Result<Waiting<C>, CommitError> {
        let mut state = self.state();
        let queued_bytes = state.queued.bytes;
        let refusal = state.refusal().or_else(|| {
            let full = queued_bytes > 0 && queued_bytes + weight.bytes > self.config.max_queue_bytes;
            full.then_some(CommitError::Full { queued_bytes })
        });
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let ticket = Arc::new(Ticket::new(item, weight));
        state.queued += weight;
        state.queue.push_back(Arc::clone(&ticket));
        drop(state);
        Ok(Waiting::new(Arc::clone(self), ticket))
    }

    /// Wakes the task that waits longest, so that it takes the writer, which is free.
    fn wake_next(&self) {
        let mut state = self.state();
        while state.queue.front().is_some_and(|ticket| ticket.is_withdrawn()) {
            state.queue.pop_front();
        }
        if let (Slot::Free(_), Some(next)) = (&state.slot, state.queue.front()) {
            next.wake();
        }
    }
}

impl<C: Commit> State<C> {
    fn refusal(&self) -> Option<CommitError> {
        if self.closed {
            return Some(CommitError::Closed);
        }
        if let Some(fault) = &self.fault {
            return Some(CommitError::Unavailable(Arc::clone(fault)));
        }
        match self.slot {
            Slot::Busy { since, .. } if since.elapsed() > STALL => {
                Some(CommitError::Stalled { seconds: since.elapsed().as_secs() })
            }
            _ => None,
        }
    }
}

impl std::ops::AddAssign for Weight {
    fn add_assign(&mut self, other: Weight) {
        self.rows += other.rows;
        self.bytes += other.bytes;
    }
}

impl std::ops::SubAssign for Weight {
    fn sub_assign(&mut self, other: Weight) {
        self.rows -= other.rows;
        self.bytes -= other.bytes;
    }
}

async fn maintain<C: Commit>(shared: Weak<Shared<C>>, period: Duration) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade().filter(|shared| !shared.state().closed) else { return };
        if let Some(writer) = WriterGuard::claim(&shared) {
            drop(shared);
            // It ends early only if the runtime does.
            let _ = tokio::task::spawn_blocking(move || writer.maintain()).await;
        }
    }
}
