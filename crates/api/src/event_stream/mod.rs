//! The events of the fleet as a stream for each reader: first all of it, then every second what changed.
//!
//! One task looks once a second while somebody reads, and writes each tick once for all readers. Nothing is queued for a
//! reader: each takes the next tick when it can, and one that falls behind starts again from a snapshot.

mod frame;
mod reader;
mod ring;

#[cfg(test)]
mod tests;

pub use frame::EventId;
pub use reader::Reader;

use pipeline::counters::registered;
use pipeline::{Follower, Pipeline};
use prometheus::{IntGauge, Registry};
use ring::{Ring, Tick};
use service::Shutdown;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use turbine_core::reading::TurbineId;

/// Time between two ticks.
const PERIOD: Duration = Duration::from_secs(1);

/// Readers take a tick one after the other within this time, in so many groups: all at once would hold up requests for as
/// long as it takes to write to all.
const SPREAD: Duration = Duration::from_millis(256);
const GROUPS: u32 = 32;

/// How long ticks are still written after the last reader has left, so that one that comes back finds what it missed.
const LINGER: Duration = Duration::from_secs(10);

/// Too many readers; there may be so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyReaders(pub usize);

/// The stream; clones are the same.
#[derive(Clone)]
pub struct EventStream(Arc<Shared>);

struct Shared {
    pipeline: Pipeline,
    shutdown: Shutdown,
    max_readers: NonZeroUsize,
    readers: IntGauge,
    /// Tells this run of the service from others, whose frames have the same numbers.
    boot: u64,
    state: Mutex<State>,
    /// The number of the newest tick.
    newest: watch::Sender<u64>,
    /// Held while a snapshot is written: all readers that need one wait for the same.
    snapshot: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    readers: usize,
    /// The group of the next reader.
    group: u32,
    /// Whether the task that writes ticks is there.
    running: bool,
    ring: Ring,
}

impl EventStream {
    /// The stream of a pipeline's events, for so many readers. Ends with the service.
    pub fn new(pipeline: Pipeline, shutdown: Shutdown, max_readers: NonZeroUsize, registry: &Registry) -> Self {
        let gauge = IntGauge::new("turbine_event_readers", "Open event streams.");
        EventStream(Arc::new(Shared {
            pipeline,
            shutdown,
            max_readers,
            readers: registered(registry, gauge),
            boot: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default(),
            state: Mutex::default(),
            newest: watch::Sender::new(0),
            snapshot: tokio::sync::Mutex::default(),
        }))
    }

    /// One more reader, which continues behind the frame `last` if that is still there. With a turbine, it gets that
    /// turbine's readings too; `Some(None)` stands for readings that name none.
    ///
    /// # Errors
    /// If there are as many readers as there may be.
    pub fn open(&self, turbine: Option<Option<TurbineId>>, last: Option<EventId>) -> Result<Reader, TooManyReaders> {
        let shared = &self.0;
        let mut state = shared.state();
        if state.readers >= shared.max_readers.get() {
            return Err(TooManyReaders(shared.max_readers.get()));
        }
        state.readers += 1;
        shared.readers.inc();
        if !state.running {
            state.running = true;
            // What happened in between was not written.
            state.ring.clear();
            tokio::spawn(write_ticks(Arc::clone(shared)));
        }
        state.group = (state.group + 1) % GROUPS;
        let delay = SPREAD * state.group / GROUPS;
        drop(state);
        let position = last.filter(|last| last.boot == shared.boot).map(|last| last.number);
        Ok(Reader::new(Arc::clone(shared), turbine, position, delay))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, tick: Tick) {
        let number = tick.id.number;
        self.state().ring.push(tick);
        self.newest.send_replace(number);
    }

    fn next_id(&self) -> EventId {
        EventId { boot: self.boot, number: *self.newest.borrow() + 1 }
    }
}

impl State {
    fn stop(&mut self) {
        self.running = false;
        self.ring.clear();
    }
}

/// Writes ticks until nobody has read for a while or the service stops.
async fn write_ticks(shared: Arc<Shared>) {
    while let Err(error) = try_write_ticks(&shared).await {
        tracing::error!("the event stream begins anew: {error}");
        shared.state().ring.clear();
        sleep(PERIOD).await;
    }
}

async fn try_write_ticks(shared: &Arc<Shared>) -> Result<(), JoinError> {
    let pipeline = shared.pipeline.clone();
    let mut follower = spawn_blocking(move || pipeline.follower()).await?;
    // Nothing is missed from here on. Readers wait for this tick before they ask for a snapshot. A number is left out: who
    // knows the last tick before does not know what happened in between.
    let first = shared.next_id();
    shared.push(Tick::empty(EventId { number: first.number + 1, ..first }));
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut last_read = Instant::now();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shared.shutdown.begun() => return Ok(()),
        }
        {
            let mut state = shared.state();
            if state.readers > 0 {
                last_read = Instant::now();
            } else if last_read.elapsed() >= LINGER {
                state.stop();
                return Ok(());
            }
        }
        let (id, pipeline) = (shared.next_id(), shared.pipeline.clone());
        let tick;
        (tick, follower) = spawn_blocking(move || write_tick(id, &pipeline, follower)).await?;
        shared.push(tick);
    }
}

fn write_tick(id: EventId, pipeline: &Pipeline, mut follower: Follower) -> (Tick, Follower) {
    let watched = pipeline.take_watched();
    let changes = follower.changes();
    let with_text = |(turbine, gathered)| {
        let text = frame::readings(&turbine, &gathered);
        (turbine, text)
    };
    let readings = watched.into_iter().map(with_text).collect();
    (Tick { id, text: frame::tick(id, &changes), readings, is_incomplete: changes.incomplete }, follower)
}
