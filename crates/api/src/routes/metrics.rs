//! `GET /metrics`: JSON, or Prometheus's text format if the client asks for it.

use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use crate::telemetry::Summary;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counters: in JSON those of scoring requests, in Prometheus's text format all of them.
#[utoipa::path(
    get,
    path = "/metrics",
    responses(
        (status = 200, description = "The counters.", content((Summary = "application/json"), (String = "text/plain"))),
        AnyRefusal,
    ),
    tag = "operation"
)]
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, ApiError> {
    let counters = app.pipeline.counters();
    if wants_text(&headers) {
        app.pipeline.refresh_gauges();
        let text = app.telemetry.prometheus_text();
        let text = text.map_err(|error| ApiError::Internal { cause: error.to_string() })?;
        Ok(([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response())
    } else {
        Ok(Json(app.telemetry.summary(counters.predictions.get() + counters.unlogged.get())).into_response())
    }
}

/// A scraper names text or OpenMetrics before it names everything else; curl and browsers do not.
fn wants_text(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let types = accepted.flat_map(|value| value.split(','));
    let mut essences = types.map(|accepted| accepted.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    essences
        .find(|essence| {
            matches!(essence.as_str(), "application/json" | "text/html" | "text/plain" | "application/openmetrics-text")
        })
        .is_some_and(|essence| matches!(essence.as_str(), "text/plain" | "application/openmetrics-text"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scrapers_get_text_and_everybody_else_json() {
        let wants = |accept: &str| wants_text(&HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]));
        assert!(wants("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"));
        assert!(wants("text/plain;version=0.0.4"));
        for json in ["*/*", "application/json", "application/json, text/plain, */*", "text/html,application/xml;q=0.9"]
        {
            assert!(!wants(json), "{json}");
        }
        assert!(!wants_text(&HeaderMap::new()));
    }
}
