//! What a monitor is told by its model.

use super::{AlarmRule, AlarmTarget};
use serde::{Deserialize, Serialize};

/// Readings over which surprisals are smoothed by default.
pub const DEFAULT_SPAN: u32 = 5;

/// The longest span of smoothing.
pub const MOST_SPAN: u32 = 1_000;

/// The longest typical interval: a year, in seconds.
const MOST_INTERVAL: f64 = 365.0 * 86_400.0;

/// What a monitor is told by its model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorSettings {
    /// Readings over which surprisals are smoothed, 1 (not at all) to [`MOST_SPAN`].
    pub smoothing_span: u32,
    /// Seconds between readings, above 0; `None` if not known: no turbine is then silent.
    pub typical_interval: Option<f64>,
    /// When an alarm is raised; `None` never.
    pub alarm: Option<AlarmRule>,
    /// The most readings one after the other with one value in training, one entry a feature; empty if not known: no sensor
    /// is then stuck.
    pub longest_unchanged: Vec<u32>,
}

/// Why a monitor cannot do as it is told: the field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct MonitorError {
    /// The field of [`MonitorSettings`].
    pub field: &'static str,
    /// The problem.
    pub problem: String,
}

impl MonitorSettings {
    /// Those of a model that says nothing: values are smoothed, nothing is raised.
    pub fn unknown() -> Self {
        MonitorSettings {
            smoothing_span: DEFAULT_SPAN,
            typical_interval: None,
            alarm: None,
            longest_unchanged: Vec::new(),
        }
    }

    /// The settings themselves, if they can be used.
    ///
    /// # Errors
    /// A [`MonitorError`] for the first field that is wrong.
    pub fn checked(self) -> Result<Self, MonitorError> {
        let refuse = |field, problem: String| Err(MonitorError { field, problem });
        if !(1..=MOST_SPAN).contains(&self.smoothing_span) {
            let problem = format!("is {}; it must be 1 to {MOST_SPAN}", self.smoothing_span);
            return refuse("smoothing_span", problem);
        }
        if let Some(interval) = self.typical_interval
            && !(interval > 0.0 && interval <= MOST_INTERVAL)
        {
            let problem = format!("is {interval} s; it must be above 0 and at most a year");
            return refuse("typical_interval", problem);
        }
        if let Some(AlarmRule { target, raise_above, clear_below, expected_per_day }) = self.alarm {
            if let AlarmTarget::FalseAlarmsPerDay(rate) = target
                && !(rate > 0.0 && rate.is_finite())
            {
                return refuse("alarm.target", format!("is {rate} false alarms per day; it must be above 0"));
            }
            if !(raise_above >= 0.0 && raise_above.is_finite()) {
                return refuse("alarm.raise_above", format!("is {raise_above}; it must be at least 0"));
            }
            if !(clear_below >= 0.0 && clear_below <= raise_above) {
                return refuse("alarm.clear_below", format!("is {clear_below}; it must be 0 to {raise_above}"));
            }
            if !expected_per_day.is_none_or(|rate| rate >= 0.0 && rate.is_finite()) {
                return refuse("alarm.expected_per_day", "must be at least 0".to_owned());
            }
        }
        Ok(self)
    }
}
