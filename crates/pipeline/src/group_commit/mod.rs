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
mod queued;
mod ticket;
mod writer;

#[cfg(test)]
mod tests;

pub use error::CommitError;
pub use queued::Queued;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use ticket::Ticket;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use writer::WriterGuard;

/// How long one commit may take before further items are refused at once.
const STALL: Duration = Duration::from_secs(2);

/// After how many batches of one item each no other task is expected to submit at the same time.
const ALONE: u32 = 4;

/// Every how many such batches others are given the chance to join all the same.
const LOOK_EVERY: u32 = 64;

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
    /// How many batches in a row held one item only.
    alone: u32,
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
            alone: 0,
        };
        let (state, released) = (Mutex::new(state), Notify::new());
        let shared = Arc::new(Shared { state, config, released, runtime: Handle::current() });
        tokio::spawn(maintain(Arc::downgrade(&shared), config.maintenance));
        GroupCommit(shared)
    }

    /// Queues `item`; [`Queued::receipt`] has it committed.
    ///
    /// # Errors
    /// If the item is refused; it is not committed.
    pub fn queue(&self, item: C::Item, weight: Weight) -> Result<Queued<C>, CommitError> {
        self.0.push(item, weight)
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

    fn push(self: &Arc<Self>, item: C::Item, weight: Weight) -> Result<Queued<C>, CommitError> {
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
        let company = state.expects_company();
        drop(state);
        Ok(Queued::new(Arc::clone(self), ticket, company))
    }
}

impl<C: Commit> State<C> {
    /// Wakes the task that waits longest, so that it takes the writer, if that is free.
    fn wake_next(&mut self) {
        while self.queue.front().is_some_and(|ticket| ticket.is_withdrawn()) {
            self.queue.pop_front();
        }
        if let (Slot::Free(_), Some(next)) = (&self.slot, self.queue.front()) {
            next.wake();
        }
    }

    fn expects_company(&self) -> bool {
        self.alone < ALONE || self.alone.is_multiple_of(LOOK_EVERY)
    }

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
