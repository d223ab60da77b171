//! Rows on their way to the writer: they gather while it writes, and whoever finds it free takes all of them along.

mod lead;

use super::config::{LogConfig, LogSync};
use super::fault::AppendError;
use super::telemetry::Telemetry;
use super::writer::Writer;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

use lead::Lead;

/// How long a write may take before further rows are refused at once.
const STALL: Duration = Duration::from_secs(2);

/// From how many bytes on rows that were answered are written before the next tick.
const KICK_BYTES: usize = 256 << 10;

/// How large a buffer is kept for the next batch.
const SPARE_BYTES: usize = 1 << 20;

/// How many batches of a single append show that nobody else is about to append.
const ALONE: u32 = 4;

/// How often company is looked for all the same.
const LOOK_EVERY: u32 = 64;

pub(super) struct Queue {
    state: Mutex<State>,
    pub(super) config: LogConfig,
    pub(super) telemetry: Arc<Telemetry>,
    /// There is work before the next tick.
    pub(super) kick: Arc<Notify>,
    /// The writer is free, or gone.
    released: Notify,
}

struct State {
    gathered: Gathered,
    /// Empty, with room: what the batch before the last was gathered in.
    spare: Vec<u8>,
    writer: Seat,
    /// What is wrong with the log, for people; while it is, rows are refused.
    fault: Option<Arc<str>>,
    rotation_problem: Option<Arc<str>>,
    closed: bool,
    /// How many batches in a row held one append only.
    alone: u32,
}

/// Where the writer is.
enum Seat {
    Free(Box<Writer>),
    /// It writes this many rows, since then.
    Taken(u64, Instant),
    /// The log is closed.
    Gone,
}

/// Rows that will be written together.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    rows: u64,
    appends: u32,
    batch: Arc<Batch>,
}

/// What became of a batch, for all who wait for it.
#[derive(Default)]
pub(super) struct Batch {
    outcome: OnceLock<Result<(), Arc<str>>>,
    /// It is decided, or (to one of them) the writer is free to be led.
    pub(super) news: Notify,
}

impl Batch {
    fn decide(&self, outcome: Result<(), Arc<str>>) {
        // It is decided once; whoever comes second has nothing to say.
        let _ = self.outcome.set(outcome);
    }

    pub(super) fn outcome(&self) -> Option<Result<(), AppendError>> {
        self.outcome.get().map(|outcome| outcome.clone().map_err(AppendError::Unavailable))
    }
}

/// What the queue is like at one moment.
pub(super) struct QueueStatus {
    pub(super) refusal: Option<AppendError>,
    pub(super) rotation_problem: Option<Arc<str>>,
    pub(super) rows: u64,
}

impl Queue {
    pub(super) fn new(writer: Writer, config: LogConfig, telemetry: Arc<Telemetry>) -> Self {
        let state = State {
            gathered: Gathered::default(),
            spare: Vec::new(),
            writer: Seat::Free(Box::new(writer)),
            fault: None,
            rotation_problem: None,
            closed: false,
            alone: 0,
        };
        let (kick, released) = (Arc::new(Notify::new()), Notify::new());
        Queue { state: Mutex::new(state), config, telemetry, kick, released }
    }

    /// A panic elsewhere leaves the state whole: it is changed in steps that cannot fail.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows to those that gather. Says which batch they will be in, and whether others are likely to join it.
    pub(super) fn push(&self, bytes: &[u8], rows: u64) -> Result<(Arc<Batch>, bool), AppendError> {
        let mut state = self.state();
        if let Some(refusal) = state.refusal(&self.config) {
            return Err(refusal);
        }
        let queued_bytes = state.gathered.bytes.len();
        if queued_bytes > 0 && queued_bytes + bytes.len() > self.config.max_queue_bytes {
            return Err(AppendError::Full { queued_bytes });
        }
        state.gathered.bytes.extend_from_slice(bytes);
        state.gathered.rows += rows;
        state.gathered.appends += 1;
        if self.config.sync == LogSync::None && queued_bytes + bytes.len() >= KICK_BYTES {
            self.kick.notify_one();
        }
        Ok((Arc::clone(&state.gathered.batch), state.alone < ALONE || state.alone.is_multiple_of(LOOK_EVERY)))
    }

