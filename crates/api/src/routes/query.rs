//! The query of a request, and what its parameters have in common.

use crate::error::ApiError;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use turbine_core::reading::TurbineId;
use turbine_core::time::read_alone;
use utoipa::IntoResponses;

const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;

/// The parameters of a query.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(parameters)) => Ok(Parameters(parameters)),
            Err(rejection) => Err(ApiError::bad_request(rejection.body_text())),
        }
    }
}

/// How a query can be refused, for the description of the interface.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) enum QueryRefusal {
    /// A parameter cannot be used.
    #[response(status = 400)]
    BadRequest(crate::error::Envelope<'static>),
}

/// The turbine of that name; `None` for the readings that name none.
pub(super) fn turbine(text: &str) -> Result<Option<TurbineId>, ApiError> {
    match text {
        TurbineId::NAMELESS => Ok(None),
        _ => text.parse().map(Some).map_err(|problem| {
            ApiError::bad_request(format!(
                "turbine {problem}, got {text:?}; `{}` selects readings that name none",
                TurbineId::NAMELESS
            ))
        }),
    }
}

/// The time of the parameter `name`, in any form in which a reading may have it; without an offset it is in UTC.
pub(super) fn time(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    read_alone(text, &TimeZone::UTC).ok_or_else(|| {
        ApiError::bad_request(format!("{name} must be a time such as 2026-01-31T12:00:00Z, got {text:?}"))
    })
}

/// The length of a list.
pub(super) fn limit(limit: Option<usize>) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::bad_request(format!("limit must be 1 to {MAX_LIMIT}, got {limit}")))
    }
}
