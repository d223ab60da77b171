//! Readings on their way into the log, and what is answered to them.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use turbine_core::explain::Contribution;
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::Reading;

/// Readings that were checked against a model's features and scored by its forest; they are logged together, all or none.
#[derive(Clone)]
pub struct Submission {
    pub(crate) model: Arc<Model>,
    pub(crate) readings: Vec<Reading>,
    /// The forest's score of each reading; of no meaning for one that lacks values.
    pub(crate) scores: Vec<f64>,
    pub(crate) explained: bool,
}

impl Submission {
    /// Scores readings: the part that depends on nothing but them. Takes about a microsecond a reading.
    ///
    /// # Panics
    /// If a reading was checked against other features than the model's.
    pub fn score(model: Arc<Model>, readings: Vec<Reading>) -> Self {
        let mut scores = vec![0.0; readings.len()];
        match readings.as_slice() {
            // Scored once the turbine's state has filled it.
            [reading] if !reading.absent().is_empty() => {}
            [reading] => model.forest_scores(reading.values(), &mut scores),
            _ => {
                let mut values: Vec<f64> = readings.iter().flat_map(|reading| reading.values()).copied().collect();
                if readings.iter().any(|reading| !reading.absent().is_empty()) {
                    values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
                }
                model.forest_scores(&values, &mut scores);
            }
        }
        Submission { model, readings, scores, explained: false }
    }

    /// The same readings, whose answers are to be explained.
    #[must_use]
    pub fn explained(self, explained: bool) -> Self {
        Submission { explained, ..self }
    }

    /// How many readings there are.
    pub fn len(&self) -> usize {
        self.readings.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }
}

/// What is said of one reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The row of the log; of a duplicate, without the values that were not measured: they are NaN.
    pub record: PredictionRecord,
    /// Scores above it are anomalies to the model that scored; `None` if that is no longer in service and its threshold
    /// is not known.
    pub threshold: Option<f64>,
    /// The reading was logged before; this is what was said of it then.
    pub duplicate: bool,
    /// The turbine's smoothed values with the reading, one a feature, if the answer is to be explained.
    pub smoothed: Option<Box<[f64]>>,
}

/// One sensor's part in a surprisal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The feature.
    pub feature: String,
    /// What it read, in its unit.
    pub value: f64,
    /// What was to be expected given the others, in its unit.
    pub expected: f64,
    /// Its share of the surprisal, 0 to 1; all shares add up to 1.
    pub share: f64,
}

impl Why {
    /// What a model says of the sensors, with their names.
    pub(crate) fn all(model: &Model, contributions: &[Contribution]) -> Vec<Self> {
        let named = |&Contribution { feature, value, expected, share }: &Contribution| {
            let name = model.features().names().nth(feature).unwrap_or_default();
            Why { feature: name.to_owned(), value, expected, share }
        };
        contributions.iter().map(named).collect()
    }
}
