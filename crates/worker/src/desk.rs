//! State shared by the tasks of all partitions.

use crate::telemetry::Telemetry;
use cluster::Cluster;
use cluster::streams::Streams;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::watch;
use turbine_core::model::Model;
use turbine_core::reading::MissingValues;

/// State shared by the tasks of all partitions.
#[derive(Clone)]
pub struct Desk {
    /// The connection.
    pub cluster: Cluster,
    /// The streams.
    pub streams: Streams,
    /// The model that scores the next batch.
    pub model: Arc<Model>,
    /// The model in service; it becomes `model` between two batches.
    pub service: watch::Receiver<Arc<Model>>,
    /// Handling of missing values.
    pub missing: MissingValues,
    /// Names this worker in checkpoints.
    pub worker: Arc<str>,
    /// Number of batches that this worker began; used as batch ids. An id must not be reused while the server still
    /// waits for the end of an aborted batch.
    pub batches: Arc<AtomicU64>,
    /// Counters and problems.
    pub telemetry: Arc<Telemetry>,
}

impl Desk {
    /// Switches to the model in service; returns whether its features are those of the previous model.
    pub fn take_model_in_service(&mut self) -> bool {
        let before = std::mem::replace(&mut self.model, Arc::clone(&self.service.borrow()));
        before.features().names().eq(self.model.features().names())
    }
}
