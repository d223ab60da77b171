//! What the handlers share: one [`App`], behind an `Arc`.

use crate::auth::ApiKeys;
use crate::config::Limits;
use crate::in_flight::InFlight;
use crate::shutdown::Shutdown;
use crate::telemetry::Telemetry;
use pipeline::Pipeline;

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
    /// Whether the service is stopping.
    pub shutdown: Shutdown,
}
