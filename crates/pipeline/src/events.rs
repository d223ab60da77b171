//! What happened, for those who follow the service: each event is told once it is in the log.

use crate::alarms::Alarm;
use std::sync::Arc;
use tokio::sync::broadcast;
use turbine_core::drift::Comparison;
use turbine_core::reading::TurbineId;

/// Events that a follower may be behind; then it misses the oldest ones and is told how many.
const CAPACITY: usize = 1024;

/// Sensors with at least this share of an alarm are named in the log line.
const NAMED_SHARE: f64 = 0.05;

/// Something that happened. A turbine without a name stands for all readings that name none.
#[derive(Debug, Clone)]
pub enum Event {
    /// Another model is in service.
    Model {
        /// Its version.
        version: Arc<str>,
    },
    /// A promoted model was taken out of service by the rule.
    ModelTakenBack {
        /// Its version.
        version: Arc<str>,
        /// The rule and the figures that broke it.
        reason: Arc<str>,
    },
    /// The state of all turbines was read again.
    Restored,
    /// An alarm was raised.
    AlarmRaised(Arc<Alarm>),
    /// An alarm was cleared.
    AlarmCleared(Arc<Alarm>),
    /// Somebody did something with an alarm, running or past; here it is as it is now.
    AlarmHandled(Arc<Alarm>),
    /// The value of a sensor has not changed for far longer than ever in training.
    SensorStuck {
        /// The turbine.
        turbine_id: Option<TurbineId>,
        /// The feature.
        feature: String,
    },
    /// The value of a sensor that was stuck changed.
    SensorReleased {
        /// The turbine.
        turbine_id: Option<TurbineId>,
        /// The feature.
        feature: String,
    },
    /// A sensor has had no value for too long to carry the last one.
    SensorMissing {
        /// The turbine.
        turbine_id: Option<TurbineId>,
        /// The feature.
        feature: String,
    },
    /// A sensor that was missing has a value again.
    SensorReturned {
        /// The turbine.
        turbine_id: Option<TurbineId>,
        /// The feature.
        feature: String,
    },
    /// The newest readings of all turbines together are distributed otherwise than in training.
    DriftBegan {
        /// The feature.
        feature: String,
        /// How they compare.
        comparison: Comparison,
    },
    /// A feature that drifted does not any more, or another model went into service.
    DriftEnded {
        /// The feature.
        feature: String,
    },
    /// More than ten typical intervals have passed without a reading.
    TurbineSilent {
        /// The turbine.
        turbine_id: Option<TurbineId>,
    },
    /// A turbine that was silent sent a reading.
    TurbineHeard {
        /// The turbine.
        turbine_id: Option<TurbineId>,
    },
}

impl Event {
    /// Writes the line that an operator should see, if there is one.
    pub(crate) fn log(&self) {
        let name = |id: &Option<TurbineId>| TurbineId::name(id.as_ref()).to_owned();
        match self {
            Event::AlarmRaised(alarm) => {
                let named = alarm.why.iter().filter(|why| why.share >= NAMED_SHARE);
                let sensors: Vec<String> =
                    named.map(|why| format!("{} {:.0} %", why.feature, 100.0 * why.share)).collect();
                let (turbine, sensors) = (name(&alarm.turbine_id), sensors.join(", "));
                tracing::warn!(turbine, alarm = alarm.id, sensors, surprisal = alarm.peak, "alarm raised");
            }
            Event::AlarmCleared(alarm) => {
                tracing::info!(turbine = name(&alarm.turbine_id), alarm = alarm.id, peak = alarm.peak, "alarm cleared");
            }
            Event::SensorStuck { turbine_id, feature } => {
                tracing::warn!(turbine = name(turbine_id), feature, "sensor stuck: its value does not change");
            }
            Event::SensorReleased { turbine_id, feature } => {
                tracing::info!(turbine = name(turbine_id), feature, "sensor no longer stuck");
            }
            Event::SensorMissing { turbine_id, feature } => {
                tracing::warn!(turbine = name(turbine_id), feature, "sensor missing: readings come without its value");
            }
            Event::SensorReturned { turbine_id, feature } => {
                tracing::info!(turbine = name(turbine_id), feature, "sensor no longer missing");
            }
            Event::DriftBegan { feature, comparison: Comparison { psi, ks, .. } } => {
                tracing::warn!(
                    feature,
                    psi,
                    ks,
                    "drift began: its readings are distributed otherwise than in training"
                );
            }
            Event::DriftEnded { feature } => {
                tracing::info!(feature, "drift ended");
            }
            Event::TurbineSilent { turbine_id } => {
                tracing::warn!(turbine = name(turbine_id), "turbine silent: no readings");
            }
            Event::TurbineHeard { turbine_id } => {
                tracing::info!(turbine = name(turbine_id), "turbine no longer silent");
            }
            Event::ModelTakenBack { version, reason } => {
                tracing::error!(model_version = %version, %reason, "took the promoted model back");
            }
            // Who did what is logged by the committer.
            Event::AlarmHandled(_) | Event::Model { .. } | Event::Restored => {}
        }
    }
}

/// Where events are told.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Events(broadcast::channel(CAPACITY).0)
    }
}

impl Events {
    /// Events from now on.
    pub fn follow(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    /// Tells an event. A slow follower is never waited for, and there need not be any.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }
}
