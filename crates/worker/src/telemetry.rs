//! What a worker counts, and what is wrong with it.

use crate::interruption::Interruption;
use pipeline::counters::{Counters, registered};
use pipeline::events::Events;
use pipeline::fleet::Census;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, IntGaugeVec, Opts, Registry};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use turbine_core::model::Model;

const RESTORE_BUCKETS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// The counters and problems of one worker.
pub struct Telemetry {
    /// The pipeline's counters.
    pub counters: Arc<Counters>,
    /// The events of its partitions.
    pub events: Events,
    /// Partitions that it works on.
    pub owned: IntGauge,
    registry: Registry,
    lag: IntGaugeVec,
    batches: IntCounter,
    rejected: IntCounter,
    restores: Histogram,
    fences_lost: IntCounter,
    interruptions: IntCounter,
    state: Mutex<State>,
}

/// Subject of a problem of the whole worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// The connection to the cluster.
    Connection,
    /// The streams.
    Streams,
    /// A model that cannot go into service; another one may still be in service.
    Model,
}

/// What is known of the cluster and of each partition.
#[derive(Default)]
struct State {
    problems: BTreeMap<Concern, Arc<str>>,
    /// The model in service.
    model_version: Option<Arc<str>>,
    /// Why a partition is not worked on; `None` if it is.
    partitions: BTreeMap<u32, Option<Arc<str>>>,
    /// The turbines of each partition, as they were looked at last.
    census: BTreeMap<u32, Census>,
    /// How often a partition was taken, and the number of each partition's last take.
    takes: u64,
    taken: BTreeMap<u32, u64>,
}

/// The state of a worker at one moment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Health {
    /// `ok`, or `degraded` if there are problems.
    pub status: &'static str,
    /// The model in service.
    pub model_version: Option<Arc<str>>,
    /// The partitions that it works on.
    pub partitions: Vec<u32>,
    /// What is wrong and how to mend it.
    pub problems: Vec<String>,
    /// True if it scores the readings of all its partitions.
    #[serde(skip)]
    pub is_ready: bool,
}

