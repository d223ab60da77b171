//! Simulates labelled readings of the default turbine, for training and for the sender.

mod profile;
mod scenario;

pub use profile::Profile;
pub use scenario::{Scenario, ScenarioSimulator, Step};

use crate::dataset::Dataset;
use crate::feature::FeatureSet;
use profile::Distribution;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Number of readings in the default training set.
pub const TRAINING_READINGS: usize = 9_800;

/// A simulated reading with its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// One value per feature of [`FeatureSet::turbine`].
    pub values: [f64; 3],
    /// The label.
    pub is_anomaly: bool,
}

/// An endless stream of readings; the same profile, rate and seed give the same stream on every machine.
#[derive(Debug, Clone)]
pub struct Simulator {
    profile: Profile,
    anomaly_rate: f64,
    rng: ChaCha8Rng,
}

/// The anomaly rate is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the anomaly rate is {0}; it must be 0 to 1")]
pub struct AnomalyRateError(f64);

impl Simulator {
    /// A stream in which each reading is an anomaly with probability `anomaly_rate` (0 to 1).
    ///
    /// # Errors
    /// If the rate is not in 0 to 1.
    pub fn new(profile: Profile, anomaly_rate: f64, seed: u64) -> Result<Self, AnomalyRateError> {
        if (0.0..=1.0).contains(&anomaly_rate) {
            Ok(Simulator { profile, anomaly_rate, rng: ChaCha8Rng::seed_from_u64(seed) })
        } else {
            Err(AnomalyRateError(anomaly_rate))
        }
    }

    /// The next reading.
    pub fn simulate(&mut self) -> Simulated {
        let is_anomaly = self.rng.random::<f64>() < self.anomaly_rate;
        Simulated { values: draw(self.profile, is_anomaly, &mut self.rng), is_anomaly }
    }
}

impl Iterator for Simulator {
    type Item = Simulated;

    fn next(&mut self) -> Option<Simulated> {
        Some(self.simulate())
    }
}

/// `readings` labelled readings of the training profile, of which exactly the share `anomaly_rate` (rounded) are
/// anomalies, in random order.
///
/// # Panics
/// If the rate is not 0 to 1.
pub fn training_set(readings: usize, anomaly_rate: f64, seed: u64) -> Dataset {
    assert!((0.0..=1.0).contains(&anomaly_rate), "the anomaly rate is {anomaly_rate}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let anomalies = (readings as f64 * anomaly_rate).round() as usize;
    let mut labels: Vec<bool> = (0..readings).map(|i| i < anomalies).collect();
    crate::dataset::shuffle(&mut labels, &mut rng);
    let values = labels.iter().flat_map(|&is_anomaly| draw(Profile::Training, is_anomaly, &mut rng)).collect();
    Dataset::new(FeatureSet::turbine(), values, Some(labels))
}

/// In an anomalous reading every feature deviates, each high or low at random.
fn draw(profile: Profile, is_anomaly: bool, rng: &mut ChaCha8Rng) -> [f64; 3] {
    let features = FeatureSet::turbine();
    std::array::from_fn(|i| {
        let shape = profile.shape(i);
        let distribution = match (is_anomaly, is_anomaly && rng.next_u32().is_multiple_of(2)) {
            (false, _) => shape.normal,
            (true, true) => shape.high,
            (true, false) => shape.low,
        };
        let Distribution { mean, std } = distribution;
        let deviate: f64 = rng.sample(StandardNormal);
        let value = mean + std * deviate;
        let value = features[i].range.map_or(value, |range| value.clamp(range.min, range.max));
        profile.rounded(value)
    })
}

#[cfg(test)]
mod tests;
