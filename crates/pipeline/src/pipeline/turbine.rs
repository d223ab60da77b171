//! One turbine: how it is, and how it was.

use super::Pipeline;
use crate::alarms::Handling;
use crate::fleet::TurbineStatus;
use crate::history::{History, HistoryRange};
use crate::submission::Why;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use turbine_core::alarm_log::AlarmId;
use turbine_core::prediction::{LogError, PredictionRecord};
use turbine_core::reading::TurbineId;

/// The state of one turbine, with its newest reading and the sensors behind its surprisal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurbineDetail {
    /// Its state.
    #[serde(flatten)]
    pub status: TurbineStatus,
    /// What people did with the alarm that is running.
    #[serde(flatten)]
    pub handling: Arc<Handling>,
    /// The values of the reading with the latest time, one a feature.
    pub values: Vec<f64>,
    /// The sensors behind the smoothed surprisal by their share, largest first; `None` if the model cannot say. While an
    /// alarm is running, those at its peak are in the list of alarms.
    pub why: Option<Vec<Why>>,
}

/// Error while reading a history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file of the log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log of the park cannot be read now.
    #[error("the records of the turbine cannot be read now: {0}; retry later")]
    Unreachable(String),
}

impl Pipeline {
    /// What is known of a turbine, `None` = the readings that name none; `None` if there is no reading or no model.
    pub fn turbine(&self, id: &Option<TurbineId>) -> Option<TurbineDetail> {
        let model = self.0.slot.model()?;
        let (status, handling, state) = {
            let history = self.0.history.read();
            let fleet = self.0.fleet.read();
            let turbine = fleet.turbine(id)?;
            let alarm = turbine.alarm_since().map(|raised| AlarmId { turbine_id: id.clone(), raised });
            let handling = alarm.map(|alarm| history.handling(&alarm)).unwrap_or_default();
            (fleet.status(id, turbine, &model, Timestamp::now()), handling, turbine.state().clone())
        };
        let why = model.explain_turbine(&state).map(|contributions| Why::all(&model, &contributions));
        Some(TurbineDetail { status, handling, values: state.values().collect(), why })
    }

    /// A turbine's readings over time: from memory as far back as that reaches, before that from the log. `None` if
    /// there is no reading or no model. Reading the log takes milliseconds or more, so call it on a blocking thread.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn history(&self, id: &Option<TurbineId>, range: HistoryRange) -> Result<Option<History>, HistoryError> {
        let Some(model) = self.0.slot.model() else { return Ok(None) };
        let last = self.0.fleet.read().turbine(id).and_then(|turbine| turbine.last_reading());
        let Some(last) = last else { return Ok(None) };
        let (histories, features) = (&self.0.histories, model.features());
        let Some(park) = &self.0.park else {
            return Ok(Some(histories.select(id, range, last, features, &self.0.config.log.path)?));
        };
        let older = |seconds, add: &mut dyn FnMut(PredictionRecord)| match id {
            Some(turbine) => park.log.rows(turbine, features, seconds, add).map_err(HistoryError::Unreachable),
            None => Ok(None),
        };
        histories.select_with(id, range, last, features, older).map(Some)
    }
}
