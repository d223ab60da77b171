//! Alarms as the rows of the log imply them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use turbine_core::monitor::Alarm;
use turbine_core::reading::TurbineId;

/// An alarm as the log implies it: running, or cleared.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedAlarm {
    /// The turbine; `None` for readings that name none.
    pub turbine_id: Option<TurbineId>,
    /// When it was raised, and its peak so far.
    pub alarm: Alarm,
    /// The time of the reading that cleared it; `None` while it is running.
    pub cleared: Option<Timestamp>,
    /// The model that raised it.
    pub model_version: Arc<str>,
    /// The turbine's smoothed values at the peak, one a feature.
    pub smoothed: Box<[f64]>,
}

/// What a turbine remembers of its running alarm besides what the monitor does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AtPeak {
    /// The model that raised the alarm.
    model_version: Arc<str>,
    /// The smoothed values at the peak so far.
    smoothed: Box<[f64]>,
}

impl AtPeak {
    pub(super) fn new(model_version: &Arc<str>, smoothed: impl Iterator<Item = f64>) -> Self {
        AtPeak { model_version: Arc::clone(model_version), smoothed: smoothed.collect() }
    }

    /// A higher peak: the values are copied, nothing else is computed.
    pub(super) fn rise(&mut self, smoothed: impl Iterator<Item = f64>) {
        self.smoothed.iter_mut().zip(smoothed).for_each(|(before, now)| *before = now);
    }

    pub(super) fn alarm(self, turbine_id: &Option<TurbineId>, alarm: Alarm, cleared: Option<Timestamp>) -> LoggedAlarm {
        let AtPeak { model_version, smoothed } = self;
        LoggedAlarm { turbine_id: turbine_id.clone(), alarm, cleared, model_version, smoothed }
    }
}
