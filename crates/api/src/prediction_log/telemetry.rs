//! What the log counts about itself. It belongs to the log; nothing is global.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the latency buckets, in seconds; a last bucket takes whatever is slower.
pub const LATENCY_BOUNDS: [f64; 18] =
    [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The state of the log at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct LogStatus {
    /// Whether the next row would be taken.
    pub accepting: bool,
    /// What is wrong and how to mend it, for people; `None` = all is well. A log can accept rows and have a problem
    /// all the same, such as that it cannot be rotated.
    pub problem: Option<String>,
    /// Rows that are gathered or being written.
    pub queued_rows: u64,
    /// Rows in the log since the start.
    pub rows: u64,
    /// Their bytes, headers not included.
    pub bytes: u64,
    /// Batches that they were written in.
    pub batches: u64,
    /// Batches that could not be written.
    pub failures: u64,
    /// How often a file was rotated.
    pub rotations: u64,
    /// Predictions that were answered without being logged, as [`super::LogPolicy::BestEffort`] allows.
    pub unlogged: u64,
    /// How long a batch took to be written.
    pub write_seconds: Latency,
    /// How long a batch took to reach the disk; counted for [`super::LogSync::Fsync`] only.
    pub sync_seconds: Latency,
}

/// A histogram of durations.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// How many durations fell in each bucket of [`LATENCY_BOUNDS`], and how many beyond: not cumulative.
    pub counts: Vec<u64>,
    /// Sum of all durations, in seconds.
    pub sum: f64,
}

#[derive(Debug, Default)]
pub(super) struct Telemetry {
    pub(super) rows: Counter,
    pub(super) bytes: Counter,
    pub(super) batches: Counter,
    pub(super) failures: Counter,
    pub(super) rotations: Counter,
    pub(super) unlogged: Counter,
    pub(super) write: Histogram,
    pub(super) sync: Histogram,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Histogram {
    counts: [Counter; LATENCY_BOUNDS.len() + 1],
    nanoseconds: Counter,
}

impl Histogram {
    pub(super) fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.counts[LATENCY_BOUNDS.partition_point(|bound| *bound < seconds)].add(1);
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn snapshot(&self) -> Latency {
        Latency { counts: self.counts.iter().map(Counter::get).collect(), sum: self.nanoseconds.get() as f64 / 1e9 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_in_the_bucket_that_it_does_not_exceed() {
        let histogram = Histogram::default();
        // 5 µs is the first bound itself; 6 µs is beyond it; 7 s is beyond the last.
        for micros in [5, 6, 7_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let latency = histogram.snapshot();
        assert_eq!((latency.counts[0], latency.counts[1], latency.counts[18]), (1, 1, 1));
        assert_eq!(latency.counts.iter().sum::<u64>(), 3);
        assert!((latency.sum - 7.000_011).abs() < 1e-9, "{}", latency.sum);
    }
}
