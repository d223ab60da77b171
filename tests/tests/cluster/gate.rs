//! How far readings may be published, so that each blow falls while some are.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

/// Counts in rounds.
#[derive(Debug, Default)]
pub struct Gate {
    allowed: AtomicUsize,
    published: AtomicUsize,
    widened: Notify,
}

impl Gate {
    pub fn allow(&self, rounds: usize) {
        self.allowed.store(rounds, Relaxed);
        self.widened.notify_one();
    }

    pub fn published(&self) -> usize {
        self.published.load(Relaxed)
    }

    /// Waits until another round may be published.
    pub async fn pass(&self) {
        while self.published() >= self.allowed.load(Relaxed) {
            self.widened.notified().await;
        }
    }

    pub fn note_published(&self) {
        self.published.fetch_add(1, Relaxed);
    }
}
