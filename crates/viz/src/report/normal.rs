//! Which values are outliers.

use super::survey::{Moments, Survey};
use crate::chart;
use turbine_core::model::Model;

/// Maximum distance from the mean of a normal value, in standard deviations.
pub const DEVIATIONS: f64 = 3.0;

/// Mean and range of normal values per feature, and their source.
#[derive(Debug, Clone, PartialEq)]
pub struct Normal {
    mean: Vec<f64>,
    max_distance: Vec<f64>,
    /// The readings that define normal, as text for the picture.
    pub source: String,
}

impl Normal {
    fn new(mean: Vec<f64>, std: &[f64], source: String) -> Self {
        // The standard deviation of a constant feature is rounding error.
        let max_distance = mean.iter().zip(std).map(|(mean, std)| DEVIATIONS * std.max(mean.abs() * 1e-9)).collect();
        Self { mean, max_distance, source }
    }

    /// Defined by the model's training readings; `None` if it does not know them.
    pub fn of_model(model: &Model) -> Option<Self> {
        let training = Some(model.training()).filter(|training| training.rows > 0)?;
        let mean = training.features.iter().map(|feature| feature.mean).collect();
        let std: Vec<f64> = training.features.iter().map(|feature| feature.std).collect();
        let rows = chart::count(training.rows);
        Some(Self::new(mean, &std, format!("the {rows} training readings of model {}", model.version())))
    }

    /// Defined by the logged readings predicted normal, or by all if there are none.
    pub fn of_log(survey: &Survey) -> Self {
        let of = |moments: &Moments, which: &str| {
            let source = format!("the {} logged readings {which}", chart::count(moments.rows));
            Self::new(moments.mean().to_vec(), &moments.std(), source)
        };
        if survey.normals.rows > 0 {
            of(&survey.normals, "predicted normal")
        } else {
            of(&survey.anomalies, "(none was predicted normal)")
        }
    }

    /// Whether `value` of feature `i` is more than [`DEVIATIONS`] standard deviations from the mean.
    pub fn is_outlier(&self, i: usize, value: f64) -> bool {
        (value - self.mean[i]).abs() > self.max_distance[i]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_three_deviations_are_outliers() {
        let normal = Normal::new(vec![10.0, 5.0], &[2.0, 0.0], String::new());
        // 10 ± 3 · 2.
        assert!(!normal.is_outlier(0, 16.0) && !normal.is_outlier(0, 4.0));
        assert!(normal.is_outlier(0, 16.001) && normal.is_outlier(0, 3.999));
        assert!(!normal.is_outlier(1, 5.0 + 1e-15) && normal.is_outlier(1, 5.1));
    }
}