impl Telemetry {
    /// Counters at zero; not connected yet.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| registered(&registry, IntCounter::new(name, help));
        let lag = Opts::new("turbine_worker_lag", "Readings that wait to be scored, by partition of this worker.");
        let restores = HistogramOpts::new("turbine_worker_restore_seconds", "Times to restore a partition.");
        Telemetry {
            counters: Arc::new(Counters::new(&registry)),
            events: Events::default(),
            owned: registered(&registry, IntGauge::new("turbine_worker_partitions", "Partitions of this worker.")),
            lag: registered(&registry, IntGaugeVec::new(lag, &["partition"])),
            batches: counter("turbine_worker_batches_total", "Batches committed."),
            rejected: counter("turbine_worker_rejected_total", "Readings rejected for their faults."),
            restores: registered(&registry, Histogram::with_opts(restores.buckets(RESTORE_BUCKETS.to_vec()))),
            fences_lost: counter(
                "turbine_worker_fences_lost_total",
                "Batches dropped because another worker had committed one of the partition.",
            ),
            interruptions: counter("turbine_worker_interruptions_total", "Times that a partition was to be restored."),
            state: Mutex::new(State {
                problems: BTreeMap::from([(Concern::Connection, "not connected to the cluster yet".into())]),
                ..State::default()
            }),
            registry,
        }
    }

    /// The text for Prometheus.
    pub fn text(&self) -> String {
        self.counters.set_log_accepting(self.health().is_ready);
        self.counters.set_census(self.state().census.values().fold(Census::default(), |sum, &part| sum + part));
        let mut text = String::new();
        let encoder = prometheus::TextEncoder::new();
        // Names and labels are ours, and a string takes every text.
        let _ = encoder.encode_utf8(&self.registry.gather(), &mut text);
        text
    }

    /// The state now.
    pub fn health(&self) -> Health {
        let state = self.state();
        let of_partition = |(number, problem): (&u32, &Option<Arc<str>>)| {
            problem.as_ref().map(|problem| format!("partition {number}: {problem}"))
        };
        let problems = state.problems.values().map(|problem| problem.to_string());
        let problems: Vec<String> = problems.chain(state.partitions.iter().filter_map(of_partition)).collect();
        let is_hindered = [Concern::Connection, Concern::Streams].iter().any(|it| state.problems.contains_key(it));
        Health {
            status: if problems.is_empty() { "ok" } else { "degraded" },
            model_version: state.model_version.clone(),
            partitions: state.partitions.keys().copied().collect(),
            problems,
            is_ready: !is_hindered
                && state.model_version.is_some()
                && state.partitions.values().all(|problem| problem.is_none()),
        }
    }

    /// Sets a problem, or clears it with `None`. Logs changes only; returns whether it changed.
    pub fn set_problem(&self, concern: Concern, problem: Option<String>) -> bool {
        let mut state = self.state();
        if state.problems.get(&concern).map(|before| &**before) == problem.as_deref() {
            return false;
        }
        match (&problem, concern) {
            (Some(problem), Concern::Model) if state.model_version.is_some() => tracing::error!("{problem}"),
            (Some(problem), _) => tracing::error!("readings are not scored: {problem}"),
            (None, Concern::Connection) => tracing::info!("connected to the cluster"),
            (None, Concern::Streams) => tracing::info!("the streams are there"),
            (None, Concern::Model) => tracing::info!("the model in service is the one that is to be"),
        }
        match problem {
            Some(problem) => state.problems.insert(concern, problem.into()),
            None => state.problems.remove(&concern),
        };
        true
    }

    /// Notes the model in service, and clears the problem with the model.
    pub fn serve(&self, model: &Model) {
        let before = self.state().model_version.replace(Arc::clone(model.version()));
        self.set_problem(Concern::Model, None);
        if before.as_ref() == Some(model.version()) {
            return;
        }
        self.counters.set_model(model);
        if before.is_some() {
            self.counters.reloads.inc();
        }
        tracing::info!(model_version = %model.version(), "put the model into service");
    }

    /// A partition was restored, with `pending` readings waiting. A previous problem is cleared only once a batch is
    /// committed, since one of these readings may have caused it.
    pub fn restored(&self, partition: u32, turbines: usize, pending: u64, took: Duration) {
        self.restores.observe(took.as_secs_f64());
        let mut state = self.state();
        let problem = state.partitions.entry(partition).or_default();
        if problem.is_none() || pending == 0 {
            *problem = None;
            tracing::info!(partition, turbines, pending, seconds = took.as_secs_f64(), "took up a partition");
        }
    }

    /// A batch of a partition was committed, with this number of rejected readings.
    pub fn committed(&self, partition: u32, rejected: usize) {
        self.batches.inc();
        self.rejected.inc_by(rejected as u64);
        if let Some(problem) = self.state().partitions.get_mut(&partition).and_then(Option::take) {
            tracing::info!(partition, "the partition is scored again; before: {problem}");
        }
    }

    /// So many readings wait.
    pub fn lag(&self, partition: u32, pending: u64) {
        let gauge = self.lag.with_label_values(&[&partition.to_string()]);
        gauge.set(i64::try_from(pending).unwrap_or(i64::MAX));
    }

    /// The turbines of a partition were looked at.
    pub fn census(&self, partition: u32, census: Census) {
        self.state().census.insert(partition, census);
    }

    /// The work on a partition was interrupted.
    pub fn interrupted(&self, partition: u32, why: &Interruption) {
        self.interruptions.inc();
        if matches!(why, Interruption::FenceLost) {
            self.fences_lost.inc();
        }
        let text: Arc<str> = why.to_string().into();
        let before = self.state().partitions.insert(partition, Some(Arc::clone(&text)));
        if before.flatten().as_ref() == Some(&text) {
            return;
        }
        if why.is_lasting() {
            tracing::error!(partition, "the partition is not scored: {why}");
        } else {
            tracing::info!(partition, "restoring the partition: {why}");
        }
    }

    /// The partition is this worker's now. Returns the number of this take.
    pub fn taken(&self, partition: u32) -> u64 {
        self.owned.inc();
        let mut state = self.state();
        state.takes += 1;
        let take = state.takes;
        state.taken.insert(partition, take);
        take
    }

    /// The partition is another worker's now, unless it was taken again since.
    pub fn given_back(&self, partition: u32, take: u64) {
        self.owned.dec();
        let mut state = self.state();
        if state.taken.get(&partition) != Some(&take) {
            return;
        }
        state.taken.remove(&partition);
        state.partitions.remove(&partition);
        state.census.remove(&partition);
        drop(state);
        // It is not there if the partition was never restored.
        let _ = self.lag.remove_label_values(&[&partition.to_string()]);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}
