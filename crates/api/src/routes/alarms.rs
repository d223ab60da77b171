//! `GET /alarms`.

use super::turbine_name;
use super::turbines::PageRefusal;
use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::Timestamp;
use pipeline::alarms::{Alarm, AlarmFilter};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;

/// Which alarms are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// `true`: only alarms that are running; `false`: only those that were cleared.
    active: Option<bool>,
    /// Only alarms of this turbine; `-` for those of readings that name none.
    #[param(pattern = "^(-|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")]
    turbine: Option<String>,
    /// Only alarms that were raised at this time or later; RFC 3339.
    #[param(format = DateTime)]
    since: Option<String>,
    /// The most alarms that are listed; 1,000 without it.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
}

/// The running alarms and the last 10,000 that were cleared, as far as they are asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alarms {
    /// The alarms, newest first.
    #[schema(schema_with = crate::schema::alarms)]
    pub alarms: Vec<Arc<Alarm>>,
}

/// Lists alarms with the sensors behind them, newest first.
#[utoipa::path(
    get,
    path = "/alarms",
    params(Selection),
    responses((status = 200, body = Alarms, description = "The alarms."), PageRefusal, AnyRefusal),
    tag = "turbines"
)]
pub async fn alarms(
    State(app): State<Arc<App>>,
    selection: Result<Query<Selection>, QueryRejection>,
) -> Result<Json<Alarms>, ApiError> {
    let Query(selection) = selection.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let filter = filter(selection)?;
    // Explaining thousands of running alarms takes a while.
    let listed = tokio::task::spawn_blocking(move || app.pipeline.alarms(&filter)).await;
    let alarms = listed.map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    Ok(Json(Alarms { alarms }))
}

fn filter(selection: Selection) -> Result<AlarmFilter, ApiError> {
    let Selection { active, turbine, since, limit } = selection;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::bad_request(format!("limit must be 1 to {MAX_LIMIT}, got {limit}")));
    }
    let parse_since = |text: String| {
        text.parse::<Timestamp>().map_err(|_| {
            ApiError::bad_request(format!("since must be an RFC 3339 time such as 2026-01-31T12:00:00Z, got {text:?}"))
        })
    };
    Ok(AlarmFilter {
        active,
        turbine: turbine.as_deref().map(turbine_name::parse).transpose()?,
        since: since.map(parse_since).transpose()?,
        limit,
    })
}
