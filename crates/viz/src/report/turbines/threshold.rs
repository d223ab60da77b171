//! The alarm threshold, if the model at hand is the one that judged the readings.

use super::survey::NewestModel;
use super::trace::seconds;
use turbine_core::model::Model;

/// Above which smoothed surprisal an alarm is raised.
#[derive(Debug, Clone, PartialEq)]
pub enum Threshold {
    /// Known for the readings of one model.
    Known {
        /// In decades.
        raise_above: f64,
        /// The first reading it applies to, in seconds since 1970; `None` if it applies to all.
        since: Option<f64>,
    },
    /// Not known, and why, as text for the picture.
    Unknown(String),
}

impl Threshold {
    /// That of `model` for the readings that it scored.
    pub fn of(model: Option<&Model>, newest: Option<&NewestModel>) -> Self {
        let version = newest.map_or("", |newest| newest.version.as_ref());
        let scored_by = match version {
            "" => "the log does not say which model scored it".to_owned(),
            version => format!("the newest readings were scored by the model {version}"),
        };
        let Some(model) = model else {
            return Self::Unknown(format!(
                "{scored_by}, and no model file for these features was found; name it with --model"
            ));
        };
        let Some(newest) = newest.filter(|newest| newest.version == *model.version()) else {
            return Self::Unknown(format!("{scored_by}, --model is {}", model.version()));
        };
        match model.monitor().settings().alarm {
            None => Self::Unknown(format!("the model {} raises no alarms", model.version())),
            Some(rule) => {
                Self::Known { raise_above: rule.raise_above, since: newest.is_second.then(|| seconds(newest.since)) }
            }
        }
    }
}
