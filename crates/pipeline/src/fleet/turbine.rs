//! One turbine.

use super::Folded;
use super::alarm::{AtPeak, LoggedAlarm};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use turbine_core::model::Model;
use turbine_core::monitor::{AlarmChange, LoggedStep, Monitor, Step, TurbineState};
use turbine_core::prediction::{PredictionRecord, Watch};
use turbine_core::reading::TurbineId;
use turbine_core::sensors::SensorSet;

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
    /// What the monitor remembers.
    state: TurbineState,
    /// While an alarm is running.
    at_peak: Option<AtPeak>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastReading {
    timestamp: Timestamp,
    anomaly_score: f64,
    model_version: Arc<str>,
}

impl Turbine {
    /// What the monitor remembers.
    pub(crate) fn state(&self) -> &TurbineState {
        &self.state
    }

    /// The latest time of a reading.
    pub(crate) fn last_reading(&self) -> Option<Timestamp> {
        self.last.as_ref().map(|last| last.timestamp)
    }

    /// The alarm that is running, if one is. `id` is the turbine's.
    pub(crate) fn alarm(&self, id: &Option<TurbineId>) -> Option<LoggedAlarm> {
        let (alarm, at_peak) = self.state.alarm().zip(self.at_peak.as_ref())?;
        Some(at_peak.clone().alarm(id, *alarm, None))
    }

    /// The time of the reading that raised the alarm that is running.
    pub(crate) fn alarm_since(&self) -> Option<Timestamp> {
        self.state.alarm().map(|alarm| alarm.raised)
    }

    /// The alarm that is running, cleared by the last reading: nothing more will be known of this turbine.
    pub(super) fn forgotten_alarm(&self, id: &Option<TurbineId>) -> Option<LoggedAlarm> {
        let cleared = self.state.last_reading();
        self.alarm(id).map(|alarm| LoggedAlarm { cleared, ..alarm })
    }

    /// Takes in one row of this turbine, and says what it changed of it.
    pub(crate) fn take_in(&mut self, record: &PredictionRecord, monitor: &Monitor) -> Folded {
        let (step, alarm) = self.fold(record, Arc::clone(&record.model_version), monitor);
        Folded { step, alarms: alarm.into_iter().collect(), drift: Vec::new() }
    }

    /// Takes in one row; `model_version` is the record's, shared. Says what the row changed, and the alarm that it raised
    /// or cleared.
    pub(super) fn fold(
        &mut self,
        record: &PredictionRecord,
        model_version: Arc<str>,
        monitor: &Monitor,
    ) -> (Step, Option<LoggedAlarm>) {
        self.readings += 1;
        self.anomalies += u64::from(record.prediction.is_anomaly);
        // A reading that comes late is counted, but does not say how the turbine is now.
        if self.last.as_ref().is_none_or(|last| record.timestamp > last.timestamp) {
            let (timestamp, anomaly_score) = (record.timestamp, record.prediction.anomaly_score);
            self.last = Some(LastReading { timestamp, anomaly_score, model_version });
        }
        let Watch { surprisal, smoothed_surprisal, in_alarm } = record.watch;
        let (timestamp, values) = (record.timestamp, record.values.as_slice());
        let row = LoggedStep { timestamp, values, gaps: record.gaps, surprisal, smoothed_surprisal, in_alarm };
        let step = monitor.replay(&mut self.state, &row);
        let alarm = match step.alarm {
            None => None,
            Some(AlarmChange::Raised) => {
                self.at_peak = Some(AtPeak::new(&record.model_version, self.state.smoothed()));
                self.alarm(&record.turbine_id)
            }
            Some(AlarmChange::Peaked) => {
                if let Some(at_peak) = &mut self.at_peak {
                    at_peak.rise(self.state.smoothed());
                }
                None
            }
            Some(AlarmChange::Cleared(alarm)) => {
                let at_peak = self.at_peak.take();
                at_peak.map(|at_peak| at_peak.alarm(&record.turbine_id, alarm, Some(timestamp)))
            }
        };
        (step, alarm)
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
    /// The smoothed surprisal, in decades; `None` if the model is not calibrated.
    pub smoothed_surprisal: Option<f64>,
    /// Whether an alarm is on.
    pub in_alarm: bool,
    /// The time of the reading that raised it.
    pub alarm_since: Option<Timestamp>,
    /// Whether more than ten typical intervals have passed without a reading.
    pub silent: bool,
    /// Sensors whose value has not changed for far longer than ever in training.
    pub stuck: Vec<String>,
    /// Sensors without a value for too long to carry the last one.
    pub missing: Vec<String>,
    /// Sensors whose last value lies more than ten training ranges outside the training range.
    pub implausible: Vec<String>,
}

impl TurbineStatus {
    pub(crate) fn new(id: &Option<TurbineId>, turbine: &Turbine, model: &Model, silent: bool) -> Self {
        let (last, state) = (turbine.last.as_ref(), &turbine.state);
        let features = model.features();
        let names = |sensors: SensorSet| sensors.names(features).map(str::to_owned).collect();
        let is_known = state.values().len() == features.len();
        let implausible = if is_known { model.implausible(state.values()) } else { SensorSet::default() };
        TurbineStatus {
            turbine_id: id.as_ref().map(|id| id.as_str().to_owned()),
            last_reading: last.map(|last| last.timestamp),
            readings: turbine.readings,
            anomalies: turbine.anomalies,
            anomaly_score: last.map(|last| last.anomaly_score),
            model_version: last.map(|last| Arc::clone(&last.model_version)),
            smoothed_surprisal: state.smoothed_surprisal(),
            in_alarm: state.alarm().is_some(),
            alarm_since: turbine.alarm_since(),
            silent,
            stuck: names(model.monitor().stuck(state)),
            missing: names(state.missing()),
            implausible: names(implausible),
        }
    }
}
