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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::survey::TurbineSurvey;
    use super::super::trace::record;
    use super::*;
    use turbine_core::prediction::PredictionRecord;
    use turbine_core::simulation::training_set;
    use turbine_core::training::{TrainingParams, train};

    fn threshold(model: Option<&Model>, versions: &[&str]) -> Threshold {
        let mut survey = TurbineSurvey::default();
        for (version, at) in versions.iter().zip(0..) {
            let record = record("T1", at, Some(1.0), false);
            survey.add(&PredictionRecord { model_version: (*version).into(), ..record });
        }
        Threshold::of(model, survey.newest_model())
    }

    #[test]
    fn it_is_known_for_the_readings_that_the_model_scored() {
        let model = train(&training_set(500, 0.05, 7), &TrainingParams::default()).unwrap().model;
        let raise_above = model.monitor().settings().alarm.unwrap().raise_above;
        let version = model.version().as_ref();
        let known = |since| Threshold::Known { raise_above, since };
        assert_eq!(threshold(Some(&model), &[version, version]), known(None));
        assert_eq!(threshold(Some(&model), &["other", "other", version, version]), known(Some(2.0)));
    }

    #[test]
    fn it_is_unknown_without_the_model_that_scored_the_newest_readings() {
        let model = train(&training_set(500, 0.05, 7), &TrainingParams::default()).unwrap().model;
        let version = model.version().as_ref();
        // (model, versions in the log, parts of the reason)
        let cases: [(Option<&Model>, &[&str], &[&str]); 3] = [
            (Some(&model), &[version, "other"], &["by the model other", version]),
            (None, &["other"], &["by the model other", "--model"]),
            (None, &[""], &["does not say which model"]),
        ];
        for (model, versions, expected) in cases {
            let Threshold::Unknown(why) = threshold(model, versions) else { panic!("{versions:?}: known") };
            assert!(expected.iter().all(|part| why.contains(part)), "{why}");
        }
    }
}
