//! Eigenvalues and eigenvectors of a symmetric matrix by Jacobi's rotations.

/// More sweeps than any 64 × 64 matrix needs; each squares the error once it is small.
const MOST_SWEEPS: usize = 64;

/// Eigenvalues in descending order with their eigenvectors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Eigen {
    /// Descending.
    pub values: Vec<f64>,
    /// One unit vector an eigenvalue.
    pub vectors: Vec<Vec<f64>>,
}

/// Decomposes a symmetric matrix (`n × n`, row-major, finite).
pub(crate) fn eigen(matrix: &[f64], n: usize) -> Eigen {
    let mut a = matrix.to_vec();
    let mut vectors = vec![0.0; n * n];
    vectors.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal = 1.0);
    let scale: f64 = a.iter().map(|cell| cell * cell).sum();
    for _ in 0..MOST_SWEEPS {
        let off: f64 = (0..n * n).filter(|i| i / n != i % n).map(|i| a[i] * a[i]).sum();
        // Positively, so that NaN ends it.
        let unfinished = off > scale * 1e-30;
        if !unfinished {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]));
    Eigen {
        values: order.iter().map(|&i| a[i * n + i]).collect(),
        vectors: order.iter().map(|&i| (0..n).map(|row| vectors[row * n + i]).collect()).collect(),
    }
}

/// Turns the plane of `p` and `q` so that `a[p][q]` becomes 0.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let off = a[p * n + q];
    if off == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let turn = |matrix: &mut [f64], i: usize, j: usize| {
        let (x, y) = (matrix[i], matrix[j]);
        matrix[i] = cosine * x - sine * y;
        matrix[j] = sine * x + cosine * y;
    };
    for k in 0..n {
        turn(a, k * n + p, k * n + q);
        turn(vectors, k * n + p, k * n + q);
    }
    for k in 0..n {
        turn(a, p * n + k, q * n + k);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_by_two_by_hand() {
        // [2 1; 1 2]: eigenvalues 3 with (1, 1)/√2 and 1 with (1, −1)/√2.
        let Eigen { values, vectors } = eigen(&[2.0, 1.0, 1.0, 2.0], 2);
        assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14, "{values:?}");
        assert!((vectors[0][0] - vectors[0][1]).abs() < 1e-14 && (vectors[1][0] + vectors[1][1]).abs() < 1e-14);
    }

    #[test]
    fn a_matrix_is_the_sum_of_its_parts() {
        const N: usize = 64;
        let cell = |i: usize, j: usize| (((i + j) * 37 + i * j * 11) % 101) as f64 / 50.0 - 1.0;
        let matrix: Vec<f64> = (0..N * N).map(|i| cell(i / N, i % N)).collect();
        let Eigen { values, vectors } = eigen(&matrix, N);
        assert!(values.is_sorted_by(|a, b| a >= b));
        for i in 0..N * N {
            let sum: f64 = values.iter().zip(&vectors).map(|(value, v)| value * v[i / N] * v[i % N]).sum();
            assert!((sum - matrix[i]).abs() < 1e-11, "{i}: {sum} {}", matrix[i]);
        }
    }
}
