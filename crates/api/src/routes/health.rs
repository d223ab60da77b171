//! `GET /health`, `/health/live`, `/health/ready`.

use crate::error::AnyRefusal;
use crate::state::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Overall health.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `healthy`, or `degraded` if the service does less than it should.
    pub status: &'static str,
    /// Whether there is a model.
    pub model_loaded: bool,
    /// Now; RFC 3339, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Why it is degraded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub reasons: Vec<String>,
}

/// The state of the service, and whether it is ready for readings.
fn look(app: &App) -> (Health, bool) {
    let pipeline::Health { model_loaded, ready, mut problems } = app.pipeline.health();
    problems.extend(app.notifications.problems());
    let status = if problems.is_empty() { "healthy" } else { "degraded" };
    (Health { status, model_loaded, timestamp: Timestamp::now(), reasons: problems }, ready)
}

/// Overall health; always 200.
#[utoipa::path(
    get,
    path = "/health",
    responses((status = 200, body = Health, description = "Overall health."), AnyRefusal),
    tag = "operation"
)]
pub async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    Json(look(&app).0)
}

/// Proof that the process answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Live {
    /// Always `live`.
    pub status: &'static str,
}

/// Whether the process answers.
#[utoipa::path(
    get,
    path = "/health/live",
    responses((status = 200, body = Live, description = "The process answers."), AnyRefusal),
    tag = "operation"
)]
pub async fn live() -> Json<Live> {
    Json(Live { status: "live" })
}

/// Whether the golden readings are scored right and the log accepts rows.
#[utoipa::path(
    get,
    path = "/health/ready",
    responses(
        (status = 200, body = Health, description = "Send readings."),
        (status = 503, body = Health, description = "Do not send readings; `reasons` says why."),
    ),
    tag = "operation"
)]
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let (health, ready) = look(&app);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}
