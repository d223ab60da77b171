//! The answers of `/model/info` and `/health`.

use serde::Deserialize;
use std::fmt;
use turbine_core::feature::{Feature, FeatureError, FeatureSet, Range};

/// The part of `/model/info` that the sender uses.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// The model's features.
    pub features: FeatureSet,
    /// The model's version; empty if the service does not report it.
    pub version: String,
}

#[derive(Deserialize)]
struct Answer {
    feature_names: Vec<String>,
    #[serde(default)]
    features: Vec<FeatureAnswer>,
    #[serde(default)]
    model_version: String,
}

#[derive(Deserialize)]
struct FeatureAnswer {
    name: String,
    #[serde(default)]
    unit: String,
    range: Option<Range>,
}

/// Why an answer of `/model/info` is unusable.
#[derive(Debug, thiserror::Error)]
pub enum ModelInfoError {
    /// It is not JSON of the expected shape.
    #[error("cannot read its answer: {0}")]
    Json(#[from] serde_json::Error),
    /// The features are invalid.
    #[error("its features are invalid: {0}")]
    Features(#[from] FeatureError),
}

impl ModelInfo {
    /// Parses the answer of `/model/info`; only the feature names are required.
    ///
    /// # Errors
    /// A [`ModelInfoError`] if the feature names are missing or invalid.
    pub fn from_json(body: &[u8]) -> Result<Self, ModelInfoError> {
        let Answer { feature_names, features, model_version } = serde_json::from_slice(body)?;
        let described = |name: String| match features.iter().find(|feature| feature.name == name) {
            Some(FeatureAnswer { unit, range, .. }) => Feature { name, unit: unit.clone(), range: *range },
            None => Feature::unbounded(name),
        };
        let set = FeatureSet::new(feature_names.into_iter().map(described).collect())?;
        Ok(ModelInfo { features: set, version: model_version })
    }

    /// The feature names, separated by commas.
    pub fn feature_list(&self) -> String {
        self.features.names().collect::<Vec<_>>().join(", ")
    }
}

/// The answer of `/health`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Health {
    /// `healthy` or `degraded`.
    pub status: String,
    /// Why the service is degraded.
    #[serde(default)]
    pub reasons: Vec<String>,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.status)?;
        if self.reasons.is_empty() { Ok(()) } else { write!(f, ": {}", self.reasons.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_names_are_required() {
        let info = ModelInfo::from_json(br#"{"model_type":"IsolationForest","feature_names":["a","b"]}"#).unwrap();
        assert_eq!(info.features, FeatureSet::from_names(["a", "b"]).unwrap());
        assert_eq!(info.feature_list(), "a, b");
    }

    #[test]
    fn units_and_ranges_are_matched_by_name() {
        let info = ModelInfo::from_json(
            r#"{"feature_names":["a","b"],"model_version":"v1","features":[
                {"name":"b","unit":"","range":null,"mean":1.5,"std":0},
                {"name":"a","unit":"°C","range":{"min":0,"max":9},"mean":2.5,"std":0.5}]}"#
                .as_bytes(),
        )
        .unwrap();
        assert_eq!((info.features[0].label().as_str(), info.version.as_str()), ("a (°C)", "v1"));
        assert_eq!(info.features[0].range, Some(Range { min: 0.0, max: 9.0 }));
    }

    #[test]
    fn health_has_reasons() {
        let health = |reasons: &[&str]| {
            let reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
            Health { status: "degraded".to_owned(), reasons }.to_string()
        };
        assert_eq!(health(&[]), "degraded");
        assert_eq!(health(&["no model", "disk full"]), "degraded: no model; disk full");
    }

    #[test]
    fn malformed_answers_are_errors() {
        for other in [&b"{}"[..], b"[]", b"<html>", br#"{"feature_names":[]}"#, br#"{"feature_names":["a","a"]}"#] {
            assert!(ModelInfo::from_json(other).is_err());
        }
    }
}
