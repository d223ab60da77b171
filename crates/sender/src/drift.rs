//! The answer of `GET /drift`: whether the service's newest readings are distributed as those its model was trained on.

use serde::Deserialize;

/// Features that a note names; the others are counted.
const NAMED: usize = 3;

/// The part of the answer that the sender uses.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Drift {
    /// One entry a feature.
    pub features: Vec<FeatureDrift>,
}

/// How a feature compares with the training.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FeatureDrift {
    /// Its name.
    pub feature: String,
    /// Population stability index; `None` without a reading.
    pub psi: Option<f64>,
    /// Whether the feature drifts.
    pub drifting: bool,
}

impl Drift {
    /// One line that names the features that drift most; `None` if none does.
    pub fn note(&self) -> Option<String> {
        let psi = |feature: &&FeatureDrift| feature.psi.unwrap_or_default();
        let mut drifting: Vec<&FeatureDrift> = self.features.iter().filter(|feature| feature.drifting).collect();
        drifting.sort_by(|a, b| psi(b).total_cmp(&psi(a)));
        let named: Vec<String> =
            drifting.iter().take(NAMED).map(|drift| format!("{} (PSI {:.2})", drift.feature, psi(drift))).collect();
        let others = match drifting.len() - named.len() {
            0 => String::new(),
            1 => " and 1 other feature".to_owned(),
            others => format!(" and {others} other features"),
        };
        let named = named.join(", ");
        (!named.is_empty()).then(|| format!("drift from the training data: {named}{others}; expect more false alarms"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn note(figures: &[(&str, Option<f64>, bool)]) -> Option<String> {
        let features: Vec<_> = figures
            .iter()
            .map(|(feature, psi, drifting)| json!({"feature": feature, "psi": psi, "ks": 0.5, "drifting": drifting}))
            .collect();
        serde_json::from_value::<Drift>(json!({"readings": 7, "features": features})).unwrap().note()
    }

    #[test]
    fn features_that_drift_are_named_with_the_largest_first() {
        assert_eq!(note(&[]), None);
        assert_eq!(note(&[("a", Some(0.3), false), ("b", None, false)]), None);
        let two = [("a", Some(0.314), true), ("b", Some(0.9), false), ("c", Some(1.25), true)];
        let expected = "drift from the training data: c (PSI 1.25), a (PSI 0.31); expect more false alarms";
        assert_eq!(note(&two).as_deref(), Some(expected));
    }

    #[test]
    fn many_features_make_one_line() {
        let psi = [0.5, 0.4, 0.3, 0.2, 0.1];
        let all: Vec<_> =
            ["a", "b", "c", "d", "e"].into_iter().zip(psi).map(|(name, psi)| (name, Some(psi), true)).collect();
        let named = "drift from the training data: a (PSI 0.50), b (PSI 0.40), c (PSI 0.30)";
        let note = |n: usize| note(&all[..n]).unwrap();
        assert_eq!(note(4), format!("{named} and 1 other feature; expect more false alarms"));
        assert_eq!(note(5), format!("{named} and 2 other features; expect more false alarms"));
    }
}
