//! Small symmetric matrices (`n × n`, row-major, `n` at most [`MAX_FEATURES`](crate::feature::MAX_FEATURES)), as much as
//! detector, explanation and baselines need.

mod eigen;

pub(crate) use eigen::{Eigen, eigen};

/// What keeps a covariance invertible: this share of it is replaced by the identity, so that no eigenvalue is smaller.
pub(crate) const SHRINKAGE: f64 = 0.02;

/// The covariance of `readings` (row-major, n_readings × n, at least two readings), with n_readings − 1 below the line.
pub(crate) fn covariance(readings: &[f64], n: usize) -> Vec<f64> {
    let n_readings = (readings.len() / n) as f64;
    let mut mean = vec![0.0; n];
    for reading in readings.chunks_exact(n) {
        mean.iter_mut().zip(reading).for_each(|(mean, value)| *mean += value / n_readings);
    }
    let mut covariance = vec![0.0; n * n];
    let mut deviation = vec![0.0; n];
    for reading in readings.chunks_exact(n) {
        for ((deviation, value), mean) in deviation.iter_mut().zip(reading).zip(&mean) {
            *deviation = value - mean;
        }
        for (row, &a) in covariance.chunks_exact_mut(n).zip(&deviation) {
            row.iter_mut().zip(&deviation).for_each(|(cell, b)| *cell += a * b);
        }
    }
    covariance.iter_mut().for_each(|cell| *cell /= n_readings - 1.0);
    covariance
}

/// `(1 − SHRINKAGE) · covariance + SHRINKAGE · identity` of standardised readings.
pub(crate) fn shrunk_covariance(standardised: &[f64], n: usize) -> Vec<f64> {
    let mut covariance = covariance(standardised, n);
    covariance.iter_mut().for_each(|cell| *cell *= 1.0 - SHRINKAGE);
    covariance.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal += SHRINKAGE);
    covariance
}

/// The inverse `L⁻¹` of the Cholesky factor of a positive definite matrix `L·Lᵀ`: it whitens what has that covariance.
/// `None` if the matrix is not positive definite.
pub(crate) fn inverse_cholesky(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    let lower = cholesky(matrix, n)?;
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        for row in column..n {
            let unit = if row == column { 1.0 } else { 0.0 };
            let known: f64 = (column..row).map(|k| lower[row * n + k] * inverse[k * n + column]).sum();
            inverse[row * n + column] = (unit - known) / lower[row * n + row];
        }
    }
    Some(inverse)
}

/// The inverse of a positive definite matrix; `None` if it is not positive definite.
pub(crate) fn inverse(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    let factor = inverse_cholesky(matrix, n)?;
    // (L·Lᵀ)⁻¹ = (L⁻¹)ᵀ·L⁻¹
    let cell = |row: usize, column: usize| -> f64 {
        (row.max(column)..n).map(|k| factor[k * n + row] * factor[k * n + column]).sum()
    };
    Some((0..n * n).map(|i| cell(i / n, i % n)).collect())
}

fn cholesky(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut lower = vec![0.0; n * n];
    for row in 0..n {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| lower[row * n + k] * lower[column * n + k]).sum();
            let rest = matrix[row * n + column] - known;
            lower[row * n + column] = if row > column {
                rest / lower[column * n + column]
            } else if rest > 0.0 && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn covariance_has_n_minus_1_below_the_line() {
        // x: 1, 2, 3, deviations −1, 0, 1; y: 2, 0, 7, mean 3, deviations −1, −3, 4.
        // xx = 2/2 = 1, xy = (1 + 4)/2 = 2.5, yy = (1 + 9 + 16)/2 = 13.
        let covariance = covariance(&[1.0, 2.0, 2.0, 0.0, 3.0, 7.0], 2);
        assert!(close(&covariance, &[1.0, 2.5, 2.5, 13.0]), "{covariance:?}");
    }

    #[test]
    fn shrinking_keeps_98_percent_and_adds_2_to_the_diagonal() {
        // 0.98 · 1 + 0.02 = 1; 0.98 · 2.5 = 2.45; 0.98 · 13 + 0.02 = 12.76.
        let shrunk = shrunk_covariance(&[1.0, 2.0, 2.0, 0.0, 3.0, 7.0], 2);
        assert!(close(&shrunk, &[1.0, 2.45, 2.45, 12.76]), "{shrunk:?}");
    }

    #[test]
    fn factor_and_inverse_by_hand() {
        // [4 2; 2 5] = L·Lᵀ with L = [2 0; 1 2]; L⁻¹ = [1/2 0; −1/4 1/2]; inverse = 1/16 · [5 −2; −2 4].
        let matrix = [4.0, 2.0, 2.0, 5.0];
        assert!(close(&inverse_cholesky(&matrix, 2).unwrap(), &[0.5, 0.0, -0.25, 0.5]));
        assert!(close(&inverse(&matrix, 2).unwrap(), &[5.0 / 16.0, -2.0 / 16.0, -2.0 / 16.0, 4.0 / 16.0]));
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for matrix in [[1.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 1.0], [f64::NAN, 0.0, 0.0, 1.0]] {
            assert_eq!(inverse(&matrix, 2), None, "{matrix:?}");
        }
    }
}
