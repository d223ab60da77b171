//! Scores against labels where anomalies are what matters.

/// Average precision: the mean over the anomalies of the precision among all readings that score at least as high. Equal
/// scores count together; the steps are not interpolated, as in scikit-learn. `None` without anomalies.
pub fn average_precision(scores: &[f64], labels: &[bool]) -> Option<f64> {
    let anomalies = labels.iter().filter(|&&label| label).count();
    let mut ranked: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut seen, mut found, mut sum) = (0, 0, 0.0);
    for group in ranked.chunk_by(|a, b| a.0 == b.0) {
        let hits = group.iter().filter(|(_, label)| *label).count();
        seen += group.len();
        found += hits;
        sum += hits as f64 * found as f64 / seen as f64;
    }
    (anomalies > 0).then(|| sum / anomalies as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_mean_of_the_precision_at_each_anomaly() {
        // Descending: 0.9 T, 0.7 F, 0.5 T and F together, 0.1 F. Precision 1/1 at the first, 2/4 at the second.
        let precision = average_precision(&[0.5, 0.9, 0.7, 0.5, 0.1], &[true, true, false, false, false]).unwrap();
        assert!((precision - 0.75).abs() < 1e-12, "{precision}");
    }

    #[test]
    fn without_anomalies_it_is_undefined() {
        assert_eq!(average_precision(&[0.1], &[false]), None);
        assert_eq!(average_precision(&[0.1, 0.2], &[true, true]), Some(1.0));
    }
}
