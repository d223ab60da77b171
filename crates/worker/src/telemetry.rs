//! What a worker counts, and what is wrong with it.

use crate::interruption::Interruption;
use pipeline::counters::{Counters, registered};
use pipeline::events::Events;
use pipeline::fleet::Census;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, IntGaugeVec, Opts, Registry};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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

/// What is known of the cluster and of each partition.
#[derive(Default)]
struct State {
    /// Why nothing can be done at all.
    problem: Option<Arc<str>>,
    /// Why a partition is not worked on; `None` if it is.
    partitions: BTreeMap<u32, Option<Arc<str>>>,
    /// The turbines of each partition, as they were looked at last.
    census: BTreeMap<u32, Census>,
}

/// The state of a worker at one moment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Health {
    /// `ok`, or `degraded` if there are problems.
    pub status: &'static str,
    /// The partitions that it works on.
    pub partitions: Vec<u32>,
    /// What is wrong and how to mend it.
    pub problems: Vec<String>,
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
            state: Mutex::new(State { problem: Some("not connected to the cluster yet".into()), ..State::default() }),
            registry,
        }
    }

    /// The text for Prometheus.
    pub fn text(&self) -> String {
        self.counters.set_log_accepting(self.health().problems.is_empty());
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
        let problems = state.problem.iter().map(|problem| problem.to_string());
        let problems: Vec<String> = problems.chain(state.partitions.iter().filter_map(of_partition)).collect();
        let status = if problems.is_empty() { "ok" } else { "degraded" };
        Health { status, partitions: state.partitions.keys().copied().collect(), problems }
    }

    /// Notes why nothing can be done, or that it can. Says so once.
    pub fn set_problem(&self, problem: Option<String>) {
        let mut state = self.state();
        if state.problem.as_deref() != problem.as_deref() {
            match &problem {
                Some(problem) => tracing::error!("readings are not scored: {problem}"),
                None => tracing::info!("connected to the cluster, and its streams are there"),
            }
        }
        state.problem = problem.map(Into::into);
    }

    /// A partition was restored.
    pub fn restored(&self, partition: u32, turbines: usize, took: Duration) {
        self.restores.observe(took.as_secs_f64());
        self.state().partitions.insert(partition, None);
        tracing::info!(partition, turbines, seconds = took.as_secs_f64(), "took up a partition");
    }

    /// A batch was committed, with so many rejected readings in it.
    pub fn committed(&self, rejected: usize) {
        self.batches.inc();
        self.rejected.inc_by(rejected as u64);
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

    /// The partition is another worker's now.
    pub fn given_back(&self, partition: u32) {
        self.owned.dec();
        let mut state = self.state();
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
