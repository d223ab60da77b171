//! A record as JSON that names its features: for logs that are not files.

use super::{Prediction, PredictionRecord, Watch};
use crate::feature::FeatureSet;
use crate::reading::TurbineId;
use crate::sensors::SensorSet;
use jiff::Timestamp;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A record and the names of its features. It reads back bit for bit what [`PredictionRecord::named`] writes.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedRecord {
    /// One name a value, in the features' order.
    pub features: Vec<String>,
    /// The record.
    pub record: PredictionRecord,
}

impl PredictionRecord {
    /// The record of these features, to be written as JSON: an object with the columns of the log as its keys, and the
    /// values by feature as an object `values`.
    pub fn named<'a>(&'a self, features: &'a FeatureSet) -> impl Serialize + 'a {
        Written {
            timestamp: self.timestamp,
            turbine_id: self.turbine_id.as_ref(),
            values: Values { values: &self.values, features },
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

#[derive(Serialize)]
struct Written<'a> {
    timestamp: Timestamp,
    turbine_id: Option<&'a TurbineId>,
    values: Values<'a>,
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

struct Values<'a> {
    values: &'a [f64],
    features: &'a FeatureSet,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.features.names().zip(self.values))
    }
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

#[derive(Deserialize)]
struct Read {
    timestamp: Timestamp,
    turbine_id: Option<TurbineId>,
    values: Pairs,
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

/// An object of numbers, in the order in which it was written.
struct Pairs {
    names: Vec<String>,
    numbers: Vec<f64>,
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of features and numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Pairs { names: Vec::new(), numbers: Vec::new() };
                while let Some((name, number)) = map.next_entry()? {
                    pairs.names.push(name);
                    pairs.numbers.push(number);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl<'de> Deserialize<'de> for NamedRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::deserialize(deserializer)?;
        let Pairs { names: features, numbers: values } = read.values;
        let sensors = |names: Vec<String>| -> Result<SensorSet, D::Error> {
            let place = |name: String| {
                let place = features.iter().position(|feature| *feature == name);
                place.ok_or_else(|| D::Error::custom(format!("{name:?} is named as a gap and is not among the values")))
            };
            names.into_iter().map(place).collect()
        };
        let gaps = crate::sensors::Gaps { carried: sensors(read.carried)?, missing: sensors(read.missing)? };
        let record = PredictionRecord {
            timestamp: read.timestamp,
            values,
            prediction: Prediction { anomaly_score: read.anomaly_score, is_anomaly: read.is_anomaly },
            turbine_id: read.turbine_id,
            model_version: read.model_version,
            watch: Watch {
                surprisal: read.surprisal,
                smoothed_surprisal: read.smoothed_surprisal,
                in_alarm: read.in_alarm,
            },
            gaps,
        };
        Ok(NamedRecord { features, record })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sensors::Gaps;

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
        let written = serde_json::to_string(&record.named(&features)).unwrap();
        assert_eq!(
            written,
            "{\"timestamp\":\"2026-01-31T12:00:00.25Z\",\"turbine_id\":\"WT-23\",\"values\":{\"speed, avg\":\
             0.30000000000000004,\"power\":-1e-300},\"is_anomaly\":true,\"anomaly_score\":0.3333333333333333,\
             \"model_version\":\"m0123456789ab\",\"surprisal\":2.5,\"smoothed_surprisal\":null,\"in_alarm\":true}"
        );
        let with_gaps = Gaps { carried: [1].into_iter().collect(), missing: [0].into_iter().collect() };
        for record in [PredictionRecord { gaps: with_gaps, ..record.clone() }, record] {
            let written = serde_json::to_string(&record.named(&features)).unwrap();
            let read: NamedRecord = serde_json::from_str(&written).unwrap();
            assert_eq!(read, NamedRecord { features: vec!["speed, avg".to_owned(), "power".to_owned()], record });
        }
        let foreign = written.replace("\"in_alarm\":true", "\"in_alarm\":true,\"missing\":[\"torque\"]");
        let error = serde_json::from_str::<NamedRecord>(&foreign).unwrap_err().to_string();
        assert!(error.contains("\"torque\" is named as a gap and is not among the values"), "{error}");
    }
}
