use crate::matrix::{inverse_cholesky, shrunk_covariance};
use crate::scaler::{ScalerError, StandardScaler};

/// The Mahalanobis distance from the mean of the training readings.
#[derive(Debug, Clone, PartialEq)]
pub struct Mahalanobis {
    scaler: StandardScaler,
    whitening: Vec<f64>,
}

impl Mahalanobis {
    /// Fits to normal readings (row-major, n_readings × n_features, finite, at least two).
    ///
    /// # Errors
    /// [`ScalerError`] if no feature has spread.
    pub fn fit(readings: &[f64], n_features: usize) -> Result<Self, ScalerError> {
        let scaler = StandardScaler::fit_where_spread(readings, n_features)?;
        let covariance = shrunk_covariance(&scaler.transform(readings), n_features);
        let whitening =
            inverse_cholesky(&covariance, n_features).ok_or(ScalerError::Spread { feature: 0, std: f64::NAN })?;
        Ok(Mahalanobis { scaler, whitening })
    }

    /// The distance of a reading, at least 0.
    pub fn score(&self, reading: &[f64]) -> f64 {
        let z = self.scaler.transform(reading);
        let squared = |row: &[f64]| row.iter().zip(&z).map(|(a, b)| a * b).sum::<f64>().powi(2);
        self.whitening.chunks_exact(z.len()).map(squared).sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn along_the_cloud_is_nearer_than_across() {
        // Standardised (±1, ±1) on the diagonal and twice off it: covariance with 5 below the line
        // xx = 6/5, xy = (4 − 2)/5 = 0.4; C = [0.98 · 1.2 + 0.02, 0.98 · 0.4] = [1.196, 0.392].
        let readings = [1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0, 1.0, -1.0, -1.0, 1.0];
        let fitted = Mahalanobis::fit(&readings, 2).unwrap();
        // Eigenvalues 1.588 along (1, 1) and 0.804 across: distances √(2/1.588) and √(2/0.804).
        assert!((fitted.score(&[1.0, 1.0]) - (2.0_f64 / 1.588).sqrt()).abs() < 1e-12);
        assert!((fitted.score(&[1.0, -1.0]) - (2.0_f64 / 0.804).sqrt()).abs() < 1e-12);
    }
}
