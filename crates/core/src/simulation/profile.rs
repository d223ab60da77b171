//! The distributions of the simulated turbine.

/// A set of distributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The default model's training data.
    Training,
    /// The sender's stream: slightly more humid and louder than the training data, with more variance; values are rounded
    /// to 3 decimals.
    Stream,
}

/// A normal distribution, in the feature's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
}

/// The distributions of one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub normal: Distribution,
    pub high: Distribution,
    pub low: Distribution,
}

const fn n(mean: f64, std: f64) -> Distribution {
    Distribution { mean, std }
}

/// Temperature, humidity, sound volume: the order of `FeatureSet::turbine`.
const TRAINING: [Shape; 3] = [
    Shape { normal: n(25.0, 3.0), high: n(45.0, 3.0), low: n(10.0, 3.0) },
    Shape { normal: n(60.0, 8.0), high: n(90.0, 5.0), low: n(20.0, 5.0) },
    Shape { normal: n(0.5, 0.1), high: n(1.2, 0.1), low: n(0.1, 0.05) },
];

const STREAM: [Shape; 3] = [
    Shape { normal: n(25.0, 3.0), high: n(45.0, 4.0), low: n(10.0, 4.0) },
    Shape { normal: n(65.0, 10.0), high: n(95.0, 4.0), low: n(20.0, 8.0) },
    Shape { normal: n(0.6, 0.12), high: n(1.4, 0.25), low: n(0.05, 0.02) },
];

impl Profile {
    pub(super) fn shape(self, feature: usize) -> Shape {
        match self {
            Profile::Training => TRAINING[feature],
            Profile::Stream => STREAM[feature],
        }
    }

    pub(super) fn rounded(self, value: f64) -> f64 {
        match self {
            Profile::Training => value,
            Profile::Stream => to_three_decimals(value),
        }
    }
}

pub(super) fn to_three_decimals(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
