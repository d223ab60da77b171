//! The prediction log: an answered prediction is in it, once, whatever happens.
//!
//! **The promise.** [`PredictionLog::append`] returns when the rows are as safe as [`LogSync`] asks: taken by the system
//! (`write`: they survive the death of the process), on the disk (`fsync`: they survive the loss of power), or gathered
//! in memory and written within 100 ms (`none`). An append that fails has left nothing in the file and never will; one
//! that is given up (its future dropped) may or may not be logged, whole.
//!
//! **Group commit without a thread.** Rows gather in one buffer. Whoever finds the writer free takes it, together with
//! all rows that have gathered, and writes them with one call; those that come meanwhile are the next batch. For
//! `write` this happens inside the append itself, because handing a row to a thread and waking the request again costs
//! more than copying a line into the page cache. Where batches have lately held several appends, an append first lets
//! the other requests that are ready run, so that they share a write. For `fsync` the writer works on a blocking thread
//! until nothing has gathered any more.
//!
//! **A disk that hangs.** With `write`, a call that does not return holds the thread that made it, with the connections it
//! serves, and no lock: other threads serve other requests (there are two at least), appends wait until their request's
//! time limit, and from two seconds on they are refused at once.
//!
//! **A disk that fails.** What was half written is cut off, at the latest before the next batch. Rows are refused until
//! a probe, four times a second, shows that a batch of that size could be written again.
//!
//! **A file taken away.** After each batch and before it is answered, the file is asked for its links and its length: if
//! it was deleted, replaced or emptied, the batch is taken back and written to a new file. That costs 0.7 µs beside the
//! 1.0 µs of the write; looking up the path would cost 2 to 3 µs. So a rename, after which the rows still exist, is looked
//! for at most every 5 ms; until then rows go to the renamed file.
//!
//! **Beside the log** `predictions_log.csv`: the rotated parts `predictions_log.000001.csv` and so on, the lock
//! `predictions_log.lock`, torn ends `predictions_log.1.torn`, logs of other columns `predictions_log.set-aside-1.csv`,
//! and for a moment `predictions_log.new`, which becomes the log once its header is whole.

mod config;
mod disk;
mod fault;
mod header;
mod lock;
mod queue;
mod recover;
mod telemetry;
mod writer;

#[cfg(test)]
mod tests;

pub use config::{LogConfig, LogPolicy, LogSync};
pub use fault::{AppendError, LogFault};
pub use telemetry::{LATENCY_BOUNDS, Latency, LogStatus};

use disk::{Disk, RealDisk, outlive_file_size_limits};
use header::Header;
use queue::Queue;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;
use telemetry::Telemetry;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::PredictionRecord;
use writer::Writer;

/// A handle on the log; clones write to the same.
#[derive(Clone)]
pub struct PredictionLog {
    queue: Arc<Queue>,
    n_features: usize,
    /// Where the log was opened. Its threads that may block are not those that score.
    runtime: Handle,
}

impl PredictionLog {
    /// Opens the log for predictions on these features, and locks it. A torn last line is cut off and kept aside, and so
    /// is a file of other columns. Creates folder and file if need be.
    ///
    /// Must be called within a tokio runtime, which then does what is due without a request.
    ///
    /// # Errors
    /// [`LogFault::Locked`] if another service writes this log; else what the system said.
    pub fn open(config: LogConfig, features: &FeatureSet) -> Result<Self, LogFault> {
        Self::open_on(config, features, Arc::new(RealDisk))
    }

    fn open_on(config: LogConfig, features: &FeatureSet, disk: Arc<dyn Disk>) -> Result<Self, LogFault> {
        outlive_file_size_limits().map_err(LogFault::io("watch", &config.path))?;
        let telemetry = Arc::new(Telemetry::default());
        let writer = Writer::open(config.clone(), Header::new(features), disk, Arc::clone(&telemetry))?;
        let queue = Arc::new(Queue::new(writer, config, telemetry));
        tokio::spawn(tick(Arc::downgrade(&queue), Arc::clone(&queue.kick), queue.config.sync));
        Ok(PredictionLog { queue, n_features: features.len(), runtime: Handle::current() })
    }

