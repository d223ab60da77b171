//! What a model says of a reading, and the row that the prediction log keeps of it.
//!
//! The log is a CSV: `timestamp`, the features, `is_anomaly` (0 or 1), `anomaly_score`, `turbine_id`, `model_version`,
//! `surprisal`, `smoothed_surprisal`, `in_alarm` (0 or 1), `carried`, `missing` (names of features, `;` between them).
//! A log that is rotated is a set of such files; [`log_files`] names them in order.

mod files;
mod json;
mod log;
mod tail;

pub use files::{LogFile, LogName, log_files};
pub use json::{JsonRecord, OtherFeatures};
pub use log::{ForeignFile, LogError, LogPosition, LogReader, log_header};
pub use tail::last_rows;

use crate::feature::FeatureSet;
use crate::reading::{Reading, TurbineId};
use crate::sensors::Gaps;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A model's verdict on one reading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// In 0 to 1, higher = more anomalous; a forest alone never gives 0, forest and neighbours never 1.
    pub anomaly_score: f64,
    /// Whether the score is above the model's threshold.
    pub is_anomaly: bool,
}

/// What watching its turbine in time makes of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Watch {
    /// How rare such a reading is in normal running, in decades: 3 = one in a thousand. `None` if the model is not
    /// calibrated.
    pub surprisal: Option<f64>,
    /// The turbine's smoothed surprisal after the reading, in decades. `None` if the model is not calibrated.
    pub smoothed_surprisal: Option<f64>,
    /// Whether the turbine's alarm is on after the reading.
    pub in_alarm: bool,
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
    pub model_version: Arc<str>,
    /// The turbine in time; nothing is known of it in logs that do not say.
    pub watch: Watch,
    /// The values that were not measured.
    pub gaps: Gaps,
}

/// The columns before the features.
const LEADING: [&str; 1] = ["timestamp"];
/// The columns after the features that every log has.
const VERDICT: [&str; 2] = ["is_anomaly", "anomaly_score"];
/// The columns that may follow.
const TRAILING: [&str; 7] =
    ["turbine_id", "model_version", "surprisal", "smoothed_surprisal", "in_alarm", "carried", "missing"];

impl PredictionRecord {
    /// The record of `reading`, which arrived `now`, has those gaps and was judged by the model of that version.
    pub fn new(
        reading: Reading,
        gaps: Gaps,
        prediction: Prediction,
        watch: Watch,
        now: Timestamp,
        model_version: &Arc<str>,
    ) -> Self {
        let (values, timestamp, turbine_id) = reading.into_parts();
        let timestamp = timestamp.unwrap_or(now);
        let model_version = Arc::clone(model_version);
        PredictionRecord { timestamp, values, prediction, turbine_id, model_version, watch, gaps }
    }

    /// The header row of a log of these features.
    pub fn header(features: &FeatureSet) -> Vec<&str> {
        LEADING.into_iter().chain(features.names()).chain(VERDICT).chain(TRAILING).collect()
    }

    /// Appends the row of a log of these features, with its line end. No cell needs quotes: each is a number, a time, or
    /// names of safe characters.
    ///
    /// # Panics
    /// If `model_version` is not what a model says of itself.
    pub fn append_to(&self, rows: &mut Vec<u8>, features: &FeatureSet) {
        let Prediction { anomaly_score, is_anomaly } = self.prediction;
        assert!(self.model_version.bytes().all(|byte| byte.is_ascii_alphanumeric()), "a version is letters and digits");
        push_time(rows, &self.timestamp);
        for value in &self.values {
            rows.push(b',');
            push_number(rows, *value);
        }
        rows.extend_from_slice(if is_anomaly { b",1," } else { b",0," });
        push_number(rows, anomaly_score);
        for name in [self.turbine_id.as_ref().map_or("", TurbineId::as_str), &self.model_version] {
            rows.push(b',');
            rows.extend_from_slice(name.as_bytes());
        }
        let Watch { surprisal, smoothed_surprisal, in_alarm } = self.watch;
        for decades in [surprisal, smoothed_surprisal] {
            rows.push(b',');
            if let Some(decades) = decades {
                push_number(rows, decades);
            }
        }
        rows.extend_from_slice(if in_alarm { b",1," } else { b",0," });
        self.gaps.carried.append_to(rows, features);
        rows.push(b',');
        self.gaps.missing.append_to(rows, features);
        rows.push(b'\n');
    }
}

fn push_time(text: &mut Vec<u8>, time: &Timestamp) {
    DateTimePrinter::new().print_timestamp(time, text).expect("a vector takes every text");
}

/// The shortest form that reads back as the same number; the one JSON has.
fn push_number(text: &mut Vec<u8>, number: f64) {
    serde_json::to_writer(text, &number).expect("a vector takes every number");
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
            "timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score,turbine_id,model_version,surprisal,\
             smoothed_surprisal,in_alarm,carried,missing"
        );
        let record = PredictionRecord {
            timestamp: "2026-01-31T13:00:00.25+01:00".parse().unwrap(),
            values: vec![25.0, 60.2, 1e-7],
            prediction: Prediction { anomaly_score: 0.1 + 0.2, is_anomaly: true },
            turbine_id: Some("WT-23".parse().unwrap()),
            model_version: "m0123456789ab".into(),
            watch: Watch { surprisal: Some(2.5), smoothed_surprisal: Some(0.5), in_alarm: true },
            gaps: Gaps { carried: [0, 2].into_iter().collect(), missing: [1].into_iter().collect() },
        };
        let mut rows = Vec::new();
        record.append_to(&mut rows, &features);
        let text = String::from_utf8(rows).unwrap();
        assert_eq!(
            text,
            "2026-01-31T12:00:00.25Z,25.0,60.2,1e-7,1,0.30000000000000004,WT-23,m0123456789ab,2.5,0.5,1,\
             temperature;sound_volume,humidity\n"
        );
    }
}
