//! What is looked up when `/metrics` is asked: the log's own counters, the process, the model.

use super::registered;
use crate::prediction_log::{LATENCY_BOUNDS, Latency, LogStatus};
use crate::state::Scoring;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, Metric, MetricFamily, MetricType};
use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Says once which model scores.
pub(super) fn register_model(registry: &Registry, scoring: &Result<Scoring, Arc<str>>) {
    let loaded = IntGauge::new("turbine_model_loaded", "1 if there is a model to score with, 0 if not.");
    registered(registry, loaded).set(i64::from(scoring.is_ok()));
    let info = Opts::new("turbine_model_info", "Always 1; the label says which model scores.");
    let info = registered(registry, IntGaugeVec::new(info, &["model_version"]));
    if let Ok(Scoring { model, .. }) = scoring {
        info.with_label_values(&[model.version()]).set(1);
    }
}

/// The log's counters.
pub(super) fn of_log(status: &LogStatus) -> Vec<MetricFamily> {
    let queue = status.queued_rows as f64;
    vec![
        gauge("turbine_log_accepting", "1 if the prediction log takes rows, 0 if not.", f64::from(status.accepting)),
        gauge("turbine_log_queue_rows", "Rows that wait to be written.", queue),
        counter("turbine_log_rows_total", "Rows written to the prediction log.", status.rows),
        counter("turbine_log_bytes_total", "Bytes of those rows.", status.bytes),
        counter("turbine_log_batches_total", "Writes those rows were gathered in.", status.batches),
        counter("turbine_log_failures_total", "Writes that failed.", status.failures),
        counter("turbine_log_rotations_total", "Log files rotated.", status.rotations),
        counter("turbine_log_unlogged_total", "Predictions answered without being logged.", status.unlogged),
        histogram("turbine_log_write_duration_seconds", "Time to write a batch of rows.", &status.write_seconds),
        histogram("turbine_log_sync_duration_seconds", "Time to sync a batch to the disk.", &status.sync_seconds),
    ]
}

/// The process's start and memory.
pub(super) fn of_process(started: SystemTime) -> Vec<MetricFamily> {
    let started = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let help = "When the process started, in seconds since 1970.";
    let mut families = vec![gauge("process_start_time_seconds", help, started)];
    if let Some(bytes) = resident_bytes() {
        families.push(gauge("process_resident_memory_bytes", "Memory of the process that is in use.", bytes as f64));
    }
    families
}

/// Linux says it in pages, as the second number; other systems have no such file.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn counter(name: &str, help: &str, value: u64) -> MetricFamily {
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    family(name, help, MetricType::COUNTER, metric)
}

fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::default();
    metric.set_gauge(gauge);
    family(name, help, MetricType::GAUGE, metric)
}

fn histogram(name: &str, help: &str, latency: &Latency) -> MetricFamily {
    let mut seen = 0;
    let bucket = |(&bound, &count): (&f64, &u64)| {
        seen += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(seen);
        bucket
    };
    let buckets = LATENCY_BOUNDS.iter().zip(&latency.counts).map(bucket).collect();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(latency.counts.iter().sum());
    histogram.set_sample_sum(latency.sum);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    family(name, help, MetricType::HISTOGRAM, metric)
}

fn family(name: &str, help: &str, kind: MetricType, metric: Metric) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(vec![metric]);
    family
}
