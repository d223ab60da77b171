//! From a request's body to readings.

use crate::config::Limits;
use crate::error::{ApiError, IndexedFault, MAX_FAULTS};
use crate::late_timeout::late_timeout;
use crate::memory::{MemoryBudget, Reservation};
use crate::schema::MAX_BATCH;
use axum::body::{Body, HttpBody};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::pin::pin;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::lenient::quote_bare_words;
use turbine_core::reading::{RawReading, Reading, ReadingError};

/// How many readings the message of a refused batch spells out.
const SPELT_OUT: usize = 10;

/// What a body is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JSON, or nothing said, or something that clients say who send JSON.
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
    let whole = late_timeout(timeout, pin!(collect(body, limits.max_body_bytes.0, memory.reservation()))).await;
    whole.unwrap_or(Err(ApiError::BodyTimeout { seconds: timeout.as_secs_f64() }))
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
pub fn reading(kind: Kind, body: &[u8], features: &FeatureSet) -> Result<Reading, ApiError> {
    let raw = if kind == Kind::Form && !looks_like_json(body) {
        RawReading::from_form(form_urlencoded::parse(body))
    } else {
        RawReading::from_json(body)?
    };
    Ok(raw.check(features)?)
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The readings of a batch, `{"readings": [...]}`.
///
/// # Errors
/// 400 with every fault of every reading, each with its place; the batch is refused whole.
pub fn batch(body: &[u8], features: &FeatureSet) -> Result<Vec<Reading>, ApiError> {
    #[derive(Deserialize)]
    struct Batch<'a> {
        #[serde(borrow)]
        readings: Vec<&'a RawValue>,
    }
    let text = std::str::from_utf8(body).map_err(|_| ApiError::bad_request("the body is not UTF-8 text"))?;
    let strict = |error: serde_json::Error| {
        ApiError::bad_request(format!("a batch must be a JSON object {{\"readings\": [{{…}}, …]}}: {error}"))
    };
    let mut text = Cow::Borrowed(text);
    let mut not_json = None;
    if let Err(error) = serde_json::from_str::<Batch>(&text) {
        let quoted = quote_bare_words(&text);
        if serde_json::from_str::<Batch>(&quoted.text).is_err() {
            return Err(strict(error));
        }
        not_json = (!quoted.was_json).then(|| strict(error));
        text = Cow::Owned(quoted.text);
    }
    let Batch { readings } = serde_json::from_str(&text).map_err(strict)?;
    if readings.len() > MAX_BATCH {
        return Err(ApiError::bad_request(format!(
            "readings has {} entries; a batch takes up to {MAX_BATCH}, send several or newline-delimited JSON",
            readings.len()
        )));
    }
    let mut accepted = Vec::with_capacity(readings.len());
    let mut refused = Refused::default();
    for (index, raw) in readings.iter().enumerate() {
        match RawReading::from_json(raw.get().as_bytes()).and_then(|raw| raw.check(features)) {
            Ok(reading) if refused.readings == 0 => accepted.push(reading),
            Ok(_) => {}
            Err(error) => refused.add(error, index),
        }
    }
    match not_json {
        _ if refused.readings > 0 => Err(refused.into_error()),
        // Nothing but the text itself is to blame, so no field is named.
        Some(error) => Err(error),
        None => Ok(accepted),
    }
}

/// The refused readings of a batch; of many, only as much as the refusal says.
#[derive(Default)]
struct Refused {
    readings: usize,
    messages: Vec<String>,
    faults: Vec<IndexedFault>,
    more_faults: usize,
}

impl Refused {
    fn add(&mut self, error: ReadingError, index: usize) {
        self.readings += 1;
        if self.messages.len() < SPELT_OUT {
            self.messages.push(format!("reading {index}: {error}"));
        }
        for fault in error.into_faults() {
            if self.faults.len() < MAX_FAULTS {
                self.faults.push(IndexedFault { index: Some(index), fault });
            } else {
                self.more_faults += 1;
            }
        }
    }

    fn into_error(self) -> ApiError {
        let mut message = self.messages.join("; ");
        let more = self.readings - self.messages.len();
        if more > 0 {
            message += &format!("; and {more} more readings");
        }
        ApiError::BadRequest { message, faults: self.faults, more_faults: self.more_faults }
    }
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
        let form = b"temperature=25.1&humidity=60.2&sound_volume=0.51";
        assert_eq!(reading(Kind::Form, form, &features).unwrap().values(), [25.1, 60.2, 0.51]);
        let json = b" {\"temperature\":25.1,\"humidity\":60.2,\"sound_volume\":0.51}";
        assert_eq!(reading(Kind::Form, json, &features).unwrap().values(), [25.1, 60.2, 0.51]);
        assert!(reading(Kind::Json, form, &features).unwrap_err().to_string().contains("not JSON"));
    }

    fn refusal(body: &str) -> (String, Vec<(Option<usize>, String)>) {
        let error = batch(body.as_bytes(), &FeatureSet::from_names(["a", "b"]).unwrap()).unwrap_err();
        let ApiError::BadRequest { message, faults, .. } = error else { panic!("{error}") };
        (message, faults.into_iter().map(|fault| (fault.index, fault.fault.field)).collect())
    }

    #[test]
    fn a_batch_is_refused_whole_with_every_fault_in_its_place() {
        let (message, faults) = refusal(r#"{"readings":[{"a":1,"b":2},{"a":"x"},[1],{"a":NaN,"b":1}]}"#);
        let at = |index, field: &str| (Some(index), field.to_owned());
        assert_eq!(faults, [at(1, "a"), at(1, "b"), at(3, "a")]);
        assert_eq!(
            message,
            "reading 1: a must be a number, got \"x\"; b is missing; reading 2: a reading must be a JSON object such as \
             {\"temperature\": 25.1, …}, got a list; reading 3: a must be a finite number, got \"NaN\""
        );
    }

    #[test]
    fn what_is_no_batch_is_said_to_be_none() {
        for body in ["", "[]", "{}", "{\"readings\":1}", "{\"readings\":[", "7"] {
            let (message, faults) = refusal(body);
            assert!(
                message.starts_with("a batch must be a JSON object {\"readings\": [{…}, …]}: "),
                "{body}: {message}"
            );
            assert!(faults.is_empty());
        }
        let many = format!("{{\"readings\":[{}1]}}", "1,".repeat(MAX_BATCH));
        assert!(refusal(&many).0.contains("readings has 10001 entries; a batch takes up to 10000"));
    }

    #[test]
    fn a_refusal_lists_so_many_faults_and_says_how_many_more_there_are() {
        // 60 readings with 2 faults each.
        let body = format!("{{\"readings\":[{}{{}}]}}", "{},".repeat(59));
        let error = batch(body.as_bytes(), &FeatureSet::from_names(["a", "b"]).unwrap()).unwrap_err();
        let envelope = serde_json::to_value(error.envelope()).unwrap();
        assert!(envelope["error"].as_str().unwrap().ends_with("; and 50 more readings"), "{envelope}");
        assert_eq!((envelope["faults"].as_array().unwrap().len(), &envelope["more_faults"]), (100, &20.into()));
        assert_eq!(envelope["faults"][99]["index"], 49);
        let few = batch(b"{\"readings\":[{}]}", &FeatureSet::from_names(["a", "b"]).unwrap()).unwrap_err();
        assert_eq!(serde_json::to_value(few.envelope()).unwrap().get("more_faults"), None);
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
