//! `GET /openapi.json`: the description of the interface, which changes with the model in service.

use crate::openapi;
use crate::state::App;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;
use utoipa::openapi::OpenApi;

/// Answers with what the handlers say of themselves, completed for the model in service.
pub async fn document(State(app): State<Arc<App>>, handlers: OpenApi) -> Json<OpenApi> {
    Json(openapi::complete(handlers, &app))
}
