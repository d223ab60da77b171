//! `GET /turbines`.

use super::query::{self, Parameters, QueryRefusal};
use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use pipeline::fleet::TurbineStatus;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which turbines are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The most turbines that are listed; 1,000 without it.
    #[param(minimum = 1, maximum = 10_000)]
    #[serde(default, deserialize_with = "query::whole_number")]
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

/// Lists the turbines that sent readings, by name.
#[utoipa::path(
    get,
    path = "/turbines",
    params(Page),
    responses((status = 200, body = Turbines, description = "A page of turbines."), QueryRefusal, AnyRefusal),
    tag = "turbines"
)]
pub async fn turbines(
    State(app): State<Arc<App>>,
    Parameters(page): Parameters<Page>,
) -> Result<Json<Turbines>, ApiError> {
    let limit = query::limit(page.limit)?;
    // One more than asked for, to know whether there is another page.
    let mut turbines = app.pipeline.turbines(page.after.as_deref(), limit + 1);
    let more = turbines.len() > limit;
    turbines.truncate(limit);
    // The nameless one sorts before every name.
    let next = more.then(|| turbines.last().and_then(|last| last.turbine_id.clone()).unwrap_or_default());
    Ok(Json(Turbines { turbines, next }))
}
