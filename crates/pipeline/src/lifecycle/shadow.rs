//! A second model that scores the readings that were logged, on a thread of its own, and is compared with the one in service.
//!
//! Nothing that answers ever waits for it: rows are handed over without waiting, the thread runs at the lowest priority, and
//! rows that find no room are left out and counted.

use super::comparison::{Comparison, Said};
use super::telemetry::LifecycleCounters;
use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use lru::LruCache;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use turbine_core::model::{Model, Observation};
use turbine_core::monitor::{AlarmChange, TurbineState};
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;
use turbine_core::sensors::Gaps;

/// Batches of rows that wait for the shadow, and …
const MAX_BATCHES: usize = 8_192;

/// … what all of them may take, in units of 8 bytes: 8 MiB, and as much again while the shadow scores them.
const MAX_WAITING: usize = 1 << 20;

/// What a row takes besides its values.
const ROW: usize = 16;

/// Rows that are handed over together.
const MAX_ROWS: usize = 1_024;

/// How long rows gather, so that the thread is woken a few times a second and its forest scores many rows at once.
const GATHER: Duration = Duration::from_millis(20);

/// Why a model is a shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowRole {
    /// It may be promoted.
    Candidate,
    /// It was in service before the last promotion, and its figures decide whether it comes back.
    Previous,
}

/// A shadow at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowStatus {
    /// Its file.
    pub file: PathBuf,
    /// Its version.
    pub model_version: Arc<str>,
    /// Why it is a shadow.
    pub role: ShadowRole,
    /// Since when it is compared with the model in service.
    pub since: Timestamp,
    /// The version that it is compared with.
    pub against: Arc<str>,
    /// What came of it.
    pub comparison: Comparison,
    /// Readings that it left out, since it could not keep up.
    pub dropped: u64,
}

/// How a shadow begins.
pub(crate) struct Beginning {
    pub(crate) model: Arc<Model>,
    pub(crate) file: PathBuf,
    pub(crate) role: ShadowRole,
    /// The version in service.
    pub(crate) against: Arc<str>,
    /// The state in which it finds each turbine, that with the oldest row first; of others nothing is known.
    pub(crate) states: Vec<(Option<TurbineId>, TurbineState)>,
    pub(crate) max_turbines: NonZeroUsize,
}

/// A shadow that scores until it is dropped.
pub(crate) struct Shadow {
    rows: SyncSender<Batch>,
    shared: Arc<Shared>,
}

struct Shared {
    model: Arc<Model>,
    file: PathBuf,
    role: ShadowRole,
    /// What waits, in units of 8 bytes.
    waiting: AtomicUsize,
    dropped: AtomicU64,
    compared: Mutex<Compared>,
    counters: LifecycleCounters,
}

#[derive(Clone)]
struct Compared {
    against: Arc<str>,
    since: Timestamp,
    comparison: Comparison,
}

/// Rows of the log, as far as the shadow looks at them.
#[derive(Default)]
struct Batch {
    values: Vec<f64>,
    rows: Vec<Row>,
}

struct Row {
    turbine_id: Option<TurbineId>,
    timestamp: Timestamp,
    gaps: Gaps,
    score: f64,
    is_anomaly: bool,
    in_alarm: bool,
    model_version: Arc<str>,
}

/// What is known of a turbine.
#[derive(Default)]
struct Turbine {
    /// By the shadow.
    state: TurbineState,
    /// By the model in service.
    in_alarm: bool,
}

impl Shadow {
    /// Begins to score rows that are taken in from now on.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub(crate) fn begin(beginning: Beginning, counters: LifecycleCounters) -> std::io::Result<Self> {
        let Beginning { model, file, role, against, states, max_turbines } = beginning;
        let (rows, received) = sync_channel(MAX_BATCHES);
        let compared = Compared { against, since: Timestamp::now(), comparison: Comparison::default() };
        let shared = Arc::new(Shared {
            model,
            file,
            role,
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            compared: Mutex::new(compared),
            counters,
        });
        let mut turbines = LruCache::new(max_turbines);
        for (id, state) in states {
            let in_alarm = state.alarm().is_some();
            turbines.push(id, Turbine { state, in_alarm });
        }
        let worker = Worker { shared: Arc::clone(&shared), received, turbines };
        std::thread::Builder::new().name("shadow".to_owned()).spawn(|| worker.run())?;
        Ok(Shadow { rows, shared })
    }

    /// The model.
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.shared.model
    }

    /// Version, role and comparison so far.
    pub(crate) fn status(&self) -> ShadowStatus {
        let Compared { against, since, comparison } = self.shared.compared().clone();
        ShadowStatus {
            file: self.shared.file.clone(),
            model_version: Arc::clone(self.shared.model.version()),
            role: self.shared.role,
            since,
            against,
            comparison,
            dropped: self.shared.dropped.load(Relaxed),
        }
    }

    /// Begins the comparison anew, with another model in service.
    fn compare_with(&self, version: &Arc<str>) {
        let against = Arc::clone(version);
        *self.shared.compared() = Compared { against, since: Timestamp::now(), comparison: Comparison::default() };
    }

    fn take_in(&self, rows: &[&PredictionRecord]) {
        for rows in rows.chunks(MAX_ROWS) {
            if !self.try_take_in(rows) {
                self.shared.dropped.fetch_add(rows.len() as u64, Relaxed);
                self.shared.counters.dropped.inc_by(rows.len() as u64);
            }
        }
    }

    /// Whether there was room for the rows.
    fn try_take_in(&self, rows: &[&PredictionRecord]) -> bool {
        let width = self.shared.model.features().len();
        let weight = rows.len() * (ROW + width);
        // Rows of other features can come once only, while a model of those goes into service.
        let fits = rows.iter().all(|row| row.values.len() == width);
        if !fits || self.shared.waiting.load(Relaxed) + weight > MAX_WAITING {
            return false;
        }
        self.shared.waiting.fetch_add(weight, Relaxed);
        let is_sent = self.rows.try_send(Batch::of(rows, width)).is_ok();
        if !is_sent {
            self.shared.waiting.fetch_sub(weight, Relaxed);
        }
        is_sent
    }
}

