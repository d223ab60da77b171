//! `GET /turbines`.

use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use pipeline::fleet::TurbineStatus;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, IntoResponses, ToSchema};

const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;

/// Which turbines are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The most turbines that are listed; 1,000 without it.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Only turbines whose names come after this one: the `next` of the page before.
    after: Option<String>,
}

/// What the prediction log says of the turbines, by name; readings that name no turbine come first, as one.
#[derive(Debug, Serialize, ToSchema)]
pub struct Turbines {
    /// The turbines of this page.
    #[schema(schema_with = crate::schema::turbines)]
    pub turbines: Vec<TurbineStatus>,
    /// What to ask the next page with, as `after`; left out on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub next: Option<String>,
}

/// How the list can be refused besides, for the description of the interface.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub enum PageRefusal {
    /// A parameter cannot be used.
    #[response(status = 400)]
    BadRequest(crate::error::Envelope<'static>),
}

/// Lists the turbines that sent readings, by name.
#[utoipa::path(
    get,
    path = "/turbines",
    params(Page),
    responses((status = 200, body = Turbines, description = "A page of turbines."), PageRefusal, AnyRefusal),
    tag = "turbines"
)]
pub async fn turbines(
    State(app): State<Arc<App>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Turbines>, ApiError> {
    let Query(page) = page.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::bad_request(format!("limit must be 1 to {MAX_LIMIT}, got {limit}")));
    }
    // One more than asked for, to know whether there is another page.
    let mut turbines = app.pipeline.turbines(page.after.as_deref(), limit + 1);
    let more = turbines.len() > limit;
    turbines.truncate(limit);
    // The nameless one sorts before every name.
    let next = more.then(|| turbines.last().and_then(|last| last.turbine_id.clone()).unwrap_or_default());
    Ok(Json(Turbines { turbines, next }))
}
