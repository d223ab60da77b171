//! What a model remembers of its training.

use crate::dataset::Dataset;
use crate::evaluation::Evaluation;
use crate::feature::FeatureSet;
use crate::quantile::quantile;
use crate::scaler::StandardScaler;
use serde::{Deserialize, Serialize};

/// The data a model was fitted to, and how well it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSummary {
    /// Readings the model was fitted to or, if the forest was fitted elsewhere, calibrated by; 0 if that is not known, and
    /// with it the mean and the spread of each feature.
    pub rows: u64,
    /// One entry a feature, in order. Placeholders if there are no `rows`.
    pub features: Vec<FeatureSummary>,
    /// How well it did; `None` without labels.
    pub evaluation: Option<SplitEvaluations>,
    /// The largest difference between our scores of the training readings and those of extended-isolation-forest for the
    /// same trees; `None` if that was not compared.
    pub interop_difference: Option<f64>,
}

/// How one feature was distributed in training, in its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSummary {
    /// The feature.
    pub name: String,
    /// Its mean.
    pub mean: f64,
    /// Its population standard deviation.
    pub std: f64,
    /// The 0, 1, 5, 25, 50, 75, 95, 99 and 100 % quantiles; empty if they are not known.
    pub quantiles: Vec<f64>,
}

/// The places of [`FeatureSummary::quantiles`].
const QUANTILES: [f64; 9] = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0];

/// How a model did on each part of its data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitEvaluations {
    /// On the readings it was fitted to.
    pub train: Evaluation,
    /// On the readings choices were made on.
    pub val: Evaluation,
    /// On readings it never saw.
    pub test: Evaluation,
}

impl FeatureSummary {
    /// Summarises each feature of the readings that `scaler` was fitted to.
    pub fn of(dataset: &Dataset, scaler: &StandardScaler) -> Vec<FeatureSummary> {
        let summary = |(i, name): (usize, &str)| {
            let mut column: Vec<f64> = dataset.column(i).collect();
            column.sort_by(f64::total_cmp);
            let quantiles = QUANTILES.iter().map(|&q| quantile(&column, q)).collect();
            FeatureSummary { name: name.to_owned(), mean: scaler.mean()[i], std: scaler.std()[i], quantiles }
        };
        dataset.features().names().enumerate().map(summary).collect()
    }

    /// Mean and standard deviation of each feature.
    pub(super) fn spread(summaries: &[Self]) -> StandardScaler {
        let column = |part: fn(&Self) -> f64| summaries.iter().map(part).collect();
        StandardScaler::of(column(|summary| summary.mean), column(|summary| summary.std))
    }

    /// What is wrong with the summaries of `features`, as field and problem.
    pub(super) fn check(summaries: &[Self], features: &FeatureSet) -> Result<(), (String, String)> {
        if summaries.len() != features.len() {
            let problem = format!("has {} entries for {} features", summaries.len(), features.len());
            return Err(("training.features".to_owned(), problem));
        }
        for (i, (summary, name)) in summaries.iter().zip(features.names()).enumerate() {
            let field = |key: &str| format!("training.features[{i}].{key}");
            if summary.name != name {
                return Err((field("name"), format!("is {:?}, the feature there is {name:?}", summary.name)));
            }
            if !summary.mean.is_finite() {
                return Err((field("mean"), format!("is {}, not finite", summary.mean)));
            }
            if !(summary.std > 0.0 && summary.std.is_finite()) {
                return Err((field("std"), format!("is {}, not above 0", summary.std)));
            }
            let counted = summary.quantiles.is_empty() || summary.quantiles.len() == QUANTILES.len();
            if !(counted && summary.quantiles.iter().all(|value| value.is_finite()) && summary.quantiles.is_sorted()) {
                return Err((field("quantiles"), format!("must be {} ascending numbers", QUANTILES.len())));
            }
        }
        Ok(())
    }
}
