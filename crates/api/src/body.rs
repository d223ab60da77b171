//! A request's body: its kind, and its bytes within bounds of size and time.

use crate::config::Limits;
use crate::error::ApiError;
use axum::BoxError;
use axum::body::HttpBody;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pipeline::decode;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::{RawReading, Reading};

/// The kind of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JSON: declared, undeclared or mislabelled.
    Json,
    /// A form post, or what `curl -d` calls one.
    Form,
    /// One JSON object a line.
    Ndjson,
}

impl Kind {
    /// Reads the content type.
    ///
    /// # Errors
    /// 415 for types that hold no readings.
    pub fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(Kind::Json) };
        let content_type = String::from_utf8_lossy(value.as_bytes());
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "" | "application/json" | "text/json" | "text/plain" | "application/octet-stream" => Ok(Kind::Json),
            "application/x-www-form-urlencoded" => Ok(Kind::Form),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Kind::Ndjson),
            other if other.ends_with("+json") => Ok(Kind::Json),
            _ => Err(ApiError::UnsupportedMediaType {
                content_type: content_type.into_owned(),
                expected: "application/json, application/x-www-form-urlencoded or, to /predict/batch, application/x-ndjson",
            }),
        }
    }
}

/// A request's body, as the server or a test hands it over.
pub trait Readings: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static {}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static> Readings for B {}

/// Takes the whole body in, if it is not too large and arrives in time.
///
/// # Errors
/// 413, 408, or 400 if the connection breaks off.
pub async fn read(body: impl Readings, limits: &Limits) -> Result<Bytes, ApiError> {
    let limit = limits.max_body_bytes.0;
    if body.size_hint().lower() > limit {
        return Err(ApiError::TooLarge { limit });
    }
    let collected = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)).collect();
    let timeout = limits.body_timeout.0;
    match tokio::time::timeout(timeout, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge { limit }),
        Ok(Err(error)) => Err(ApiError::bad_request(format!("the body broke off: {error}"))),
        Err(_) => Err(ApiError::BodyTimeout { seconds: timeout.as_secs_f64() }),
    }
}

/// The one reading of a body.
///
/// # Errors
/// 400 with every fault.
pub fn reading(kind: Kind, body: &[u8], features: &FeatureSet) -> Result<Reading, ApiError> {
    if kind == Kind::Form && !looks_like_json(body) {
        Ok(RawReading::from_form(form_urlencoded::parse(body)).check(features)?)
    } else {
        Ok(decode::reading(body, features)?)
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kind(content_type: &str) -> Result<Kind, ApiError> {
        Kind::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]))
    }

    #[test]
    fn clients_that_send_json_are_understood_whatever_they_call_it() {
        assert_eq!(Kind::of(&HeaderMap::new()).unwrap(), Kind::Json);
        for json in
            ["application/json", "Application/JSON; charset=utf-8", "text/plain", "application/problem+json", ""]
        {
            assert_eq!(kind(json).unwrap(), Kind::Json, "{json}");
        }
        assert_eq!(kind("application/x-www-form-urlencoded").unwrap(), Kind::Form);
        assert_eq!(kind("application/x-ndjson").unwrap(), Kind::Ndjson);
        for other in ["multipart/form-data; boundary=x", "application/xml", "image/png"] {
            let error = kind(other).unwrap_err();
            assert_eq!(error.status(), 415);
            assert!(error.to_string().contains(other), "{error}");
        }
    }

    #[test]
    fn a_form_post_and_json_that_is_called_one() {
        let features = FeatureSet::turbine();
        let form = b"temperature=25.1&humidity=60.2&sound_volume=0.51";
        assert_eq!(reading(Kind::Form, form, &features).unwrap().values(), [25.1, 60.2, 0.51]);
        let json = b" {\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51}";
        assert_eq!(reading(Kind::Form, json, &features).unwrap().values(), [25.1, 60.2, 0.51]);
        assert!(reading(Kind::Json, form, &features).unwrap_err().to_string().contains("not JSON"));
    }
}
