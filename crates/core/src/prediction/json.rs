//! A record as JSON: for logs that are not files.

use super::{Prediction, PredictionRecord, Watch};
use crate::feature::FeatureSet;
use crate::reading::TurbineId;
use crate::sensors::{Gaps, SensorSet};
use jiff::Timestamp;
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A record as it was read from JSON: what [`PredictionRecord::json`] writes, bit for bit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct JsonRecord {
    timestamp: Timestamp,
    turbine_id: Option<TurbineId>,
    values: Vec<f64>,
    is_anomaly: bool,
    anomaly_score: f64,
    model_version: Arc<str>,
    surprisal: Option<f64>,
    smoothed_surprisal: Option<f64>,
    in_alarm: bool,
    #[serde(default)]
    carried: Vec<String>,
    #[serde(default)]
    missing: Vec<String>,
}

/// Why a record is not one of these features.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtherFeatures {
    /// It has more or fewer values.
    #[error("it has {found} values, and there are {expected} features")]
    Number {
        /// The features.
        expected: usize,
        /// The values.
        found: usize,
    },
    /// It names one that is not among them.
    #[error("{0:?} is named as a gap and is no feature")]
    Gap(String),
}

impl PredictionRecord {
    /// The record of these features, to be written as JSON: an object with the columns of the log as its keys; `values` is a
    /// list in the features' order, `carried` and `missing` name features and are left out if they are empty.
    pub fn json<'a>(&'a self, features: &'a FeatureSet) -> impl Serialize + 'a {
        Written {
            timestamp: self.timestamp,
            turbine_id: self.turbine_id.as_ref(),
            values: &self.values,
            is_anomaly: self.prediction.is_anomaly,
            anomaly_score: self.prediction.anomaly_score,
            model_version: &self.model_version,
            surprisal: self.watch.surprisal,
            smoothed_surprisal: self.watch.smoothed_surprisal,
            in_alarm: self.watch.in_alarm,
            carried: Names { sensors: self.gaps.carried, features },
            missing: Names { sensors: self.gaps.missing, features },
        }
    }
}

impl JsonRecord {
    /// The record, of these features.
    ///
    /// # Errors
    /// If it is one of other features.
    pub fn into_record(self, features: &FeatureSet) -> Result<PredictionRecord, OtherFeatures> {
        let (expected, found) = (features.len(), self.values.len());
        if expected != found {
            return Err(OtherFeatures::Number { expected, found });
        }
        let place = |name: String| features.names().position(|feature| feature == name).ok_or(OtherFeatures::Gap(name));
        let sensors = |names: Vec<String>| names.into_iter().map(place).collect::<Result<SensorSet, _>>();
        let gaps = Gaps { carried: sensors(self.carried)?, missing: sensors(self.missing)? };
        let (surprisal, smoothed_surprisal) = (self.surprisal, self.smoothed_surprisal);
        Ok(PredictionRecord {
            timestamp: self.timestamp,
            values: self.values,
            prediction: Prediction { anomaly_score: self.anomaly_score, is_anomaly: self.is_anomaly },
            turbine_id: self.turbine_id,
            model_version: self.model_version,
            watch: Watch { surprisal, smoothed_surprisal, in_alarm: self.in_alarm },
            gaps,
        })
    }
}

#[derive(Serialize)]
struct Written<'a> {
    timestamp: Timestamp,
    turbine_id: Option<&'a TurbineId>,
    values: &'a [f64],
    is_anomaly: bool,
    anomaly_score: f64,
    model_version: &'a str,
    surprisal: Option<f64>,
    smoothed_surprisal: Option<f64>,
    in_alarm: bool,
    #[serde(skip_serializing_if = "Names::is_empty")]
    carried: Names<'a>,
    #[serde(skip_serializing_if = "Names::is_empty")]
    missing: Names<'a>,
}

struct Names<'a> {
    sensors: SensorSet,
    features: &'a FeatureSet,
}

impl Names<'_> {
    fn is_empty(&self) -> bool {
        self.sensors.is_empty()
    }
}

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(Some(self.sensors.len()))?;
        for name in self.sensors.names(self.features) {
            names.serialize_element(name)?;
        }
        names.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_record_reads_back_bit_for_bit() {
        let features = FeatureSet::from_names(["speed, avg", "power"]).unwrap();
        let record = PredictionRecord {
            timestamp: "2026-01-31T12:00:00.25Z".parse().unwrap(),
            values: vec![0.1 + 0.2, -1e-300],
            prediction: Prediction { anomaly_score: 1.0 / 3.0, is_anomaly: true },
            turbine_id: Some("WT-23".parse().unwrap()),
            model_version: "m0123456789ab".into(),
            watch: Watch { surprisal: Some(2.5), smoothed_surprisal: None, in_alarm: true },
            gaps: Gaps::default(),
        };
        let written = serde_json::to_string(&record.json(&features)).unwrap();
        assert_eq!(
            written,
            "{\"timestamp\":\"2026-01-31T12:00:00.25Z\",\"turbine_id\":\"WT-23\",\"values\":[\
             0.30000000000000004,-1e-300],\"is_anomaly\":true,\"anomaly_score\":0.3333333333333333,\
             \"model_version\":\"m0123456789ab\",\"surprisal\":2.5,\"smoothed_surprisal\":null,\"in_alarm\":true}"
        );
        let with_gaps = Gaps { carried: [1].into_iter().collect(), missing: [0].into_iter().collect() };
        for record in [PredictionRecord { gaps: with_gaps, ..record.clone() }, record] {
            let written = serde_json::to_string(&record.json(&features)).unwrap();
            let read: JsonRecord = serde_json::from_str(&written).unwrap();
            assert_eq!(read.into_record(&features), Ok(record));
        }
        let read = |text: &str| serde_json::from_str::<JsonRecord>(text).unwrap().into_record(&features);
        let foreign = written.replace("\"in_alarm\":true", "\"in_alarm\":true,\"missing\":[\"torque\"]");
        assert_eq!(read(&foreign), Err(OtherFeatures::Gap("torque".to_owned())));
        let short = written.replace(",-1e-300", "");
        assert_eq!(read(&short), Err(OtherFeatures::Number { expected: 2, found: 1 }));
    }
}
