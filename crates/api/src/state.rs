//! What the handlers share: one [`App`], behind an `Arc`.

use crate::auth::ApiKeys;
use crate::config::Limits;
use crate::error::ApiError;
use crate::offload::Offload;
use crate::prediction_log::{LogPolicy, PredictionLog};
use crate::routes::Route;
use crate::telemetry::Telemetry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Threads for what takes long.
    pub offload: Offload,
    in_flight: AtomicU64,
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
            limits,
            log_policy,
            offload: Offload::default(),
            in_flight: AtomicU64::new(0),
        }
    }

    /// What scores and logs.
    ///
    /// # Errors
    /// 503 if there is no model.
    pub fn scoring(&self) -> Result<&Scoring, ApiError> {
        self.scoring.as_ref().map_err(|reason| ApiError::ModelNotLoaded { reason: reason.clone() })
    }

    /// Counts a request in, until the pass is dropped.
    ///
    /// # Errors
    /// 503 if as many as may be are under way. Questions about the service's health are always let in: an orchestrator
    /// that is told that a busy service is dead restarts it.
    pub fn enter(self: &Arc<Self>, route: Route) -> Result<Pass, ApiError> {
        let limit = self.limits.max_in_flight.get();
        let pass = Pass { app: self.clone() };
        let under_way = self.in_flight.fetch_add(1, Ordering::Relaxed);
        if under_way < limit || route.is_open() { Ok(pass) } else { Err(ApiError::Busy { limit }) }
    }

    /// Whether a request is under way.
    pub fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
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

/// A request that is under way.
pub struct Pass {
    app: Arc<App>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.app.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
