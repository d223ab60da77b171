//! From a request's body to readings nobody has believed yet.

use crate::config::Limits;
use crate::error::{ApiError, IndexedFault};
use axum::BoxError;
use axum::body::HttpBody;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::lenient::quote_bare_words;
use turbine_core::reading::{RawReading, Reading};

/// The most readings of one batch.
pub const MAX_BATCH: usize = 10_000;

/// How many faults the message of a refused batch spells out; the list has all of them.
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
    let checked = readings.iter().map(|raw| RawReading::from_json(raw.get().as_bytes())?.check(features));
    let mut accepted = Vec::with_capacity(readings.len());
    let mut refused = Vec::new();
    for (index, reading) in checked.enumerate() {
        match reading {
            Ok(reading) => accepted.push(reading),
            Err(error) => refused.push(ApiError::of_reading(error, Some(index))),
        }
    }
    match not_json {
        _ if !refused.is_empty() => Err(all_of(refused)),
        // Nothing but the text itself is to blame, so no field is named.
        Some(error) => Err(error),
        None => Ok(accepted),
    }
}

fn all_of(refused: Vec<ApiError>) -> ApiError {
    let more = refused.len().saturating_sub(SPELT_OUT);
    let mut message = refused.iter().take(SPELT_OUT).map(ApiError::to_string).collect::<Vec<_>>().join("; ");
    if more > 0 {
        message += &format!("; and {more} more readings");
    }
    let faults = |error| match error {
        ApiError::BadRequest { faults, .. } => faults,
        _ => Vec::<IndexedFault>::new(),
    };
    ApiError::BadRequest { message, faults: refused.into_iter().flat_map(faults).collect() }
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

    fn refusal(body: &str) -> (String, Vec<(Option<usize>, String)>) {
        let error = batch(body.as_bytes(), &FeatureSet::from_names(["a", "b"]).unwrap()).unwrap_err();
        let ApiError::BadRequest { message, faults } = error else { panic!("{error}") };
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
    fn a_long_list_of_faults_is_cut_in_the_message_only() {
        let (message, faults) = refusal(&format!("{{\"readings\":[{}{{}}]}}", "{},".repeat(24)));
        assert!(message.ends_with("; and 15 more readings"), "{message}");
        assert_eq!(faults.len(), 50);
    }
}
