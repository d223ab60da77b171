//! Standardises each feature to zero mean and unit standard deviation.

use serde::{Deserialize, Serialize};

/// The mean and population standard deviation of each feature, as in scikit-learn's `StandardScaler`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardScaler {
    mean: Vec<f64>,
    std: Vec<f64>,
}

/// Why readings cannot be standardised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScalerError {
    /// A feature is constant, or its standard deviation is not finite.
    #[error("feature {feature} has an unusable standard deviation, {std}")]
    Spread {
        /// Index of the feature, from 0.
        feature: usize,
        /// Its standard deviation.
        std: f64,
    },
}

impl StandardScaler {
    /// Fits to finite `readings`, row-major `n_readings × n_features`.
    ///
    /// # Errors
    /// [`ScalerError::Spread`] for the first constant feature.
    pub fn fit(readings: &[f64], n_features: usize) -> Result<Self, ScalerError> {
        Self::measure(readings, n_features).checked()
    }

    /// One of these means and standard deviations, unchecked.
    pub(crate) fn of(mean: Vec<f64>, std: Vec<f64>) -> Self {
        StandardScaler { mean, std }
    }

    /// Mean and spread, 0 for a feature that does not vary.
    fn measure(readings: &[f64], n_features: usize) -> Self {
        let n = (readings.len() / n_features) as f64;
        let column = |feature: usize| readings.iter().skip(feature).step_by(n_features);
        let mean: Vec<f64> = (0..n_features).map(|feature| column(feature).sum::<f64>() / n).collect();
        let std = (0..n_features).map(|feature| {
            let varies = column(feature).any(|value| *value != readings[feature]);
            let squares: f64 = column(feature).map(|value| (value - mean[feature]).powi(2)).sum();
            if varies { (squares / n).sqrt() } else { 0.0 }
        });
        let std = std.collect();
        StandardScaler { mean, std }
    }

    /// As [`StandardScaler::fit`], but a feature that does not vary gets the standard deviation 1, as scikit-learn's does:
    /// all its training values become 0.
    ///
    /// # Errors
    /// [`ScalerError::Spread`] if no feature varies, or one so widely that its spread is not finite.
    pub fn fit_where_spread(readings: &[f64], n_features: usize) -> Result<Self, ScalerError> {
        let StandardScaler { mean, mut std } = Self::measure(readings, n_features);
        if std.iter().all(|&std| std == 0.0) {
            return Err(ScalerError::Spread { feature: 0, std: 0.0 });
        }
        std.iter_mut().filter(|std| **std == 0.0).for_each(|std| *std = 1.0);
        StandardScaler { mean, std }.checked()
    }

    /// The scaler, if every mean and standard deviation is usable.
    ///
    /// # Errors
    /// [`ScalerError::Spread`] for the first feature without a usable one.
    pub fn checked(self) -> Result<Self, ScalerError> {
        for (feature, (&std, &mean)) in self.std.iter().zip(&self.mean).enumerate() {
            if !(std > 0.0 && std.is_finite() && mean.is_finite()) {
                return Err(ScalerError::Spread { feature, std });
            }
        }
        Ok(self)
    }

    /// Each feature's mean, in its unit.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Each feature's population standard deviation, in its unit.
    pub fn std(&self) -> &[f64] {
        &self.std
    }

    /// Writes the standardised `readings` (row-major) to `scaled`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn transform_into(&self, readings: &[f64], scaled: &mut [f64]) {
        assert_eq!(readings.len(), scaled.len(), "equal lengths");
        let n_features = self.mean.len();
        for (reading, scaled) in readings.chunks_exact(n_features).zip(scaled.chunks_exact_mut(n_features)) {
            for (i, scaled) in scaled.iter_mut().enumerate() {
                *scaled = (reading[i] - self.mean[i]) / self.std[i];
            }
        }
    }

    /// The standardised `readings` (row-major).
    pub fn transform(&self, readings: &[f64]) -> Vec<f64> {
        let mut scaled = vec![0.0; readings.len()];
        self.transform_into(readings, &mut scaled);
        scaled
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn mean_and_population_deviation() {
        // Feature 0: 1, 3, 5: mean 3, variance (4 + 0 + 4) / 3 = 8/3. Feature 1: 0, 0, 6: mean 2, variance (4+4+16)/3 = 8.
        let scaler = StandardScaler::fit(&[1.0, 0.0, 3.0, 0.0, 5.0, 6.0], 2).unwrap();
        assert_eq!(scaler.mean(), [3.0, 2.0]);
        assert_eq!(scaler.std(), [(8.0_f64 / 3.0).sqrt(), 8.0_f64.sqrt()]);
        // (5 - 3) / sqrt(8/3) = 1.2247…, (6 - 2) / sqrt(8) = sqrt(2).
        let scaled = scaler.transform(&[5.0, 6.0]);
        assert!(
            (scaled[0] - 1.224_744_871).abs() < 1e-9 && (scaled[1] - std::f64::consts::SQRT_2).abs() < 1e-9,
            "{scaled:?}"
        );
    }

    #[test]
    fn a_constant_feature_is_refused_even_if_rounding_hides_it() {
        let readings: Vec<f64> = (0..7).flat_map(|i| [f64::from(i), 0.1]).collect();
        assert_eq!(StandardScaler::fit(&readings, 2), Err(ScalerError::Spread { feature: 1, std: 0.0 }));
        // The mean of seven 0.1s is rounded, and their deviations from it are not to be taken for spread.
        let lenient = StandardScaler::fit_where_spread(&readings, 2).unwrap();
        assert_eq!((lenient.std()[0], lenient.std()[1]), (2.0, 1.0));
        assert!(StandardScaler::fit_where_spread(&[3.0, 3.0], 1).is_err());
        let huge = [1e308, -1e308, 1e308];
        assert!(StandardScaler::fit(&huge, 1).is_err());
    }
}
