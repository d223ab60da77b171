//! The query of a request, and what its parameters have in common.

use crate::error::ApiError;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use std::str::FromStr;
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
            Err(rejection) => {
                let text = rejection.body_text();
                // What follows names the parameter and says what is wrong with it.
                Err(ApiError::bad_request(text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text)))
            }
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

/// Deserialises a whole number, or says what would be one.
pub(super) fn whole_number<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    parsed(deserializer, "must be a whole number").map(Some)
}

/// Deserialises a yes or no, or says how to write one.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    parsed(deserializer, "must be true or false")
}

/// As [`flag`], of a parameter that may be left out.
pub(super) fn optional_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    flag(deserializer).map(Some)
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D, wanted: &str) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format_args!("{wanted}, got {text:?}")))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Wanted {
        #[serde(deserialize_with = "whole_number")]
        limit: Option<usize>,
        #[serde(deserialize_with = "optional_flag")]
        active: Option<bool>,
        #[serde(deserialize_with = "flag")]
        explain: bool,
    }

    async fn wanted(query: &str) -> Result<Wanted, String> {
        let (mut parts, ()) = Request::builder().uri(format!("/list?{query}")).body(()).unwrap().into_parts();
        let parameters = Parameters::from_request_parts(&mut parts, &()).await;
        parameters.map(|Parameters(wanted)| wanted).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_refusal_names_the_parameter_its_value_and_what_would_do() {
        assert_eq!(wanted("").await, Ok(Wanted::default()));
        let all = Wanted { limit: Some(5), active: Some(false), explain: true };
        assert_eq!(wanted("limit=5&active=false&explain=true").await, Ok(all));
        let refused = [
            ("limit=many", r#"limit: must be a whole number, got "many""#),
            ("limit=-1", r#"limit: must be a whole number, got "-1""#),
            ("active=maybe", r#"active: must be true or false, got "maybe""#),
            ("explain=", r#"explain: must be true or false, got """#),
            ("lmit=5", "unknown field `lmit`, expected one of `limit`, `active`, `explain`"),
        ];
        for (query, expected) in refused {
            let error = wanted(query).await.unwrap_err();
            assert!(error.contains(expected), "{query}: {error}");
        }
    }
}
