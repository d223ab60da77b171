//! Choice of the threshold. A reading is an anomaly if its score is **above** the threshold.

use crate::quantile::quantile;
use serde::{Deserialize, Serialize};

/// How the threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThresholdMethod {
    /// The share `contamination` of the training readings is above it.
    Contamination,
    /// Maximises F1 on the validation readings; needs labels.
    BestF1,
    /// The score 0.5, whatever the readings: scikit-learn's `contamination="auto"`.
    Auto,
}

/// The threshold of [`ThresholdMethod::Auto`]: the score of a reading whose path is of average length.
pub const AUTO_THRESHOLD: f64 = 0.5;

/// Why a threshold cannot be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// The contamination is out of range.
    #[error("contamination is {0}; it must be above 0 and at most 0.5")]
    Contamination(f64),
    /// F1 is undefined on the validation readings.
    #[error(
        "the best-F1 threshold needs validation readings of both classes, got {anomalies} anomalies in {readings}; use the threshold by contamination"
    )]
    OneClass {
        /// Readings labelled as anomalies.
        anomalies: usize,
        /// All readings.
        readings: usize,
    },
}

/// Checks a contamination: the share of readings above the threshold.
///
/// # Errors
/// [`ThresholdError::Contamination`] unless 0 < `contamination` ≤ 0.5.
pub fn check_contamination(contamination: f64) -> Result<(), ThresholdError> {
    if contamination > 0.0 && contamination <= 0.5 { Ok(()) } else { Err(ThresholdError::Contamination(contamination)) }
}

/// The threshold that the share `contamination` of `scores` exceeds: their (1 − contamination) quantile, interpolated
/// linearly, as scikit-learn's `offset_`.
///
/// # Errors
/// [`ThresholdError::Contamination`] unless 0 < `contamination` ≤ 0.5.
///
/// # Panics
/// If there are no scores.
pub fn by_contamination(scores: &[f64], contamination: f64) -> Result<f64, ThresholdError> {
    check_contamination(contamination)?;
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(quantile(&sorted, 1.0 - contamination))
}

/// The threshold with the highest F1 on labelled scores; the highest one of equals. It is midway between two neighbouring
/// scores.
///
/// # Errors
/// [`ThresholdError::OneClass`] without both labels.
pub fn best_f1(scores: &[f64], labels: &[bool]) -> Result<f64, ThresholdError> {
    let anomalies = labels.iter().filter(|&&label| label).count();
    if anomalies == 0 || anomalies == labels.len() {
        return Err(ThresholdError::OneClass { anomalies, readings: labels.len() });
    }
    let mut ranked: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut best, mut threshold, mut true_positives) = (0.0, ranked[0].0, 0);
    for (i, &(score, label)) in ranked.iter().enumerate() {
        true_positives += usize::from(label);
        let next = ranked.get(i + 1).map(|next| next.0);
        if next == Some(score) {
            continue;
        }
        // F1 = 2 TP / (flagged + anomalies), with the first i + 1 flagged.
        let f1 = 2.0 * true_positives as f64 / (i + 1 + anomalies) as f64;
        if f1 > best {
            best = f1;
            threshold = next.map_or(score / 2.0, |next| midway(next, score));
        }
    }
    Ok(threshold)
}

/// The middle of two scores, but always below `upper`, even if there is no number in between.
fn midway(lower: f64, upper: f64) -> f64 {
    let middle = lower + (upper - lower) / 2.0;
    if middle < upper { middle } else { lower }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_share_contamination_is_above_the_threshold() {
        // 20 scores 0.00 … 0.19, 10 %: position 0.9 · 19 = 17.1, so 0.17 + 0.1 · 0.01 = 0.171; 0.18 and 0.19 are above.
        let scores: Vec<f64> = (0..20).rev().map(|i| f64::from(i) / 100.0).collect();
        let threshold = by_contamination(&scores, 0.1).unwrap();
        assert!((threshold - 0.171).abs() < 1e-12, "{threshold}");
        assert_eq!(scores.iter().filter(|&&score| score > threshold).count(), 2);
    }

    #[test]
    fn contaminations_out_of_range_are_refused() {
        for bad in [0.0, -0.1, 0.51, f64::NAN, f64::INFINITY] {
            assert!(matches!(by_contamination(&[0.1], bad), Err(ThresholdError::Contamination(_))), "{bad}");
        }
        assert!(check_contamination(0.5).is_ok());
    }

    #[test]
    fn the_best_threshold_is_between_the_classes() {
        // Descending: 0.9 T, 0.8 T, 0.7 F, 0.6 T, 0.2 F. F1 after each: 2/4, 4/5, 4/6, 6/7, 6/8. Best: 0.6, next 0.2.
        let scores = [0.2, 0.9, 0.6, 0.7, 0.8];
        let labels = [false, true, true, false, true];
        assert!((best_f1(&scores, &labels).unwrap() - 0.4).abs() < 1e-12);
    }

    #[test]
    fn equal_scores_are_flagged_together() {
        // 0.5 T, 0.5 F, 0.1 F: flagging both 0.5s gives 2/3; one 0.5 alone is impossible.
        assert!((best_f1(&[0.5, 0.5, 0.1], &[true, false, false]).unwrap() - 0.3).abs() < 1e-12);
    }

    #[test]
    fn one_class_has_no_best_f1() {
        let error = best_f1(&[0.1, 0.2], &[false, false]).unwrap_err();
        assert_eq!(error, ThresholdError::OneClass { anomalies: 0, readings: 2 });
    }
}
