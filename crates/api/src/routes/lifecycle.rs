//! `POST` and `DELETE /model/shadow`, `POST /model/promote`, `POST /model/rollback`.

use super::models::Shadow;
use super::reload::Reloaded;
use crate::body;
use crate::error::{AnyRefusal, ApiError, Envelope};
use crate::state::App;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoResponses, ToSchema};

/// A model file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedFile {
    /// Its name in the folder of the model file, as `GET /models` lists it.
    #[schema(pattern = r"^[^./\\][^/\\]*\.json$")]
    file: String,
}

/// The shadow that was ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedShadow {
    /// Its version; null if there was no shadow.
    pub model_version: Option<String>,
}

/// How these can be refused, for the description of the interface.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub enum LifecycleRefusal {
    /// The body is not what it should be, or the file has no name of a file in the folder.
    #[response(status = 400)]
    BadRequest(Envelope<'static>),
    /// The body did not arrive in time.
    #[response(status = 408)]
    BodyTimeout(Envelope<'static>),
    /// There is nothing to put into service, or a promoted model is still compared with the one before.
    #[response(status = 409)]
    Nothing(Envelope<'static>),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(Envelope<'static>),
    /// The model file cannot be used; the model in service goes on.
    #[response(status = 422)]
    Refused(Envelope<'static>),
    /// In front of a cluster: its workers score.
    #[response(status = 501)]
    Elsewhere(Envelope<'static>),
}

/// Has a model score the same readings as the one in service, for comparison.
///
/// It answers none and is not logged. It must read the same features, and it takes the place of the shadow before.
#[utoipa::path(
    post,
    path = "/model/shadow",
    request_body = NamedFile,
    responses((status = 200, body = Shadow, description = "The shadow."), LifecycleRefusal, AnyRefusal),
    tag = "operation"
)]
pub async fn begin_shadow(State(app): State<Arc<App>>, body: Body) -> Result<Json<Shadow>, ApiError> {
    let Some(file) = named_file(&app, body).await? else {
        return Err(ApiError::bad_request("the body must name a file of GET /models: {\"file\": \"NAME.json\"}"));
    };
    Ok(Json(app.pipeline.set_shadow(&file).await?.into()))
}

/// Ends the shadow.
#[utoipa::path(
    delete,
    path = "/model/shadow",
    responses((status = 200, body = EndedShadow, description = "There is no shadow any more."), LifecycleRefusal, AnyRefusal),
    tag = "operation"
)]
pub async fn end_shadow(State(app): State<Arc<App>>) -> Result<Json<EndedShadow>, ApiError> {
    let ended = app.pipeline.end_shadow().await?;
    Ok(Json(EndedShadow { model_version: ended.map(|version| version.to_string()) }))
}

/// Puts the shadow, or a file of the folder, into service, and makes it the model that a restart loads.
///
/// The file is proved first, and the model file is replaced whole; the model before is kept for a rollback. Requests in
/// flight finish with the model they began with. A model with other features begins a new prediction log, and turbines
/// start afresh.
#[utoipa::path(
    post,
    path = "/model/promote",
    request_body(content = Option<NamedFile>, description = "The file; without a body, that of the shadow."),
    responses((status = 200, body = Reloaded, description = "The model in service."), LifecycleRefusal, AnyRefusal),
    tag = "operation"
)]
pub async fn promote(State(app): State<Arc<App>>, body: Body) -> Result<Json<Reloaded>, ApiError> {
    let file = named_file(&app, body).await?;
    Ok(Json(app.pipeline.promote(file).await?.into()))
}

/// Goes back to the model that was in service before the last promotion.
///
/// What was in service is kept beside the model file, so that it can be promoted again.
#[utoipa::path(
    post,
    path = "/model/rollback",
    responses((status = 200, body = Reloaded, description = "The model in service."), LifecycleRefusal, AnyRefusal),
    tag = "operation"
)]
pub async fn roll_back(State(app): State<Arc<App>>) -> Result<Json<Reloaded>, ApiError> {
    Ok(Json(app.pipeline.roll_back().await?.into()))
}

/// The file that a body names; `None` if the body is empty or null.
async fn named_file(app: &App, body: Body) -> Result<Option<String>, ApiError> {
    let whole = body::read(body, &app.limits, &app.memory).await?;
    if whole.bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let named: Option<NamedFile> = serde_json::from_slice(&whole.bytes)
        .map_err(|error| ApiError::bad_request(format!("the body must be {{\"file\": \"NAME.json\"}}: {error}")))?;
    Ok(named.map(|named| named.file))
}