    /// Takes the writer unless someone else has it.
    pub(super) fn lead(self: &Arc<Self>) -> Option<Lead> {
        let writer = self.state().take_writer()?;
        Some(Lead::new(Arc::clone(self), writer))
    }

    /// Refuses rows from now on, and has those that were taken written.
    pub(super) async fn close(self: &Arc<Self>) -> Result<(), AppendError> {
        self.state().closed = true;
        self.kick.notify_one();
        loop {
            let released = self.released.notified();
            if let Some(lead) = self.lead() {
                // Should the runtime stop first, dropping the lead writes nothing, and its rows were not answered.
                let finished = tokio::task::spawn_blocking(move || lead.finish()).await;
                return finished.unwrap_or(Err(AppendError::Closed));
            }
            if matches!(self.state().writer, Seat::Gone) {
                return Ok(());
            }
            released.await;
        }
    }

    #[cfg(test)]
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.state().writer, Seat::Taken(..))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub(super) fn status(&self) -> QueueStatus {
        let state = self.state();
        let writing = if let Seat::Taken(rows, _) = state.writer { rows } else { 0 };
        QueueStatus {
            refusal: state.refusal(&self.config),
            rotation_problem: state.rotation_problem.clone(),
            rows: state.gathered.rows + writing,
        }
    }
}

impl State {
    fn refusal(&self, config: &LogConfig) -> Option<AppendError> {
        if self.closed {
            return Some(AppendError::Closed);
        }
        if let Some(fault) = &self.fault {
            return Some(AppendError::Unavailable(Arc::clone(fault)));
        }
        if let Seat::Taken(_, since) = &self.writer
            && since.elapsed() > STALL
        {
            let path = config.path.display();
            let stalled =
                format!("writing to {path} has not returned for {} s; check its disk", since.elapsed().as_secs());
            return Some(AppendError::Unavailable(stalled.into()));
        }
        None
    }

    fn take_writer(&mut self) -> Option<Box<Writer>> {
        match std::mem::replace(&mut self.writer, Seat::Taken(0, Instant::now())) {
            Seat::Free(writer) => Some(writer),
            other => {
                self.writer = other;
                None
            }
        }
    }

    fn take_gathered(&mut self) -> Option<Gathered> {
        if self.gathered.bytes.is_empty() {
            return None;
        }
        if let Seat::Taken(rows, _) = &mut self.writer {
            *rows = self.gathered.rows;
        }
        let next = Gathered { bytes: std::mem::take(&mut self.spare), ..Gathered::default() };
        Some(std::mem::replace(&mut self.gathered, next))
    }

    /// Rows that were answered before they were written are kept until they can be.
    fn put_back(&mut self, mut rows: Gathered) {
        rows.bytes.extend_from_slice(&self.gathered.bytes);
        rows.rows += self.gathered.rows;
        rows.appends += self.gathered.appends;
        self.gathered = rows;
    }

    fn recycle(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= SPARE_BYTES {
            buffer.clear();
            self.spare = buffer;
        }
    }

    /// Takes down whether the log is well. What it returns is to be told when the state is no longer locked: those who
    /// listen may be slow.
    #[must_use]
    fn note(&mut self, fault: Option<Arc<str>>) -> Option<News> {
        let news = match (&self.fault, &fault) {
            (None, Some(fault)) => Some(News::Fails(Arc::clone(fault))),
            (Some(_), None) => Some(News::Recovered),
            _ => None,
        };
        self.fault = fault;
        news
    }
}

/// What the operator should know.
enum News {
    Fails(Arc<str>),
    Recovered,
}

impl News {
    fn tell(self) {
        match self {
            News::Fails(fault) => tracing::error!("predictions cannot be logged: {fault}"),
            News::Recovered => tracing::info!("predictions are logged again"),
        }
    }
}

/// A log that nobody closed loses no answered row all the same.
impl Drop for Queue {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Seat::Free(writer) = &mut state.writer
            && !state.gathered.bytes.is_empty()
            && let Err(fault) = writer.commit(&state.gathered.bytes)
        {
            tracing::error!("the last {} predictions were not logged: {fault}", state.gathered.rows);
        }
    }
}
