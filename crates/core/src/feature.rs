//! The features of a model: name, unit and, if known, the range a sensor can report.

use serde::{Deserialize, Serialize};

/// Names that readings and the prediction log use themselves; no feature may have one.
pub const RESERVED_NAMES: [&str; 12] = [
    "timestamp",
    "turbine_id",
    "is_anomaly",
    "anomaly_score",
    "model_version",
    "surprisal",
    "smoothed_surprisal",
    "in_alarm",
    "carried",
    "missing",
    "duplicate",
    "why",
];

/// Maximum number of features of a model.
pub const MAX_FEATURES: usize = 64;

const MAX_NAME_CHARS: usize = 64;

/// The values a sensor can report, inclusive, in the feature's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Smallest possible value.
    pub min: f64,
    /// Largest possible value.
    pub max: f64,
}

impl Range {
    /// Whether `value` is in the range; false for NaN.
    pub fn contains(&self, value: f64) -> bool {
        value >= self.min && value <= self.max
    }
}

/// One measured quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Key in a reading, column in a CSV.
    pub name: String,
    /// Unit, for display; empty if unknown.
    pub unit: String,
    /// The range a sensor can report; `None` accepts every finite value.
    pub range: Option<Range>,
}

impl Feature {
    /// A feature without a known unit or range.
    pub fn unbounded(name: impl Into<String>) -> Self {
        Feature { name: name.into(), unit: String::new(), range: None }
    }

    /// The name with its unit, for an axis or a message: `temperature (°C)`.
    pub fn label(&self) -> String {
        if self.unit.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.unit) }
    }
}

/// The features of a model in order: 1 to [`MAX_FEATURES`] with distinct names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Feature>", into = "Vec<Feature>")]
pub struct FeatureSet(Vec<Feature>);

/// Why a list of features is not a feature set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// There are no features, or too many.
    #[error("{0} features are given; a model has 1 to {MAX_FEATURES}")]
    Count(usize),
    /// The name is unsafe as a CSV header: a spreadsheet could take it for a formula.
    #[error(
        "feature name {0:?} is invalid: use 1 to {MAX_NAME_CHARS} printable characters, without = + - @ at the start \
         and spaces at the ends"
    )]
    Name(String),
    /// The name is a column of the prediction log.
    #[error("feature name {0:?} is a column of the prediction log; rename the feature")]
    Reserved(String),
    /// The name occurs twice.
    #[error("feature {0:?} occurs twice")]
    Twice(String),
    /// The range is empty or not finite.
    #[error("feature {name:?} has the range {min} to {max}; the ends must be finite, the first below the second")]
    Range {
        /// The feature's name.
        name: String,
        /// The lower end.
        min: f64,
        /// The upper end.
        max: f64,
    },
}

impl FeatureSet {
    /// Checks a list of features.
    ///
    /// # Errors
    /// A [`FeatureError`] for the first invalid feature.
    pub fn new(features: Vec<Feature>) -> Result<Self, FeatureError> {
        if features.is_empty() || features.len() > MAX_FEATURES {
            return Err(FeatureError::Count(features.len()));
        }
        for (i, feature) in features.iter().enumerate() {
            let name = &feature.name;
            let printable = !name.chars().any(char::is_control) && name.trim() == name;
            let length = name.chars().count();
            if !printable || length == 0 || length > MAX_NAME_CHARS || name.starts_with(['=', '+', '-', '@']) {
                return Err(FeatureError::Name(name.clone()));
            }
            if RESERVED_NAMES.contains(&name.as_str()) {
                return Err(FeatureError::Reserved(name.clone()));
            }
            if features[..i].iter().any(|earlier| earlier.name == *name) {
                return Err(FeatureError::Twice(name.clone()));
            }
            if let Some(Range { min, max }) = feature.range
                && !(min.is_finite() && max.is_finite() && min < max)
            {
                return Err(FeatureError::Range { name: name.clone(), min, max });
            }
        }
        Ok(FeatureSet(features))
    }

    /// Features with names only, such as the columns of a CSV.
    ///
    /// # Errors
    /// As [`FeatureSet::new`].
    pub fn from_names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, FeatureError> {
        FeatureSet::new(names.into_iter().map(Feature::unbounded).collect())
    }

    /// The default turbine: temperature, humidity, sound volume.
    pub fn turbine() -> Self {
        let feature = |name: &str, unit: &str, min, max| Feature {
            name: name.to_owned(),
            unit: unit.to_owned(),
            range: Some(Range { min, max }),
        };
        FeatureSet(vec![
            feature("temperature", "°C", -50.0, 120.0),
            feature("humidity", "%", 0.0, 100.0),
            feature("sound_volume", "arb. units", 0.0, 200.0),
        ])
    }

    /// The number of features.
    #[expect(clippy::len_without_is_empty, reason = "a feature set is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The features in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Feature> {
        self.0.iter()
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|feature| feature.name.as_str())
    }
}

impl std::ops::Index<usize> for FeatureSet {
    type Output = Feature;

    fn index(&self, i: usize) -> &Feature {
        &self.0[i]
    }
}

impl TryFrom<Vec<Feature>> for FeatureSet {
    type Error = FeatureError;

    fn try_from(features: Vec<Feature>) -> Result<Self, FeatureError> {
        FeatureSet::new(features)
    }
}

impl From<FeatureSet> for Vec<Feature> {
    fn from(set: FeatureSet) -> Self {
        set.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_turbine_has_the_features_of_the_contract() {
        let set = FeatureSet::turbine();
        assert_eq!(set.names().collect::<Vec<_>>(), ["temperature", "humidity", "sound_volume"]);
        assert_eq!(set[0].range, Some(Range { min: -50.0, max: 120.0 }));
        assert_eq!(set[1].range, Some(Range { min: 0.0, max: 100.0 }));
        assert_eq!(set[2].range, Some(Range { min: 0.0, max: 200.0 }));
        assert_eq!(set[0].label(), "temperature (°C)");
        assert_eq!(FeatureSet::new(set.iter().cloned().collect()), Ok(set));
    }

    #[test]
    fn invalid_names_are_refused_with_the_name() {
        let long = "x".repeat(65);
        for bad in ["", " padded", "tab\tbed", "=1+1", "-x", "+x", "@x", long.as_str()] {
            assert_eq!(FeatureSet::from_names([bad]), Err(FeatureError::Name(bad.to_owned())));
        }
        for reserved in RESERVED_NAMES {
            assert_eq!(FeatureSet::from_names([reserved]), Err(FeatureError::Reserved(reserved.to_owned())));
        }
        assert_eq!(FeatureSet::from_names(["a", "b", "a"]), Err(FeatureError::Twice("a".to_owned())));
    }

    #[test]
    fn there_are_one_to_sixty_four_features() {
        let names = |n: usize| (0..n).map(|i| format!("f{i}"));
        assert_eq!(FeatureSet::from_names(names(0)), Err(FeatureError::Count(0)));
        assert_eq!(FeatureSet::from_names(names(65)), Err(FeatureError::Count(65)));
        assert_eq!(FeatureSet::from_names(names(64)).map(|set| set.len()), Ok(64));
    }

    #[test]
    fn a_range_needs_finite_ends_in_order() {
        for (min, max) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            let feature = Feature { range: Some(Range { min, max }), ..Feature::unbounded("x") };
            assert!(matches!(FeatureSet::new(vec![feature]), Err(FeatureError::Range { .. })), "{min} {max}");
        }
        let range = Range { min: 0.0, max: 1.0 };
        assert!(range.contains(0.0) && range.contains(1.0) && !range.contains(f64::NAN) && !range.contains(1.1));
    }
}
