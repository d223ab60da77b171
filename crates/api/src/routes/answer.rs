//! What is answered to readings.

use jiff::Timestamp;
use pipeline::Answered;
use serde::Serialize;
use utoipa::ToSchema;

/// The longest answer to one reading as JSON, with the separator behind it, in bytes.
pub const MAX_ANSWER_BYTES: usize = 300;

/// The answer to one reading.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Prediction)]
pub struct Answer<'a> {
    /// When the reading was taken or, if its sender did not say, when it was scored; RFC 3339, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Whether the score is above the threshold.
    pub is_anomaly: bool,
    /// In (0, 1], higher = more anomalous.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub anomaly_score: f64,
    /// Scores above it are anomalies; left out for a repeated reading that a model before the present one scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub threshold: Option<f64>,
    /// The model that scored.
    pub model_version: &'a str,
    /// The turbine, if the reading named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub turbine_id: Option<&'a str>,
    /// True if the reading came before, with the same turbine, time and values: it is answered as then and not logged
    /// again. Left out otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub duplicate: bool,
}

impl<'a> From<&'a Answered> for Answer<'a> {
    fn from(Answered { record, threshold, duplicate }: &'a Answered) -> Self {
        Answer {
            timestamp: record.timestamp,
            is_anomaly: record.prediction.is_anomaly,
            anomaly_score: record.prediction.anomaly_score,
            threshold: *threshold,
            model_version: &record.model_version,
            turbine_id: record.turbine_id.as_ref().map(|id| id.as_str()),
            duplicate: *duplicate,
        }
    }
}

/// The answer to a batch: one prediction a reading, in order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Predictions)]
pub struct Answers<'a> {
    /// The predictions.
    pub predictions: Vec<Answer<'a>>,
}
