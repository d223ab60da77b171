//! A request's body: its kind, and its bytes within bounds of size, memory and time.

use crate::config::Limits;
use crate::error::ApiError;
use crate::memory::{MemoryBudget, Reservation};
use axum::body::{Body, HttpBody};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use pipeline::decode;
use pipeline::late_timeout::late_timeout;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::{MissingValues, RawReading, Reading};

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
        if value == "application/json" {
            return Ok(Kind::Json);
        }
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

impl<S: Sync> FromRequestParts<S> for Kind {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Kind::of(&parts.headers)
    }
}

/// A whole request body, and the memory it takes.
#[derive(Debug)]
pub struct WholeBody {
    /// Its bytes.
    pub bytes: Bytes,
    /// Their reservation, which can grow for the answer.
    pub reservation: Reservation,
}

/// Reads the whole body, if it is not too large, fits into the memory and arrives in time.
///
/// # Errors
/// 413, 503, 408, or 400 if the connection breaks off.
pub async fn read(body: Body, limits: &Limits, memory: &MemoryBudget) -> Result<WholeBody, ApiError> {
    let timeout = limits.body_timeout;
    let whole = collect(body, limits.max_body_bytes.0, memory.reservation());
    late_timeout(timeout, std::pin::pin!(whole))
        .await
        .unwrap_or(Err(ApiError::BodyTimeout { seconds: timeout.as_secs_f64() }))
}

async fn collect(mut body: Body, limit: u64, mut reservation: Reservation) -> Result<WholeBody, ApiError> {
    if body.size_hint().lower() > limit {
        return Err(ApiError::TooLarge { limit });
    }
    let length = body.size_hint().exact();
    // A small body comes in one frame, which need not be copied.
    let (mut frame, mut bytes) = (Bytes::new(), Vec::new());
    while !body.is_end_stream()
        && let Some(next) = body.frame().await
    {
        let next = next.map_err(|error| ApiError::bad_request(format!("the body broke off: {error}")))?;
        let Ok(next) = next.into_data() else { continue };
        if (frame.len() + bytes.len() + next.len()) as u64 > limit {
            return Err(ApiError::TooLarge { limit });
        }
        reservation.grow(next.len())?;
        if frame.is_empty() && bytes.is_empty() {
            frame = next;
            continue;
        }
        if bytes.is_empty() {
            // Memory is taken as it is written to, not as it is asked for.
            bytes.reserve_exact(length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0));
            bytes.extend_from_slice(&std::mem::take(&mut frame));
        }
        bytes.extend_from_slice(&next);
    }
    Ok(WholeBody { bytes: if bytes.is_empty() { frame } else { bytes.into() }, reservation })
}

/// The one reading of a body.
///
/// # Errors
/// 400 with every fault.
pub fn reading(kind: Kind, body: &[u8], features: &FeatureSet, missing: MissingValues) -> Result<Reading, ApiError> {
    if kind == Kind::Form && !looks_like_json(body) {
        Ok(RawReading::from_form(form_urlencoded::parse(body)).check_with(features, missing)?)
    } else {
        Ok(decode::reading(body, features, missing)?)
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures_util::StreamExt;

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
        let reading = |kind, body: &[u8], features| reading(kind, body, features, MissingValues::Refuse);
        let form = b"temperature=25.1&humidity=60.2&sound_volume=0.51";
        assert_eq!(reading(Kind::Form, form, &features).unwrap().values(), [25.1, 60.2, 0.51]);
        let json = b" {\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51}";
        assert_eq!(reading(Kind::Form, json, &features).unwrap().values(), [25.1, 60.2, 0.51]);
        assert!(reading(Kind::Json, form, &features).unwrap_err().to_string().contains("not JSON"));
    }

    #[tokio::test]
    async fn a_body_holds_memory_as_it_arrives() {
        use crate::config::Config;
        use clap::Parser;
        let limits = Config::parse_from(["api", "--max-body-bytes", "6000"]).limits;
        let pieces = |sizes: &'static [usize]| {
            Body::from_stream(futures_util::stream::iter(sizes).map(|&size| Ok::<_, std::io::Error>(vec![b'x'; size])))
        };
        let memory = MemoryBudget::new(5 << 10);
        let body = read(pieces(&[1_000, 2_000, 1]), &limits, &memory).await.unwrap();
        assert_eq!((body.bytes.len(), memory.held()), (3_001, 3 << 10));
        // 2 KiB are left.
        for (sizes, status) in [(&[2_000, 100][..], 503), (&[1_500, 1_500, 3_000, 1], 503), (&[6_001], 413)] {
            assert_eq!(read(pieces(sizes), &limits, &memory).await.unwrap_err().status(), status);
            assert_eq!(memory.held(), 3 << 10);
        }
        drop(body);
        assert_eq!(read(pieces(&[1_500, 1_500, 1_500, 700]), &limits, &memory).await.unwrap_err().status(), 503);
        assert_eq!(memory.held(), 0);
    }
}
