//! `GET /drift`.

use crate::error::{AnyRefusal, ApiError};
use crate::state::App;
use axum::Json;
use axum::extract::State;
use pipeline::drift::DriftReport;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How the newest readings of all turbines together compare with the training of the model in service: population stability
/// index and Kolmogorov–Smirnov distance of each feature, and the share of flagged readings.
#[utoipa::path(
    get,
    path = "/drift",
    responses(
        (status = 200, description = "The figures.", content((DriftSchema = "application/json"))),
        AnyRefusal,
    ),
    tag = "turbines"
)]
pub async fn drift(State(app): State<Arc<App>>) -> Result<Json<DriftReport>, ApiError> {
    Ok(Json(app.pipeline.drift()?))
}

/// The schema of the figures of drift.
#[derive(Debug)]
pub struct DriftSchema;

impl PartialSchema for DriftSchema {
    fn schema() -> RefOr<Schema> {
        let count = |text: &str| json!({"type": "integer", "minimum": 0, "description": text});
        let share = |text: &str| json!({"type": "number", "minimum": 0, "maximum": 1, "description": text});
        let or_null = |kind: &str, text: &str| json!({"type": [kind, "null"], "description": text});
        let bin = object(json!({
            "up_to": or_null("number", "The upper end of the bin, which belongs to it; null for the last one."),
            "training": share("Share of the training values."),
            "window": or_null("number", "Share of the window's values; null without any."),
        }));
        let feature = object(json!({
            "feature": {"type": "string", "description": "The feature."},
            "values": count("Values in the window: readings without those in which it was not measured."),
            "psi": or_null("number", "Population stability index; null without a value."),
            "psi_by_chance": or_null("number", "What it is on average without drift."),
            "ks": or_null("number", "Kolmogorov-Smirnov distance; null without a value."),
            "ks_by_chance": or_null("number", "What it is less than 999 times in a thousand without drift."),
            "decided": {"type": "boolean", "description": "Whether there are enough readings to say whether it drifts."},
            "drifting": {"type": "boolean", "description": "Whether the feature drifts."},
            "since": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "The time of the reading with which drift began.",
            },
            "bins": {"type": "array", "items": bin, "description": "Shares from low to high values."},
        }));
        let schema = object(json!({
            "model_version": {"type": "string", "description": "The model in service."},
            "readings": count("Readings in the window."),
            "window": count("Readings in a full window."),
            "features": {"type": "array", "items": feature, "description": "In order; none if there are no figures."},
            "anomaly_rate": or_null("number", "Share of the window's readings that are flagged; null without any."),
            "expected_rate": or_null("number", "Share of the training readings that the model flags; null if not known."),
            "problem": or_null("string", "Why there are no figures, and what to do."),
        }));
        serde_json::from_value(schema).expect("a schema in JSON is a schema")
    }
}

/// The schema of an object that has all of these properties.
fn object(properties: Value) -> Value {
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    json!({"type": "object", "required": names, "properties": properties})
}

impl ToSchema for DriftSchema {
    fn name() -> Cow<'static, str> {
        "Drift".into()
    }
}
