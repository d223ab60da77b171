//! What counts as far from normal.

use super::survey::{Moments, Survey};
use crate::chart;
use turbine_core::model::Model;

/// How many standard deviations from the mean are still normal.
pub const DEVIATIONS: f64 = 3.0;

/// Mean and spread of normal readings, feature by feature, and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Normal {
    mean: Vec<f64>,
    most: Vec<f64>,
    /// Whose mean and spread these are, for people.
    pub source: String,
}

impl Normal {
    fn new(mean: Vec<f64>, std: &[f64], source: String) -> Self {
        // A feature that never moved has no spread but that of rounding.
        let most = mean.iter().zip(std).map(|(mean, std)| DEVIATIONS * std.max(mean.abs() * 1e-9)).collect();
        Self { mean, most, source }
    }

    /// Of the readings the model was trained on.
    pub fn of_model(model: &Model) -> Self {
        let training = model.training();
        let mean = training.features.iter().map(|feature| feature.mean).collect();
        let std: Vec<f64> = training.features.iter().map(|feature| feature.std).collect();
        let rows = chart::count(training.rows);
        Self::new(mean, &std, format!("the {rows} training readings of model {}", model.version()))
    }

    /// Of the logged readings that were predicted normal, or of all if none was.
    pub fn of_log(survey: &Survey) -> Self {
        let of = |moments: &Moments, what: &str| {
            let source = format!("the {} logged readings {what}", chart::count(moments.rows));
            Self::new(moments.mean().to_vec(), &moments.std(), source)
        };
        if survey.normals.rows > 0 {
            of(&survey.normals, "predicted normal")
        } else {
            of(&survey.anomalies, "(none was predicted normal)")
        }
    }

    /// Whether `value` of feature `i` lies more than [`DEVIATIONS`] standard deviations from normal.
    pub fn is_far(&self, i: usize, value: f64) -> bool {
        (value - self.mean[i]).abs() > self.most[i]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_deviations_are_normal_and_more_are_not() {
        let normal = Normal::new(vec![10.0, 5.0], &[2.0, 0.0], String::new());
        // 10 ± 3 · 2.
        assert!(!normal.is_far(0, 16.0) && !normal.is_far(0, 4.0));
        assert!(normal.is_far(0, 16.001) && normal.is_far(0, 3.999));
        assert!(!normal.is_far(1, 5.0 + 1e-15) && normal.is_far(1, 5.1));
    }
}
