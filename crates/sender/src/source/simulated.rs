//! Simulated turbines.

use super::{Fleet, Outgoing};
use jiff::Timestamp;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::RawReading;
use turbine_core::simulation::{AnomalyRateError, Profile, Simulator};

/// Endless readings of the default turbine, or of several in turn, each with its own simulator.
#[derive(Debug)]
pub struct Simulated {
    features: FeatureSet,
    simulators: Vec<Simulator>,
    fleet: Fleet,
}

impl Simulated {
    /// One simulator per turbine of the fleet. A single turbine uses `seed` itself.
    ///
    /// # Errors
    /// If `anomaly_rate` is not in 0 to 1.
    pub fn new(profile: Profile, anomaly_rate: f64, seed: u64, fleet: Fleet) -> Result<Self, AnomalyRateError> {
        let simulators = match fleet.turbines() {
            1 => vec![Simulator::new(profile, anomaly_rate, seed)?],
            turbines => {
                // Random seeds: with seed, seed + 1, … fleets of neighbouring seeds would share turbines.
                let mut seeds = ChaCha8Rng::seed_from_u64(seed);
                let simulator = |_| Simulator::new(profile, anomaly_rate, seeds.next_u64());
                (0..turbines).map(simulator).collect::<Result<_, _>>()?
            }
        };
        Ok(Simulated { features: FeatureSet::turbine(), simulators, fleet })
    }

    /// The features of the default turbine.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// A reading of the next turbine, taken at `time`.
    pub fn simulate(&mut self, time: Timestamp) -> Outgoing {
        let (turbine, id) = self.fleet.next_turbine();
        let simulated = self.simulators[turbine].simulate();
        let raw = RawReading::from_values(&self.features, &simulated.values).at(time).of_turbine(id);
        Outgoing::new(&raw, simulated.values.to_vec(), Some(simulated.is_anomaly))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::num::NonZeroU64;

    fn simulate(seed: u64, turbines: u64, n: usize) -> Vec<Outgoing> {
        let fleet = Fleet::new(NonZeroU64::new(turbines).unwrap());
        let mut simulated = Simulated::new(Profile::Stream, 0.5, seed, fleet).unwrap();
        (0..n).map(|i| simulated.simulate(Timestamp::from_second(i as i64).unwrap())).collect()
    }

    #[test]
    fn a_single_turbine_is_the_simulator_with_the_seed_itself() {
        let expected: Vec<_> = Simulator::new(Profile::Stream, 0.5, 7).unwrap().take(20).collect();
        for (i, (outgoing, simulated)) in simulate(7, 1, 20).iter().zip(expected).enumerate() {
            assert_eq!(outgoing.values, simulated.values);
            assert_eq!(outgoing.is_anomaly, Some(simulated.is_anomaly));
            let [t, h, s] = simulated.values;
            let inputs = format!(r#""temperature":{t:?},"humidity":{h:?},"sound_volume":{s:?}"#);
            let json = format!(r#"{{{inputs},"timestamp":"1970-01-01T00:00:{i:02}Z","turbine_id":"WT-01"}}"#);
            assert_eq!(outgoing.json, json);
        }
    }

    #[test]
    fn each_turbine_of_a_fleet_has_its_own_stream() {
        let sent = simulate(7, 3, 30);
        for (i, outgoing) in sent.iter().enumerate() {
            let id = format!(r#""turbine_id":"WT-{:02}""#, i % 3 + 1);
            assert!(outgoing.json.contains(&id), "{}", outgoing.json);
        }
        assert_ne!(sent[0].values, sent[1].values);
        // The first turbine's stream is the same in any fleet of several.
        let of_two = simulate(7, 2, 20);
        let first = |sent: &[Outgoing], turbines: usize| -> Vec<Vec<f64>> {
            sent.iter().step_by(turbines).take(10).map(|outgoing| outgoing.values.clone()).collect()
        };
        assert_eq!(first(&sent, 3), first(&of_two, 2));
        assert_ne!(simulate(8, 3, 30), sent);
    }
}
