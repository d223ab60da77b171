//! Curves over all thresholds: ROC and F1.

use super::Confusion;

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// Share of the normal readings that are flagged, 0 to 1.
    pub false_positive_rate: f64,
    /// Share of the anomalies that are flagged, 0 to 1.
    pub true_positive_rate: f64,
}

/// The ROC curve from (0, 0) to (1, 1), one point per distinct score; empty without both labels.
pub fn roc_curve(scores: &[f64], labels: &[bool]) -> Vec<RocPoint> {
    let (normals, anomalies) = class_sizes(labels);
    if normals == 0 || anomalies == 0 {
        return Vec::new();
    }
    let mut points = vec![RocPoint { false_positive_rate: 0.0, true_positive_rate: 0.0 }];
    let (mut false_positives, mut true_positives) = (0, 0);
    for group in by_descending_score(scores, labels).chunk_by(|a, b| a.0 == b.0) {
        let anomalies_in_group = group.iter().filter(|(_, label)| *label).count();
        true_positives += anomalies_in_group;
        false_positives += group.len() - anomalies_in_group;
        points.push(RocPoint {
            false_positive_rate: false_positives as f64 / normals as f64,
            true_positive_rate: true_positives as f64 / anomalies as f64,
        });
    }
    points
}

/// The area under the ROC curve: the probability that an anomaly scores higher than a normal reading, equal scores
/// counting half. `None` without both labels.
pub fn roc_auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    let points = roc_curve(scores, labels);
    let trapezoid = |pair: &[RocPoint]| {
        let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
        width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
    };
    (!points.is_empty()).then(|| points.windows(2).map(trapezoid).sum())
}

/// F1 at one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct F1Point {
    /// The threshold; scores above it are flagged.
    pub threshold: f64,
    /// F1, 0 to 1.
    pub f1: f64,
}

/// F1 at each of `thresholds`, without those at which it is undefined.
pub fn f1_curve(scores: &[f64], labels: &[bool], thresholds: &[f64]) -> Vec<F1Point> {
    let f1_at = |&threshold: &f64| {
        let f1 = Confusion::at_threshold(scores, labels, threshold).f1()?;
        Some(F1Point { threshold, f1 })
    };
    thresholds.iter().filter_map(f1_at).collect()
}

fn class_sizes(labels: &[bool]) -> (usize, usize) {
    let anomalies = labels.iter().filter(|&&label| label).count();
    (labels.len() - anomalies, anomalies)
}

fn by_descending_score(scores: &[f64], labels: &[bool]) -> Vec<(f64, bool)> {
    let mut ranked: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_is_the_share_of_pairs_in_order() {
        // Anomalies 0.9, 0.5; normals 0.7, 0.5, 0.1. Pairs: 0.9 beats all three; 0.5 loses to 0.7, ties 0.5, beats 0.1.
        // (3 + 0 + 0.5 + 1) / 6 = 0.75.
        let scores = [0.5, 0.9, 0.7, 0.5, 0.1];
        let labels = [true, true, false, false, false];
        assert_eq!(roc_auc(&scores, &labels), Some(0.75));
    }

    #[test]
    fn the_curve_has_a_point_per_distinct_score() {
        let points = roc_curve(&[0.5, 0.9, 0.7, 0.5], &[true, true, false, false]);
        let pairs: Vec<(f64, f64)> = points.iter().map(|p| (p.false_positive_rate, p.true_positive_rate)).collect();
        assert_eq!(pairs, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (1.0, 1.0)]);
    }

    #[test]
    fn one_class_has_no_curve() {
        assert_eq!(roc_auc(&[0.1, 0.2], &[true, true]), None);
        assert!(roc_curve(&[0.1], &[false]).is_empty());
    }

    #[test]
    fn f1_curves_omit_undefined_points() {
        // At 0.4: 1 TP, 1 FP, 0 FN: 2/3. At 0.6: 1 TP: 1. At 0.9: 0 TP, 1 FN: 0.
        let curve = f1_curve(&[0.8, 0.5], &[true, false], &[0.4, 0.6, 0.9]);
        let f1: Vec<f64> = curve.iter().map(|point| point.f1).collect();
        assert_eq!(f1, [2.0 / 3.0, 1.0, 0.0]);
        assert!(f1_curve(&[0.1], &[false], &[0.5]).is_empty());
    }
}