impl Shared {
    fn compared(&self) -> MutexGuard<'_, Compared> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn of(rows: &[&PredictionRecord], width: usize) -> Self {
        let mut batch = Batch { values: Vec::with_capacity(rows.len() * width), rows: Vec::with_capacity(rows.len()) };
        for row in rows {
            batch.values.extend_from_slice(&row.values);
            batch.rows.push(Row {
                turbine_id: row.turbine_id.clone(),
                timestamp: row.timestamp,
                gaps: row.gaps,
                score: row.prediction.anomaly_score,
                is_anomaly: row.prediction.is_anomaly,
                in_alarm: row.watch.in_alarm,
                model_version: Arc::clone(&row.model_version),
            });
        }
        batch
    }

    /// Size, in units of 8 bytes.
    fn weight(&self) -> usize {
        self.values.len() + self.rows.len() * ROW
    }

    fn append(&mut self, mut other: Batch) {
        self.values.append(&mut other.values);
        self.rows.append(&mut other.rows);
    }
}

/// The thread that scores.
struct Worker {
    shared: Arc<Shared>,
    received: Receiver<Batch>,
    turbines: LruCache<Option<TurbineId>, Turbine>,
}

impl Worker {
    fn run(mut self) {
        give_way();
        while let Ok(mut batch) = self.received.recv() {
            std::thread::sleep(GATHER);
            while batch.weight() < MAX_WAITING
                && let Ok(next) = self.received.try_recv()
            {
                batch.append(next);
            }
            self.shared.waiting.fetch_sub(batch.weight(), Relaxed);
            self.compare(&batch);
        }
    }

    fn compare(&mut self, batch: &Batch) {
        let model = Arc::clone(&self.shared.model);
        let mut scores = vec![0.0; batch.rows.len()];
        model.forest_scores(&batch.values, &mut scores);
        let before = self.shared.compared().clone();
        let mut after = before.comparison;
        let values = batch.values.chunks_exact(model.features().len());
        for ((row, values), forest_score) in batch.rows.iter().zip(values).zip(scores) {
            let turbine = match self.turbines.get_mut(&row.turbine_id) {
                Some(turbine) => turbine,
                None => self.turbines.get_or_insert_mut(row.turbine_id.clone(), Turbine::default),
            };
            // For a value that was not measured the one stands in that the model in service expected.
            let observation = Observation { timestamp: row.timestamp, values, gaps: row.gaps, forest_score };
            let judgement = model.step(&mut turbine.state, &observation);
            let raised = row.in_alarm && !turbine.in_alarm;
            turbine.in_alarm = row.in_alarm;
            // Requests in flight finish with the model they began with.
            if row.model_version != before.against {
                continue;
            }
            let service = Said { score: row.score, is_anomaly: row.is_anomaly, raised };
            let shadow = Said {
                score: judgement.anomaly_score,
                is_anomaly: judgement.is_anomaly,
                raised: judgement.alarm() == Some(AlarmChange::Raised),
            };
            after.add(service, shadow);
        }
        let mut compared = self.shared.compared();
        if compared.against == before.against {
            compared.comparison = after;
            drop(compared);
            self.shared.counters.count(&before.comparison, &after);
        }
    }
}

/// Leaves the processor to the threads that answer.
fn give_way() {
    // On Linux a process without an id is the calling thread. If this is refused, the system shares as it always does.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
}

/// The place of the shadow.
#[derive(Clone, Default)]
pub(crate) struct ShadowSlot(Arc<ArcSwapOption<Shadow>>);

impl ShadowSlot {
    pub(crate) fn put(&self, shadow: Option<Shadow>, counters: &LifecycleCounters) {
        counters.set_shadow(shadow.as_ref().map(|shadow| &**shadow.model()));
        self.0.store(shadow.map(Arc::new));
    }

    pub(crate) fn get(&self) -> Option<Arc<Shadow>> {
        self.0.load_full()
    }

    /// Takes in rows that were logged.
    pub(crate) fn take_in(&self, rows: &[&PredictionRecord]) {
        if let Some(shadow) = &*self.0.load() {
            shadow.take_in(rows);
        }
    }

    /// Notes the model that is in service now. A shadow of the same model or of other features ends, and so does the model
    /// before an earlier one.
    pub(crate) fn serve(&self, model: &Model, counters: &LifecycleCounters) {
        let Some(shadow) = self.get() else { return };
        let is_candidate = shadow.shared.role == ShadowRole::Candidate && shadow.model().version() != model.version();
        if is_candidate && shadow.model().features().names().eq(model.features().names()) {
            shadow.compare_with(model.version());
        } else {
            self.put(None, counters);
        }
    }
}

#[cfg(test)]
mod tests;
