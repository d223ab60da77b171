use crate::matrix::{Eigen, covariance, eigen};
use crate::quantile::quantile;
use crate::scaler::{ScalerError, StandardScaler};

/// The share of the variance that the kept components explain.
const EXPLAINED: f64 = 0.9;

/// Both statistics are measured by this quantile of their training values.
const LIMIT: f64 = 0.99;

/// Principal components: Hotelling's T² within them plus the squared residual Q outside, each per its 99 % quantile in
/// training (Yue and Qin: Reconstruction-based fault identification using a combined index, 2001).
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalComponents {
    scaler: StandardScaler,
    /// Unit vectors with their variances.
    components: Vec<(Vec<f64>, f64)>,
    limits: [f64; 2],
}

impl PrincipalComponents {
    /// Fits to normal readings (row-major, n_readings × n_features, finite, at least two).
    ///
    /// # Errors
    /// [`ScalerError`] if no feature has spread.
    pub fn fit(readings: &[f64], n_features: usize) -> Result<Self, ScalerError> {
        let scaler = StandardScaler::fit_where_spread(readings, n_features)?;
        let Eigen { values, vectors } = eigen(&covariance(&scaler.transform(readings), n_features), n_features);
        let total: f64 = values.iter().sum();
        let mut explained = 0.0;
        let kept = values.iter().zip(vectors).take_while(|(value, _)| {
            let needed = explained < EXPLAINED * total;
            explained += **value;
            needed
        });
        let components = kept.map(|(&value, vector)| (vector, value)).collect();
        let mut fitted = PrincipalComponents { scaler, components, limits: [1.0; 2] };
        let statistics: Vec<[f64; 2]> =
            readings.chunks_exact(n_features).map(|reading| fitted.statistics(reading)).collect();
        for (i, limit) in fitted.limits.iter_mut().enumerate() {
            let mut sorted: Vec<f64> = statistics.iter().map(|both| both[i]).collect();
            sorted.sort_by(f64::total_cmp);
            // Where the components explain everything there is no residual, and any is without bound.
            *limit = quantile(&sorted, LIMIT).max(f64::EPSILON);
        }
        Ok(fitted)
    }

    /// T² and Q of a reading, each per its limit, added; at least 0.
    pub fn score(&self, reading: &[f64]) -> f64 {
        let [t2, q] = self.statistics(reading);
        t2 / self.limits[0] + q / self.limits[1]
    }

    fn statistics(&self, reading: &[f64]) -> [f64; 2] {
        let z = self.scaler.transform(reading);
        let (mut t2, mut residual) = (0.0, z.iter().map(|z| z * z).sum::<f64>());
        for (vector, variance) in &self.components {
            let along: f64 = vector.iter().zip(&z).map(|(a, b)| a * b).sum();
            t2 += along * along / variance;
            residual -= along * along;
        }
        [t2, residual.max(0.0)]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn within_the_components_by_t2_and_outside_by_q() {
        // y = x but for a little: one component, (1, 1)/√2, explains nearly everything.
        let readings: Vec<f64> = (0..100)
            .flat_map(|i| {
                let x = f64::from(i) / 50.0 - 1.0;
                [x, x + if i % 2 == 0 { 0.01 } else { -0.01 }]
            })
            .collect();
        let fitted = PrincipalComponents::fit(&readings, 2).unwrap();
        assert_eq!(fitted.components.len(), 1);
        let [t2, q] = fitted.statistics(&[2.0, 2.0]);
        assert!(t2 > fitted.limits[0] && q < fitted.limits[1], "{t2} {q} {:?}", fitted.limits);
        let [t2, q] = fitted.statistics(&[0.5, -0.5]);
        assert!(t2 < fitted.limits[0] && q > 100.0 * fitted.limits[1], "{t2} {q} {:?}", fitted.limits);
    }
}
