//! What the service answers to.

mod health;
mod metrics;
mod model_info;
mod ndjson;
mod predict;

use crate::error::ApiError;
use crate::openapi;
use crate::state::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

pub use predict::{Answer, Answers, predict};

/// The places of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// Scores one reading.
    Predict,
    /// Scores many.
    PredictBatch,
    /// Whether the service does all it should.
    Health,
    /// Whether the process answers.
    HealthLive,
    /// Whether it should be sent readings.
    HealthReady,
    /// What scores.
    ModelInfo,
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
    /// How many there are.
    pub const COUNT: usize = 10;

    /// All of them, in the order of their declaration.
    pub const EVERY: [Route; Route::COUNT] = [
        Route::Predict,
        Route::PredictBatch,
        Route::Health,
        Route::HealthLive,
        Route::HealthReady,
        Route::ModelInfo,
        Route::Metrics,
        Route::OpenApi,
        Route::Docs,
        Route::Other,
    ];

    /// Its path; `*` for everything else.
    pub const fn path(self) -> &'static str {
        match self {
            Route::Predict => "/predict",
            Route::PredictBatch => "/predict/batch",
            Route::Health => "/health",
            Route::HealthLive => "/health/live",
            Route::HealthReady => "/health/ready",
            Route::ModelInfo => "/model/info",
            Route::Metrics => "/metrics",
            Route::OpenApi => "/openapi.json",
            Route::Docs => "/docs",
            Route::Other => "*",
        }
    }

    /// The place that `path` leads to.
    pub fn of(path: &str) -> Self {
        match path.strip_prefix(Route::Docs.path()) {
            Some("" | "/") => return Route::Docs,
            Some(file) if file.starts_with('/') => return Route::Docs,
            _ => {}
        }
        Route::EVERY.into_iter().find(|route| route.path() == path).unwrap_or(Route::Other)
    }

    /// Whether it answers without a key.
    pub fn is_open(self) -> bool {
        matches!(self, Route::Health | Route::HealthLive | Route::HealthReady)
    }

    /// Whether it scores readings.
    pub fn is_predict(self) -> bool {
        matches!(self, Route::Predict | Route::PredictBatch)
    }

    /// The methods it answers.
    fn allow(self) -> &'static str {
        if self.is_predict() { "POST" } else { "GET, HEAD" }
    }
}

/// All routes, without the gate in front of them.
pub fn router(app: Arc<App>) -> Router {
    let (router, description) = OpenApiRouter::new()
        .routes(routes!(predict::one))
        .routes(routes!(predict::batch))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(model_info::model_info))
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    let description = openapi::complete(description, &app);
    router
        .merge(SwaggerUi::new(Route::Docs.path()).url(Route::OpenApi.path(), description))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
        // Each handler bounds its body itself, so that the refusal has the one shape.
        .layer(DefaultBodyLimit::disable())
}

async fn not_found(uri: Uri) -> ApiError {
    ApiError::NotFound { path: uri.path().to_owned() }
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let allow = Route::of(uri.path()).allow().to_owned();
    ApiError::MethodNotAllowed { path: uri.path().to_owned(), method: method.to_string(), allow }
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
            ("/", Route::Other),
            ("/predict/", Route::Other),
            ("/docs/", Route::Docs),
            ("/docs/index.css", Route::Docs),
            ("/docsx", Route::Other),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
