//! `GET /alarms`.

use super::query::{self, Parameters, QueryRefusal};
use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use pipeline::alarms::{Alarm, AlarmFilter};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which alarms are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// `true`: only alarms that are running; `false`: only those that were cleared.
    #[serde(default, deserialize_with = "query::optional_flag")]
    active: Option<bool>,
    /// Only alarms of this turbine; `-` for those of readings that name none.
    #[param(pattern = "^(-|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")]
    turbine: Option<String>,
    /// Only alarms that were raised at this time or later; RFC 3339.
    #[param(format = DateTime)]
    since: Option<String>,
    /// The most alarms that are listed; 1,000 without it.
    #[param(minimum = 1, maximum = 10_000)]
    #[serde(default, deserialize_with = "query::whole_number")]
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
    responses((status = 200, body = Alarms, description = "The alarms."), QueryRefusal, AnyRefusal),
    tag = "turbines"
)]
pub async fn alarms(
    State(app): State<Arc<App>>,
    Parameters(selection): Parameters<Selection>,
) -> Result<Json<Alarms>, ApiError> {
    let filter = filter(&selection)?;
    // Explaining thousands of running alarms takes a while.
    let pipeline = app.pipeline.clone();
    let alarms = app.offload.apart(move || pipeline.alarms(&filter)).await;
    Ok(Json(Alarms { alarms }))
}

fn filter(selection: &Selection) -> Result<AlarmFilter, ApiError> {
    Ok(AlarmFilter {
        active: selection.active,
        turbine: selection.turbine.as_deref().map(query::turbine).transpose()?,
        since: selection.since.as_deref().map(|since| query::time("since", since)).transpose()?,
        limit: query::limit(selection.limit)?,
    })
}
