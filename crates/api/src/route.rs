//! The routes of the service, for counters, limits and keys.

/// Where the files of the live page lie.
pub const PAGE_FILES: &str = "/page/";

/// A route of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// The live page.
    Page,
    /// Scores one reading.
    Predict,
    /// Scores many.
    PredictBatch,
    /// Overall health.
    Health,
    /// Whether the process answers.
    HealthLive,
    /// Whether it is ready for readings.
    HealthReady,
    /// The model.
    ModelInfo,
    /// Puts the model file into service.
    ModelReload,
    /// The model files.
    Models,
    /// Begins and ends the shadow.
    ModelShadow,
    /// Promotes a model.
    ModelPromote,
    /// Goes back to the model before.
    ModelRollback,
    /// The state of the turbines.
    Turbines,
    /// The state of one turbine.
    Turbine,
    /// What one turbine read over time.
    TurbineHistory,
    /// Alarms, running and past.
    Alarms,
    /// What people do with one alarm.
    AlarmActions,
    /// How the readings compare with the training.
    Drift,
    /// What changes, as a stream.
    Events,
    /// Counters.
    Metrics,
    /// The description of this interface, for programs.
    OpenApi,
    /// The same, for people.
    Docs,
    /// Everything else.
    Other,
}

impl Route {
    /// Number of routes.
    pub const COUNT: usize = 23;

    /// All of them, in the order of their declaration.
    pub const EVERY: [Route; Route::COUNT] = [
        Route::Page,
        Route::Predict,
        Route::PredictBatch,
        Route::Health,
        Route::HealthLive,
        Route::HealthReady,
        Route::ModelInfo,
        Route::ModelReload,
        Route::Models,
        Route::ModelShadow,
        Route::ModelPromote,
        Route::ModelRollback,
        Route::Turbines,
        Route::Turbine,
        Route::TurbineHistory,
        Route::Alarms,
        Route::AlarmActions,
        Route::Drift,
        Route::Events,
        Route::Metrics,
        Route::OpenApi,
        Route::Docs,
        Route::Other,
    ];

    /// Its path, with `{id}` where a turbine or an alarm is named; `*` for [`Route::Other`].
    pub const fn path(self) -> &'static str {
        match self {
            Route::Page => "/",
            Route::Predict => "/predict",
            Route::PredictBatch => "/predict/batch",
            Route::Health => "/health",
            Route::HealthLive => "/health/live",
            Route::HealthReady => "/health/ready",
            Route::ModelInfo => "/model/info",
            Route::ModelReload => "/model/reload",
            Route::Models => "/models",
            Route::ModelShadow => "/model/shadow",
            Route::ModelPromote => "/model/promote",
            Route::ModelRollback => "/model/rollback",
            Route::Turbines => "/turbines",
            Route::Turbine => "/turbines/{id}",
            Route::TurbineHistory => "/turbines/{id}/history",
            Route::Alarms => "/alarms",
            Route::AlarmActions => "/alarms/{id}/actions",
            Route::Drift => "/drift",
            Route::Events => "/events",
            Route::Metrics => "/metrics",
            Route::OpenApi => "/openapi.json",
            Route::Docs => "/docs",
            Route::Other => "*",
        }
    }

    /// The route that serves `path`.
    pub fn of(path: &str) -> Self {
        if path.starts_with(PAGE_FILES) {
            return Route::Page;
        }
        match path.strip_prefix(Route::Docs.path()) {
            Some("" | "/") => return Route::Docs,
            Some(file) if file.starts_with('/') => return Route::Docs,
            _ => {}
        }
        if let Some(rest) = path.strip_prefix("/turbines/") {
            return match rest.split_once('/') {
                None if !rest.is_empty() => Route::Turbine,
                Some((id, "history")) if !id.is_empty() => Route::TurbineHistory,
                _ => Route::Other,
            };
        }
        if let Some(rest) = path.strip_prefix("/alarms/") {
            return match rest.split_once('/') {
                Some((id, "actions")) if !id.is_empty() => Route::AlarmActions,
                _ => Route::Other,
            };
        }
        Route::EVERY.into_iter().find(|route| route.path() == path).unwrap_or(Route::Other)
    }

    /// Whether it answers without a key: a browser that opens the page cannot send one yet.
    pub fn is_open(self) -> bool {
        self == Route::Page || self.is_always_admitted()
    }

    /// Whether it answers however many requests are in flight: an orchestrator that is told that a busy service is dead
    /// restarts it.
    pub fn is_always_admitted(self) -> bool {
        matches!(self, Route::Health | Route::HealthLive | Route::HealthReady)
    }

    /// Whether it scores readings.
    pub fn is_predict(self) -> bool {
        matches!(self, Route::Predict | Route::PredictBatch)
    }

    /// Whether its answer has no end and is bounded otherwise than as a request in flight.
    pub fn is_endless(self) -> bool {
        self == Route::Events
    }

    /// The methods it answers, as in an `Allow` header.
    pub fn allow(self) -> &'static str {
        match self {
            Route::ModelReload | Route::ModelPromote | Route::ModelRollback | Route::AlarmActions => "POST",
            Route::ModelShadow => "DELETE, POST",
            _ if self.is_predict() => "POST",
            _ => "GET, HEAD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_to_its_place() {
        for (place, route) in Route::EVERY.into_iter().enumerate() {
            assert_eq!((Route::of(route.path()), route as usize), (route, place));
        }
        for (path, route) in [
            ("/page/page.js", Route::Page),
            ("/pages", Route::Other),
            ("/predict/", Route::Other),
            ("/docs/", Route::Docs),
            ("/docs/index.css", Route::Docs),
            ("/docsx", Route::Other),
            ("/turbines/WT-1", Route::Turbine),
            ("/turbines/WT-1/history", Route::TurbineHistory),
            ("/turbines/", Route::Other),
            ("/turbines//history", Route::Other),
            ("/turbines/WT-1/x", Route::Other),
            ("/turbines/WT-1/history/", Route::Other),
            ("/alarms/WT-1%402026-01-31T12:00:00Z/actions", Route::AlarmActions),
            ("/alarms/WT-1@2026-01-31T12:00:00Z", Route::Other),
            ("/alarms//actions", Route::Other),
            ("/alarms/", Route::Other),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
