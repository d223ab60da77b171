//! Simulated turbines.

use super::{Fleet, Outgoing};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::RawReading;
use turbine_core::simulation::{AnomalyRateError, Profile, Simulator};

/// Readings of the default turbine, or of several that take turns, each with a simulator of its own; endless.
#[derive(Debug)]
pub struct Simulated {
    features: FeatureSet,
    simulators: Vec<Simulator>,
    fleet: Option<Fleet>,
}

impl Simulated {
    /// One nameless turbine, or a fleet.
    ///
    /// # Errors
    /// If `anomaly_rate` is not 0 to 1.
    pub fn new(profile: Profile, anomaly_rate: f64, seed: u64, fleet: Option<Fleet>) -> Result<Self, AnomalyRateError> {
        let simulators = match &fleet {
            None => vec![Simulator::new(profile, anomaly_rate, seed)?],
            Some(fleet) => {
                // Drawn and not counted up, or fleets of neighbouring seeds would share turbines.
                let mut seeds = ChaCha8Rng::seed_from_u64(seed);
                let simulator = |_| Simulator::new(profile, anomaly_rate, seeds.next_u64());
                (0..fleet.turbines()).map(simulator).collect::<Result<_, _>>()?
            }
        };
        Ok(Simulated { features: FeatureSet::turbine(), simulators, fleet })
    }

    /// Those of the default turbine.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }
}

impl Iterator for Simulated {
    type Item = Outgoing;

    fn next(&mut self) -> Option<Outgoing> {
        let (place, turbine_id) = match &mut self.fleet {
            None => (0, None),
            Some(fleet) => {
                let (place, id) = fleet.take_turn();
                (place, Some(id))
            }
        };
        let simulated = self.simulators[place].simulate();
        let mut raw = RawReading::from_values(&self.features, &simulated.values);
        if let Some(id) = turbine_id {
            raw = raw.of_turbine(id);
        }
        Some(Outgoing::new(&raw, simulated.values.to_vec(), Some(simulated.is_anomaly)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::num::NonZeroU64;

    fn take(seed: u64, turbines: Option<u64>, n: usize) -> Vec<Outgoing> {
        let fleet = turbines.and_then(NonZeroU64::new).map(Fleet::new);
        Simulated::new(Profile::Stream, 0.5, seed, fleet).unwrap().take(n).collect()
    }

    #[test]
    fn one_turbine_is_the_simulator_itself_and_sends_no_name() {
        let expected: Vec<_> = Simulator::new(Profile::Stream, 0.5, 7).unwrap().take(20).collect();
        for (outgoing, simulated) in take(7, None, 20).iter().zip(expected) {
            assert_eq!(outgoing.values, simulated.values);
            assert_eq!(outgoing.is_anomaly, Some(simulated.is_anomaly));
            let [t, h, s] = simulated.values;
            let json = format!(r#"{{"temperature":{t:?},"humidity":{h:?},"sound_volume":{s:?}}}"#);
            assert_eq!(outgoing.json, json);
        }
    }

    #[test]
    fn each_turbine_of_a_fleet_has_its_own_stream() {
        let sent = take(7, Some(3), 30);
        for (i, outgoing) in sent.iter().enumerate() {
            let id = format!(r#""turbine_id":"WT-{:02}""#, i % 3 + 1);
            assert!(outgoing.json.contains(&id), "{}", outgoing.json);
        }
        assert_ne!(sent[0].values, sent[1].values);
        // The first turbine's stream does not depend on how many others there are.
        let of_two = take(7, Some(2), 20);
        let first = |sent: &[Outgoing], turbines: usize| -> Vec<Vec<f64>> {
            sent.iter().step_by(turbines).take(10).map(|outgoing| outgoing.values.clone()).collect()
        };
        assert_eq!(first(&sent, 3), first(&of_two, 2));
        assert_ne!(take(8, Some(3), 30), sent);
    }
}
