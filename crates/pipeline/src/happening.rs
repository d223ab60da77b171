//! The JSON form of events.

use crate::events::Event;
use serde::{Deserialize, Serialize};
use turbine_core::reading::TurbineId;

/// An event as JSON, other than one of an alarm, which has a form of its own.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Happening<'a> {
    /// A sensor is stuck.
    Stuck {
        /// The turbine.
        turbine_id: &'a Option<TurbineId>,
        /// The feature.
        feature: &'a str,
    },
    /// A sensor is no longer stuck.
    Released {
        /// The turbine.
        turbine_id: &'a Option<TurbineId>,
        /// The feature.
        feature: &'a str,
    },
    /// A sensor is missing.
    Missing {
        /// The turbine.
        turbine_id: &'a Option<TurbineId>,
        /// The feature.
        feature: &'a str,
    },
    /// A sensor is no longer missing.
    Returned {
        /// The turbine.
        turbine_id: &'a Option<TurbineId>,
        /// The feature.
        feature: &'a str,
    },
    /// A feature began or ceased to drift.
    Drift {
        /// The feature.
        feature: &'a str,
        /// Whether the feature drifts now.
        drifting: bool,
    },
    /// A turbine is silent.
    Silent {
        /// The turbine.
        turbine_id: &'a Option<TurbineId>,
    },
    /// A turbine is no longer silent.
    Heard {
        /// The turbine.
        turbine_id: &'a Option<TurbineId>,
    },
    /// Another model is in service.
    Model {
        /// Its version.
        model_version: &'a str,
    },
    /// A promoted model was taken back by the rule.
    #[serde(rename = "taken_back")]
    TakenBack {
        /// Its version.
        model_version: &'a str,
        /// The rule and the figures that broke it.
        reason: &'a str,
    },
}

impl<'a> Happening<'a> {
    /// The turbine; `None` for readings that name none, and for what is not of one turbine.
    pub fn turbine_id(&self) -> Option<&TurbineId> {
        match self {
            Happening::Stuck { turbine_id, .. }
            | Happening::Released { turbine_id, .. }
            | Happening::Missing { turbine_id, .. }
            | Happening::Returned { turbine_id, .. }
            | Happening::Silent { turbine_id }
            | Happening::Heard { turbine_id } => turbine_id.as_ref(),
            Happening::Drift { .. } | Happening::Model { .. } | Happening::TakenBack { .. } => None,
        }
    }

    /// The form of an event; `None` for one of an alarm.
    pub fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::SensorStuck { turbine_id, feature } => Some(Happening::Stuck { turbine_id, feature }),
            Event::SensorReleased { turbine_id, feature } => Some(Happening::Released { turbine_id, feature }),
            Event::SensorMissing { turbine_id, feature } => Some(Happening::Missing { turbine_id, feature }),
            Event::SensorReturned { turbine_id, feature } => Some(Happening::Returned { turbine_id, feature }),
            Event::TurbineSilent { turbine_id } => Some(Happening::Silent { turbine_id }),
            Event::TurbineHeard { turbine_id } => Some(Happening::Heard { turbine_id }),
            Event::Model { version } => Some(Happening::Model { model_version: version }),
            Event::DriftBegan { feature, .. } => Some(Happening::Drift { feature, drifting: true }),
            Event::DriftEnded { feature } => Some(Happening::Drift { feature, drifting: false }),
            Event::ModelTakenBack { version, reason } => Some(Happening::TakenBack { model_version: version, reason }),
            Event::AlarmRaised(_) | Event::AlarmCleared(_) | Event::AlarmHandled(_) | Event::Restored => None,
        }
    }
}

/// The JSON form of an event of a sensor, for reading.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum OfSensor {
    Stuck {
        turbine_id: Option<TurbineId>,
        feature: String,
    },
    Released {
        turbine_id: Option<TurbineId>,
        feature: String,
    },
    Missing {
        turbine_id: Option<TurbineId>,
        feature: String,
    },
    Returned {
        turbine_id: Option<TurbineId>,
        feature: String,
    },
    #[serde(other)]
    Other,
}

impl Event {
    /// Parses an event of a sensor that [`Happening`] wrote as JSON; `None` for events of another kind.
    ///
    /// # Errors
    /// If the JSON is invalid.
    pub fn of_sensor(json: &[u8]) -> serde_json::Result<Option<Self>> {
        Ok(match serde_json::from_slice(json)? {
            OfSensor::Stuck { turbine_id, feature } => Some(Event::SensorStuck { turbine_id, feature }),
            OfSensor::Released { turbine_id, feature } => Some(Event::SensorReleased { turbine_id, feature }),
            OfSensor::Missing { turbine_id, feature } => Some(Event::SensorMissing { turbine_id, feature }),
            OfSensor::Returned { turbine_id, feature } => Some(Event::SensorReturned { turbine_id, feature }),
            OfSensor::Other => None,
        })
    }
}
