//! What the handlers share: one [`App`], behind an `Arc`.

use crate::auth::ApiKeys;
use crate::config::Limits;
use crate::event_stream::EventStream;
use crate::in_flight::InFlight;
use crate::memory::MemoryBudget;
use crate::offload::Offload;
use crate::telemetry::Telemetry;
use notify::Notifications;
use pipeline::Pipeline;
use prometheus::Registry;
use service::Shutdown;

/// The service's state.
pub struct App {
    /// Scores, logs, and remembers.
    pub pipeline: Pipeline,
    /// Counters for `/metrics`.
    pub telemetry: Telemetry,
    /// Keys that open the service.
    pub keys: ApiKeys,
    /// Limits of one client, and of all.
    pub limits: Limits,
    /// Requests in flight.
    pub in_flight: InFlight,
    /// The memory for requests and answers.
    pub memory: MemoryBudget,
    /// Threads for large batches.
    pub offload: Offload,
    /// Threads for what is read from files of the log and of models, so that it does not hold up batches.
    pub log_reads: Offload,
    /// What changes, for those who follow it.
    pub event_stream: EventStream,
    /// The receivers of alarms.
    pub notifications: Notifications,
    /// Whether the service is stopping.
    pub shutdown: Shutdown,
}

impl App {
    /// A service in front of that pipeline, whose counters are in `registry`.
    pub fn new(pipeline: Pipeline, registry: Registry, keys: ApiKeys, limits: Limits) -> Self {
        let shutdown = Shutdown::default();
        let event_stream = EventStream::new(pipeline.clone(), shutdown.clone(), limits.max_event_readers, &registry);
        App {
            pipeline,
            telemetry: Telemetry::new(registry),
            keys,
            in_flight: InFlight::default(),
            memory: MemoryBudget::new(limits.max_memory.0),
            offload: Offload::default(),
            log_reads: Offload::default(),
            event_stream,
            notifications: Notifications::default(),
            shutdown,
            limits,
        }
    }
}
