//! One turbine.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use turbine_core::prediction::PredictionRecord;

/// What its rows in the log say of a turbine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turbine {
    /// Rows.
    readings: u64,
    /// Rows with an anomaly.
    anomalies: u64,
    /// The row with the latest time.
    last: Option<LastReading>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastReading {
    timestamp: Timestamp,
    anomaly_score: f64,
    model_version: Arc<str>,
}

impl Turbine {
    /// Takes in one row; `model_version` is the record's, shared.
    pub(super) fn fold(&mut self, record: &PredictionRecord, model_version: Arc<str>) {
        self.readings += 1;
        self.anomalies += u64::from(record.prediction.is_anomaly);
        // A reading that comes late is counted, but does not say how the turbine is now.
        if self.last.as_ref().is_none_or(|last| record.timestamp > last.timestamp) {
            let (timestamp, anomaly_score) = (record.timestamp, record.prediction.anomaly_score);
            self.last = Some(LastReading { timestamp, anomaly_score, model_version });
        }
    }
}

/// The state of one turbine, to be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurbineStatus {
    /// The turbine; `None` for readings that name none.
    pub turbine_id: Option<String>,
    /// The latest time of a reading; UTC.
    pub last_reading: Option<Timestamp>,
    /// Readings in the log.
    pub readings: u64,
    /// Those that are anomalies.
    pub anomalies: u64,
    /// The score of the reading with the latest time; higher = more anomalous.
    pub anomaly_score: Option<f64>,
    /// The model that scored it.
    pub model_version: Option<Arc<str>>,
}

impl TurbineStatus {
    pub(super) fn new(turbine_id: Option<String>, turbine: &Turbine) -> Self {
        let last = turbine.last.as_ref();
        TurbineStatus {
            turbine_id,
            last_reading: last.map(|last| last.timestamp),
            readings: turbine.readings,
            anomalies: turbine.anomalies,
            anomaly_score: last.map(|last| last.anomaly_score),
            model_version: last.map(|last| Arc::clone(&last.model_version)),
        }
    }
}
