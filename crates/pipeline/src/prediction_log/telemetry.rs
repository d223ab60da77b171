//! What the log tells of itself: counters in Prometheus's types, and what it does less than it was asked.

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};
use std::sync::{Arc, Mutex, PoisonError};

/// Upper bounds in seconds: from a copy into the page cache to a disk that hangs.
const WRITE_BUCKETS: [f64; 18] =
    [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 5.0];

/// A handle; clones are of the same log. Counters begin when the service starts.
#[derive(Debug, Clone)]
pub struct LogTelemetry {
    /// Rows written.
    pub rows: IntCounter,
    /// Bytes of those rows.
    pub bytes: IntCounter,
    /// Writes that they were gathered in.
    pub batches: IntCounter,
    /// Writes that failed.
    pub failures: IntCounter,
    /// Files rotated.
    pub rotations: IntCounter,
    /// Time to write a batch.
    pub write_seconds: Histogram,
    /// Time for a batch to reach the disk; observed with `--log-sync fsync` only.
    pub sync_seconds: Histogram,
    /// Rows that were answered before they are written, as [`LogSync::None`](super::LogSync) allows.
    pub buffered_rows: IntGauge,
    problem: Arc<Mutex<Option<Arc<str>>>>,
}

impl LogTelemetry {
    /// Counters at zero, registered.
    pub fn new(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str| registered(registry, IntCounter::new(name, help));
        let seconds = |name: &str, help: &str| {
            registered(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(WRITE_BUCKETS.to_vec())))
        };
        LogTelemetry {
            rows: counter("turbine_log_rows_total", "Rows written to the prediction log."),
            bytes: counter("turbine_log_bytes_total", "Bytes of those rows."),
            batches: counter("turbine_log_batches_total", "Writes those rows were gathered in."),
            failures: counter("turbine_log_failures_total", "Writes that failed."),
            rotations: counter("turbine_log_rotations_total", "Log files rotated."),
            write_seconds: seconds("turbine_log_write_duration_seconds", "Time to write a batch of rows."),
            sync_seconds: seconds("turbine_log_sync_duration_seconds", "Time to sync a batch to the disk."),
            // Part of the queue's gauge.
            buffered_rows: IntGauge::new("buffered_rows", "Rows that are buffered.")
                .expect("Prometheus allows the name"),
            problem: Arc::default(),
        }
    }

    /// What the log does less than it was asked, such as that it cannot be rotated.
    pub fn problem(&self) -> Option<Arc<str>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_problem(&self, problem: Option<Arc<str>>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

/// Registers a metric whose name and labels are constants.
///
/// # Panics
/// If Prometheus does not allow them, or the name is registered already: both are defects.
pub fn registered<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> C {
    let metric = metric.expect("names and labels are constants that Prometheus allows");
    registry.register(Box::new(metric.clone())).expect("every metric is registered once");
    metric
}
