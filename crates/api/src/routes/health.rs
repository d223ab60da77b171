//! `GET /health`, `/health/live`, `/health/ready`.

use crate::error::AnyRefusal;
use crate::routes::predict::now;
use crate::state::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How the service is.
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

fn look(app: &App) -> Health {
    let reasons = app.troubles();
    let status = if reasons.is_empty() { "healthy" } else { "degraded" };
    Health { status, model_loaded: app.scoring.is_ok(), timestamp: now(), reasons }
}

/// Whether the service does all it should; 200 whatever there is to say.
#[utoipa::path(
    get,
    path = "/health",
    responses((status = 200, body = Health, description = "How the service is."), AnyRefusal),
    tag = "operation"
)]
pub async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    Json(look(&app))
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
    responses((status = 200, body = Live, description = "It does."), AnyRefusal),
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
    let health = look(&app);
    let status = if app.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}
