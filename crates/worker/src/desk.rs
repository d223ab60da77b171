//! What the work on every partition needs.

use crate::telemetry::Telemetry;
use cluster::Cluster;
use cluster::streams::Streams;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::watch;
use turbine_core::model::Model;
use turbine_core::reading::MissingValues;

/// What the work on every partition needs.
#[derive(Clone)]
pub struct Desk {
    /// The connection.
    pub cluster: Cluster,
    /// The streams.
    pub streams: Streams,
    /// The model that judges the next batch.
    pub model: Arc<Model>,
    /// The model in service, which takes over between two batches.
    pub service: watch::Receiver<Arc<Model>>,
    /// What becomes of readings that lack values.
    pub missing: MissingValues,
    /// Names this worker in checkpoints.
    pub worker: Arc<str>,
    /// How many batches this worker began. Their number names a batch: while the server still waits for the end of one that
    /// was broken off, none may have the same name.
    pub batches: Arc<AtomicU64>,
    /// Counters and problems.
    pub telemetry: Arc<Telemetry>,
}

impl Desk {
    /// Has the model in service judge what comes next; whether its features are those of the one before.
    pub fn take_model_in_service(&mut self) -> bool {
        let before = std::mem::replace(&mut self.model, Arc::clone(&self.service.borrow()));
        before.features().names().eq(self.model.features().names())
    }
}
