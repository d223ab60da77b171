//! The JSON form of events.

use crate::events::Event;
use serde::Serialize;
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
}

impl<'a> Happening<'a> {
    /// The turbine; `None` for readings that name none, and for a model.
    pub fn turbine_id(&self) -> Option<&TurbineId> {
        match self {
            Happening::Stuck { turbine_id, .. }
            | Happening::Released { turbine_id, .. }
            | Happening::Missing { turbine_id, .. }
            | Happening::Returned { turbine_id, .. }
            | Happening::Silent { turbine_id }
            | Happening::Heard { turbine_id } => turbine_id.as_ref(),
            Happening::Model { .. } => None,
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
            Event::AlarmRaised(_) | Event::AlarmCleared(_) => None,
        }
    }
}
