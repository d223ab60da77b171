//! Says on standard error how far the reading of a long log is.

use crate::chart::count;
use std::time::{Duration, Instant};

/// Before this nothing is said, and then once in as long.
const PAUSE: Duration = Duration::from_secs(2);
/// Rows between two looks at the clock.
const STRIDE: u64 = 1 << 16;

/// The progress of one pass over the log.
pub struct Progress {
    pass: &'static str,
    said: Instant,
    rows: u64,
}

impl Progress {
    pub fn new(pass: &'static str) -> Self {
        Self { pass, said: Instant::now(), rows: 0 }
    }

    /// Counts a row.
    pub fn step(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(STRIDE) && self.said.elapsed() >= PAUSE {
            self.said = Instant::now();
            eprintln!("[viz] {}: {} rows read", self.pass, count(self.rows));
        }
    }
}
