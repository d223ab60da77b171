//! Correlation of the features.

use turbine_core::dataset::Dataset;

/// Pearson correlation of every pair of features, `n_features × n_features` row-major, −1 to 1; NaN for a constant
/// feature.
pub fn correlation(dataset: &Dataset) -> Vec<f64> {
    let n = dataset.features().len();
    let rows = dataset.len() as f64;
    let mut mean = vec![0.0; n];
    for reading in dataset.readings().chunks_exact(n) {
        for (mean, value) in mean.iter_mut().zip(reading) {
            *mean += value / rows;
        }
    }
    let mut products = vec![0.0; n * n];
    let mut centred = vec![0.0; n];
    for reading in dataset.readings().chunks_exact(n) {
        for ((centred, value), mean) in centred.iter_mut().zip(reading).zip(&mean) {
            *centred = value - mean;
        }
        for i in 0..n {
            for j in 0..=i {
                products[i * n + j] += centred[i] * centred[j];
            }
        }
    }
    let at = |i: usize, j: usize| products[i.max(j) * n + i.min(j)];
    let cell = |index: usize| {
        let (i, j) = (index / n, index % n);
        let spread = (at(i, i) * at(j, j)).sqrt();
        if spread > 0.0 { (at(i, j) / spread).clamp(-1.0, 1.0) } else { f64::NAN }
    };
    (0..n * n).map(cell).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use turbine_core::feature::FeatureSet;

    #[test]
    fn correlation_by_hand() {
        // a: 1 2 3 (centred −1 0 1), b = −2a + 9, c: 1 0 2 (centred 0 −1 1), d constant.
        // a·c = 1, |a|² = 2, |c|² = 2: 1 / √4 = 0.5. b = −2a: correlation −1 with a, −0.5 with c.
        let features = FeatureSet::from_names(["a", "b", "c", "d"]).unwrap();
        let readings = vec![1.0, 7.0, 1.0, 5.0, 2.0, 5.0, 0.0, 5.0, 3.0, 3.0, 2.0, 5.0];
        let r = correlation(&Dataset::new(features, readings, None));
        let close = |i: usize, expected: f64| assert!((r[i] - expected).abs() < 1e-12, "{i}: {}", r[i]);
        [(0, 1.0), (1, -1.0), (2, 0.5), (4, -1.0), (5, 1.0), (6, -0.5), (8, 0.5), (9, -0.5), (10, 1.0)]
            .into_iter()
            .for_each(|(i, expected)| close(i, expected));
        assert!([3, 7, 11, 12, 13, 14, 15].into_iter().all(|i: usize| r[i].is_nan()));
    }
}
