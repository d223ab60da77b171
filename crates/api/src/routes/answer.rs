//! What is answered to readings.

use jiff::Timestamp;
use pipeline::{Answered, Why};
use serde::Serialize;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::MissingValues;
use utoipa::ToSchema;

/// The longest answer to one reading as JSON, with the separator behind it, in bytes; without what has an entry a feature.
const MAX_PLAIN_BYTES: usize = 400;

/// The longest entry of `why` beside the feature's name.
const MAX_WHY_BYTES: usize = 130;

/// The longest answer to one reading of these features as JSON, with the separator behind it, in bytes.
pub fn max_answer_bytes(features: &FeatureSet, missing: MissingValues, explained: bool) -> usize {
    // A name may be escaped, and has quotes and a comma.
    let names = |beside: usize| features.names().map(|name| 2 * name.len() + 3 + beside).sum::<usize>();
    let gaps = if missing == MissingValues::Carry { names(0) } else { 0 };
    let why = if explained { names(MAX_WHY_BYTES) } else { 0 };
    MAX_PLAIN_BYTES + gaps + why
}

/// The answer to one reading.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Prediction)]
pub struct Answer<'a> {
    /// When the reading was taken or, if its sender did not say, when it was scored; RFC 3339, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Whether the score is above the threshold.
    pub is_anomaly: bool,
    /// In 0 to 1, higher = more anomalous; see `score_meaning` of `/model/info`.
    #[schema(minimum = 0, maximum = 1)]
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
    /// How rare such a reading is in normal running, in decades: 3 = one in a thousand. Left out if the model is not
    /// calibrated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, minimum = 0)]
    pub surprisal: Option<f64>,
    /// The turbine's smoothed surprisal after the reading, in decades. Left out if the model is not calibrated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, minimum = 0)]
    pub smoothed_surprisal: Option<f64>,
    /// Whether the turbine's alarm is on after the reading.
    pub in_alarm: bool,
    /// Features that were missing from the reading, and for which the turbine's last value stood in; left out if there are
    /// none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub carried: Vec<&'a str>,
    /// Features that have been missing for too long to carry the last value, and for which the expected value stood in; left
    /// out if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub missing: Vec<&'a str>,
    /// The sensors by their share of the surprisal, largest first; with `explain=true`, if the model can say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::why, required = false)]
    pub why: Option<Vec<Why>>,
    /// True if the reading came before, with the same turbine, time and values: it is answered as then and not logged
    /// again. Left out otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub duplicate: bool,
}

impl<'a> Answer<'a> {
    /// The answer to a reading of these features.
    pub fn new(Answered { record, threshold, duplicate, .. }: &'a Answered, features: &'a FeatureSet) -> Self {
        Answer {
            timestamp: record.timestamp,
            is_anomaly: record.prediction.is_anomaly,
            anomaly_score: record.prediction.anomaly_score,
            threshold: *threshold,
            model_version: &record.model_version,
            turbine_id: record.turbine_id.as_ref().map(|id| id.as_str()),
            surprisal: record.watch.surprisal,
            smoothed_surprisal: record.watch.smoothed_surprisal,
            in_alarm: record.watch.in_alarm,
            carried: record.gaps.carried.names(features).collect(),
            missing: record.gaps.missing.names(features).collect(),
            why: None,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use turbine_core::feature::MAX_FEATURES;

    #[test]
    fn no_answer_is_longer_than_was_reserved() {
        // Each character of these names is escaped.
        let name = |i: usize| format!("\"{}", "\"".repeat(i));
        let features = FeatureSet::from_names((0..MAX_FEATURES).map(name)).unwrap();
        let longest = -1.234_567_890_123_456_7e-300;
        let names: Vec<&str> = features.names().collect();
        let why =
            |feature: &&str| Why { feature: (*feature).to_owned(), value: longest, expected: longest, share: longest };
        let turbine_id = "T".repeat(64);
        let answer = |carried: &[&'static str], explained: bool| Answer {
            timestamp: Timestamp::MAX,
            is_anomaly: false,
            anomaly_score: longest,
            threshold: Some(longest),
            model_version: "m0123456789ab",
            turbine_id: Some(&turbine_id),
            surprisal: Some(longest),
            smoothed_surprisal: Some(longest),
            in_alarm: false,
            carried: carried.to_vec(),
            missing: Vec::new(),
            why: explained.then(|| names.iter().map(why).collect()),
            duplicate: true,
        };
        let length = |answer: Answer| serde_json::to_string(&answer).unwrap().len() + 1;
        let plain = max_answer_bytes(&features, MissingValues::Refuse, false);
        assert!(length(answer(&[], false)) <= plain);
        assert!(length(answer(&[], true)) <= max_answer_bytes(&features, MissingValues::Refuse, true));
        let gaps = Answer { carried: names.clone(), ..answer(&[], true) };
        assert!(length(gaps) <= max_answer_bytes(&features, MissingValues::Carry, true));
    }
}