    /// Appends rows in their order, all or none, and returns when they are as safe as [`LogConfig::sync`] asks.
    ///
    /// It has no time limit of its own. It may be dropped at any point; then the rows are logged whole or not at all.
    ///
    /// # Errors
    /// If the rows are not in the log; see [`AppendError`].
    pub async fn append(&self, records: &[PredictionRecord]) -> Result<(), AppendError> {
        if records.is_empty() {
            return Ok(());
        }
        let rows = self.encode(records)?;
        let (batch, wait_for_company) = self.queue.push(&rows, records.len() as u64)?;
        let sync = self.queue.config.sync;
        match sync {
            LogSync::None => return Ok(()),
            LogSync::Write if wait_for_company => requeue().await,
            _ => {}
        }
        loop {
            let news = batch.news.notified();
            if let Some(outcome) = batch.outcome() {
                return outcome;
            }
            match self.queue.lead() {
                Some(lead) if sync == LogSync::Write => {
                    lead.write();
                    continue;
                }
                Some(lead) => drop(self.runtime.spawn_blocking(move || lead.write_on())),
                None => {}
            }
            news.await;
        }
    }

    fn encode(&self, records: &[PredictionRecord]) -> Result<Vec<u8>, AppendError> {
        let mut rows = Vec::with_capacity(128 * records.len());
        for record in records {
            if record.values.len() != self.n_features {
                return Err(AppendError::Features { expected: self.n_features, found: record.values.len() });
            }
            record.append_to(&mut rows);
        }
        Ok(rows)
    }

    /// How the log is doing.
    pub fn status(&self) -> LogStatus {
        let queue = self.queue.status();
        let telemetry = &self.queue.telemetry;
        LogStatus {
            accepting: queue.refusal.is_none(),
            problem: queue
                .refusal
                .map(|refusal| refusal.to_string())
                .or(queue.rotation_problem.map(|it| it.to_string())),
            queued_rows: queue.rows,
            rows: telemetry.rows.get(),
            bytes: telemetry.bytes.get(),
            batches: telemetry.batches.get(),
            failures: telemetry.failures.get(),
            rotations: telemetry.rotations.get(),
            unlogged: telemetry.unlogged.get(),
            write_seconds: telemetry.write.snapshot(),
            sync_seconds: telemetry.sync.snapshot(),
        }
    }

    /// Counts predictions that were answered without being logged.
    pub fn count_unlogged(&self, predictions: u64) {
        self.queue.telemetry.unlogged.add(predictions);
    }

    /// Refuses further rows, writes those that were taken, and unlocks the log. Closing it again does nothing.
    ///
    /// # Errors
    /// If rows that were answered before they were written ([`LogSync::None`]) could not be.
    pub async fn close(&self) -> Result<(), AppendError> {
        self.queue.close().await
    }
}

/// Lets the tasks that are ready run first. `tokio::task::yield_now` also polls the system for events, which with 64
/// connections costs 12 % of the throughput.
async fn requeue() {
    let mut queued = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut queued, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Does what is due without a request, as long as the log is open: recovers, rotates by age, writes what nobody waits
/// for.
async fn tick(queue: Weak<Queue>, kick: Arc<Notify>, sync: LogSync) {
    let period = if sync == LogSync::None { Duration::from_millis(50) } else { Duration::from_millis(250) };
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = kick.notified() => {}
        }
        let Some(queue) = queue.upgrade().filter(|queue| !queue.is_closed()) else { return };
        if let Some(lead) = queue.lead() {
            drop(queue);
            // It ends early only if the runtime does.
            let _ = tokio::task::spawn_blocking(move || lead.maintain()).await;
        }
    }
}
