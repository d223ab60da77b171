//! `POST /model/reload`.

use crate::error::{AnyRefusal, ApiError, Envelope};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::{IntoResponses, ToSchema};

/// The model in service after a reload.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reloaded {
    /// Its version.
    pub model_version: String,
    /// The version before; null if there was no model.
    pub previous_version: Option<String>,
    /// Whether the two differ.
    pub changed: bool,
}

/// How a reload can be refused besides, for the description of the interface.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub enum ReloadRefusal {
    /// The model file cannot be used; the model before goes on.
    #[response(status = 422)]
    Refused(Envelope<'static>),
}

/// Reads the model file anew and puts it into service.
///
/// The file is proved first; one that cannot be used leaves the model before in service. Requests in flight finish with the
/// model they began with. A model with other features begins a new prediction log, and turbines start afresh.
#[utoipa::path(
    post,
    path = "/model/reload",
    responses(
        (status = 200, body = Reloaded, description = "The model in service."),
        ReloadRefusal,
        AnyRefusal,
    ),
    tag = "operation"
)]
pub async fn reload(State(app): State<Arc<App>>) -> Result<Json<Reloaded>, ApiError> {
    Ok(Json(app.pipeline.reload().await?.into()))
}

impl From<pipeline::Reloaded> for Reloaded {
    fn from(reloaded: pipeline::Reloaded) -> Self {
        Reloaded {
            changed: reloaded.changed(),
            model_version: reloaded.version.to_string(),
            previous_version: reloaded.previous.map(|version| version.to_string()),
        }
    }
}
