//! `GET /turbines/{id}` and `GET /turbines/{id}/history`.

use super::query::{self, Parameters, QueryRefusal};
use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use pipeline::history::HistoryRange;
use pipeline::{HistoryError, TurbineDetail};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, IntoResponses};

const DEFAULT_POINTS: u16 = 300;
const LEAST_POINTS: u16 = 10;
const MOST_POINTS: u16 = 2_000;

/// Whose readings are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Named {
    /// The turbine; `-` for readings that name none.
    #[param(pattern = "^(-|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")]
    id: String,
}

/// Which stretch of time is shown, and how finely.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Its begin, RFC 3339; 24 hours before its end without it.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Its end, RFC 3339; the turbine's newest reading without it.
    #[param(format = DateTime)]
    to: Option<String>,
    /// The most buckets; 300 without it.
    #[param(minimum = 10, maximum = 2_000)]
    #[serde(default, deserialize_with = "query::whole_number")]
    points: Option<u16>,
}

/// How a turbine can be refused besides, for the description of the interface.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub enum TurbineRefusal {
    /// There is no reading of that turbine.
    #[response(status = 404)]
    NotFound(crate::error::Envelope<'static>),
}

/// The state of one turbine, the values of its newest reading, and the sensors behind its smoothed surprisal.
#[utoipa::path(
    get,
    path = "/turbines/{id}",
    params(Named),
    responses(
        (status = 200, description = "The turbine.", content((crate::schema::TurbineDetailSchema = "application/json"))),
        QueryRefusal,
        TurbineRefusal,
        AnyRefusal,
    ),
    tag = "turbines"
)]
pub async fn turbine(
    State(app): State<Arc<App>>,
    Path(Named { id }): Path<Named>,
) -> Result<Json<TurbineDetail>, ApiError> {
    let turbine = query::turbine(&id)?;
    app.pipeline.model()?;
    app.pipeline.turbine(&turbine).map(Json).ok_or(ApiError::UnknownTurbine { turbine: id })
}

/// What a turbine read over time, in buckets: least, mean and greatest value of each sensor. Buckets without a reading are
/// left out; the range is widened to whole buckets.
#[utoipa::path(
    get,
    path = "/turbines/{id}/history",
    params(Named, Range),
    responses(
        (status = 200, description = "The buckets.", content((crate::schema::HistorySchema = "application/json"))),
        QueryRefusal,
        TurbineRefusal,
        AnyRefusal,
    ),
    tag = "turbines"
)]
pub async fn history(
    State(app): State<Arc<App>>,
    Path(Named { id }): Path<Named>,
    Parameters(range): Parameters<Range>,
) -> Result<Response, ApiError> {
    let (turbine, range) = (query::turbine(&id)?, checked(&range)?);
    app.pipeline.model()?;
    let pipeline = app.pipeline.clone();
    // Files may be read, and the answer may have megabytes.
    let answer = move || {
        let history = pipeline.history(&turbine, range);
        let history = history.map_err(|error| match error {
            HistoryError::Log(error) => ApiError::Internal { cause: error.to_string() },
            error @ HistoryError::Unreachable(_) => ApiError::History(Arc::new(error)),
        })?;
        history.map(|history| Json(history).into_response()).ok_or(ApiError::UnknownTurbine { turbine: id })
    };
    app.log_reads.apart(answer).await
}

fn checked(range: &Range) -> Result<HistoryRange, ApiError> {
    let points = range.points.unwrap_or(DEFAULT_POINTS);
    if !(LEAST_POINTS..=MOST_POINTS).contains(&points) {
        let problem = format!("points must be {LEAST_POINTS} to {MOST_POINTS}, got {points}");
        return Err(ApiError::bad_request(problem));
    }
    let from = range.from.as_deref().map(|from| query::time("from", from)).transpose()?;
    let to = range.to.as_deref().map(|to| query::time("to", to)).transpose()?;
    match (from, to) {
        (Some(begin), Some(end)) if begin > end => {
            Err(ApiError::bad_request(format!("from must not be later than to, got {begin} and {end}")))
        }
        _ => Ok(HistoryRange { from, to, points }),
    }
}
