//! What the handlers share: one [`App`], behind an `Arc`.

use crate::auth::ApiKeys;
use crate::config::Limits;
use crate::error::ApiError;
use crate::in_flight::InFlight;
use crate::memory::MemoryBudget;
use crate::offload::Offload;
use crate::prediction_log::{LogPolicy, PredictionLog};
use crate::shutdown::Shutdown;
use crate::telemetry::Telemetry;
use std::sync::Arc;
use turbine_core::model::Model;

/// The service's state.
pub struct App {
    /// What scores and logs, or why nothing does.
    pub scoring: Result<Scoring, Arc<str>>,
    /// Counters for `/metrics`.
    pub telemetry: Telemetry,
    /// Who may call.
    pub keys: ApiKeys,
    /// What one client may ask for.
    pub limits: Limits,
    /// What happens to predictions that cannot be logged.
    pub log_policy: LogPolicy,
    /// Requests in flight.
    pub in_flight: InFlight,
    /// The memory for requests and answers.
    pub memory: MemoryBudget,
    /// Threads for large batches.
    pub offload: Offload,
    /// Whether the service is stopping.
    pub shutdown: Shutdown,
}

/// A proved model and the log of what it said.
pub struct Scoring {
    /// The model.
    pub model: Model,
    /// The log.
    pub log: PredictionLog,
}

impl App {
    /// A service that is ready to be served.
    pub fn new(scoring: Result<Scoring, Arc<str>>, keys: ApiKeys, limits: Limits, log_policy: LogPolicy) -> Self {
        App {
            telemetry: Telemetry::new(&scoring),
            scoring,
            keys,
            log_policy,
            in_flight: InFlight::default(),
            memory: MemoryBudget::new(limits.max_memory.0),
            offload: Offload::default(),
            shutdown: Shutdown::default(),
            limits,
        }
    }

    /// What scores and logs.
    ///
    /// # Errors
    /// 503 if there is no model.
    pub fn scoring(&self) -> Result<&Scoring, ApiError> {
        self.scoring.as_ref().map_err(|reason| ApiError::ModelNotLoaded { reason: reason.clone() })
    }

    /// Whether the golden readings score as they must and the log takes rows.
    pub fn is_ready(&self) -> bool {
        self.scoring.as_ref().is_ok_and(|Scoring { model, log }| model.prove().is_ok() && log.status().accepting)
    }

    /// Why the service does less than it should; empty if it does not.
    pub fn troubles(&self) -> Vec<String> {
        match &self.scoring {
            Err(reason) => vec![reason.to_string()],
            Ok(Scoring { model, log }) => {
                let model_trouble = model.prove().err().map(|error| format!("the model fails its own proof: {error}"));
                model_trouble.into_iter().chain(log.status().problem).collect()
            }
        }
    }
}
