//! What a model says of a reading, and the row that the prediction log keeps of it.
//!
//! The log is a CSV: `timestamp`, the features, `is_anomaly` (0 or 1), `anomaly_score`, `turbine_id`, `model_version`.
//! A log that is rotated is a set of such files; [`log_files`] names them in order.

mod files;
mod log;

pub use files::{LogName, log_files};
pub use log::{LogError, LogReader};

use crate::feature::FeatureSet;
use crate::reading::{Reading, TurbineId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A model's verdict on one reading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// In (0, 1], higher = more anomalous.
    pub anomaly_score: f64,
    /// Whether the score is above the model's threshold.
    pub is_anomaly: bool,
}

/// One row of the prediction log.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionRecord {
    /// When the reading was taken or, if its sender did not say, when it was scored; UTC.
    pub timestamp: Timestamp,
    /// One value a feature, in the features' order and units.
    pub values: Vec<f64>,
    /// The verdict.
    pub prediction: Prediction,
    /// The turbine, if the sender named it.
    pub turbine_id: Option<TurbineId>,
    /// Which model scored the reading; empty in logs that do not say.
    pub model_version: String,
}

/// The columns before the features.
const LEADING: [&str; 1] = ["timestamp"];
/// The columns after the features that every log has.
const VERDICT: [&str; 2] = ["is_anomaly", "anomaly_score"];
/// The columns that may follow.
const TRAILING: [&str; 2] = ["turbine_id", "model_version"];

impl PredictionRecord {
    /// The record of `reading`, which arrived `now` and was scored by the model of that version.
    pub fn new(reading: Reading, prediction: Prediction, now: Timestamp, model_version: &str) -> Self {
        let (values, timestamp, turbine_id) = reading.into_parts();
        let timestamp = timestamp.unwrap_or(now);
        PredictionRecord { timestamp, values, prediction, turbine_id, model_version: model_version.to_owned() }
    }

    /// The header row of a log of these features.
    pub fn header(features: &FeatureSet) -> Vec<&str> {
        LEADING.into_iter().chain(features.names()).chain(VERDICT).chain(TRAILING).collect()
    }

    /// Appends the row, with its line end, to `csv`.
    ///
    /// # Errors
    /// Those of the underlying writer; none if it is a vector.
    pub fn write(&self, csv: &mut csv::Writer<impl std::io::Write>) -> csv::Result<()> {
        let Prediction { anomaly_score, is_anomaly } = self.prediction;
        let turbine_id = self.turbine_id.as_ref().map_or("", TurbineId::as_str);
        csv.serialize((
            self.timestamp,
            &self.values,
            u8::from(is_anomaly),
            anomaly_score,
            turbine_id,
            &self.model_version,
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_row_stands_under_its_header() {
        let features = FeatureSet::turbine();
        assert_eq!(
            PredictionRecord::header(&features).join(","),
            "timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score,turbine_id,model_version"
        );
        let record = PredictionRecord {
            timestamp: "2026-01-31T13:00:00.25+01:00".parse().unwrap(),
            values: vec![25.0, 60.2, 1e-7],
            prediction: Prediction { anomaly_score: 0.1 + 0.2, is_anomaly: true },
            turbine_id: Some("WT-23".parse().unwrap()),
            model_version: "0123456789ab".to_owned(),
        };
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        record.write(&mut csv).unwrap();
        let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
        assert_eq!(text, "2026-01-31T12:00:00.25Z,25.0,60.2,1e-7,1,0.30000000000000004,WT-23,0123456789ab\n");
    }
}
