//! Simulated turbines.

use super::{Fleet, Outgoing, Phase, Turn, encode};
use jiff::Timestamp;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::RawReading;
use turbine_core::simulation::{
    AnomalyRateError, Profile, Scenario, ScenarioSimulator, Simulated as Values, Simulator,
};

/// Endless readings of the default turbine, or of several in turn, each with its own simulator.
#[derive(Debug)]
pub struct Simulated {
    features: FeatureSet,
    turbines: Vec<Turbine>,
    fleet: Fleet,
}

/// The events of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// What happens.
    pub scenario: Scenario,
    /// Readings of each turbine; `None` = endless. Events are as many and as long as suits it.
    pub readings: Option<u64>,
}

#[derive(Debug)]
enum Turbine {
    Plain(Box<Simulator>),
    WithEvents { simulator: Box<ScenarioSimulator>, gap_since: Option<Timestamp> },
}

impl Turbine {
    fn new(profile: Profile, anomaly_rate: f64, events: Option<Events>, seed: u64) -> Result<Self, AnomalyRateError> {
        let simulator = Simulator::new(profile, anomaly_rate, seed)?;
        Ok(match events {
            None => Turbine::Plain(Box::new(simulator)),
            Some(Events { scenario, readings }) => {
                let cycle_length = Scenario::cycle_length(readings);
                let simulator = Box::new(ScenarioSimulator::new(scenario, simulator, cycle_length, seed));
                Turbine::WithEvents { simulator, gap_since: None }
            }
        })
    }

    /// The values at `time`, their label and their phase; `None` while the turbine sends nothing.
    fn simulate(&mut self, time: Timestamp) -> Option<([f64; 3], Option<bool>, Option<Phase>)> {
        match self {
            Turbine::Plain(simulator) => {
                let Values { values, is_anomaly } = simulator.simulate();
                Some((values, Some(is_anomaly), None))
            }
            Turbine::WithEvents { simulator, gap_since } => {
                let step = simulator.simulate();
                let Some(Values { values, is_anomaly }) = step.reading else {
                    gap_since.get_or_insert(time);
                    return None;
                };
                let phase = match gap_since.take() {
                    _ if step.in_event => Phase::Event,
                    Some(since) => Phase::AfterGap { since },
                    None => Phase::Normal,
                };
                Some((values, (!step.in_event).then_some(is_anomaly), Some(phase)))
            }
        }
    }
}

impl Simulated {
    /// One simulator per turbine of the fleet. A single turbine uses `seed` itself.
    ///
    /// # Errors
    /// If `anomaly_rate` is not in 0 to 1.
    pub fn new(
        profile: Profile,
        anomaly_rate: f64,
        events: Option<Events>,
        seed: u64,
        fleet: Fleet,
    ) -> Result<Self, AnomalyRateError> {
        let turbines = match fleet.turbines() {
            1 => vec![Turbine::new(profile, anomaly_rate, events, seed)?],
            turbines => {
                // Random seeds: with seed, seed + 1, … fleets of neighbouring seeds would share turbines.
                let mut seeds = ChaCha8Rng::seed_from_u64(seed);
                let turbine = |_| Turbine::new(profile, anomaly_rate, events, seeds.next_u64());
                (0..turbines).map(turbine).collect::<Result<_, _>>()?
            }
        };
        Ok(Simulated { features: FeatureSet::turbine(), turbines, fleet })
    }

    /// The features of the default turbine.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The turn of the next turbine, at `time`.
    pub fn simulate(&mut self, time: Timestamp) -> Turn {
        let (turbine, id) = self.fleet.next_turbine();
        let Some((values, is_anomaly, phase)) = self.turbines[turbine].simulate(time) else { return Turn::Silent };
        let json = encode(&RawReading::from_values(&self.features, &values).at(time).of_turbine(id));
        Turn::Reading(Outgoing { json, values: values.to_vec(), is_anomaly, phase, turbine, time, position: None })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::num::NonZeroU64;

    fn simulate(seed: u64, turbines: u64, n: usize) -> Vec<Outgoing> {
        let fleet = Fleet::new(NonZeroU64::new(turbines).unwrap());
        let mut simulated = Simulated::new(Profile::Stream, 0.5, None, seed, fleet).unwrap();
        let turn = |i| match simulated.simulate(at(i)) {
            Turn::Reading(outgoing) => outgoing,
            Turn::Silent => panic!("a turbine without events sends a reading at every turn"),
        };
        (0..n).map(turn).collect()
    }

    fn at(i: usize) -> Timestamp {
        Timestamp::from_second(i as i64).unwrap()
    }

    /// The turns of two turbines of which one or the other has its event, 500 each.
    fn with_events(scenario: Scenario) -> Vec<Turn> {
        let events = Some(Events { scenario, readings: Some(500) });
        let fleet = Fleet::new(NonZeroU64::new(2).unwrap());
        let mut simulated = Simulated::new(Profile::Stream, 0.05, events, 7, fleet).unwrap();
        (0..1_000).map(|i| simulated.simulate(at(i))).collect()
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

    #[test]
    fn readings_of_events_have_a_phase_and_no_label() {
        let turns = with_events(Scenario::Stuck);
        let mut in_events = [0; 2];
        for (i, turn) in turns.iter().enumerate() {
            let Turn::Reading(outgoing) = turn else { panic!("{i}: {turn:?}") };
            assert_eq!((outgoing.turbine, outgoing.time), (i % 2, at(i)));
            let in_event = outgoing.phase == Some(Phase::Event);
            assert_eq!(outgoing.is_anomaly.is_none(), in_event);
            assert!(in_event || outgoing.phase == Some(Phase::Normal));
            in_events[i % 2] += u32::from(in_event);
        }
        // 500 readings are five cycles of 100, each with an event of a quarter.
        assert_eq!(in_events, [125, 125]);
    }

    #[test]
    fn the_first_reading_after_a_gap_says_when_it_began() {
        let turns = with_events(Scenario::Dropout);
        for turbine in 0..2 {
            let own: Vec<_> = (turbine..).step_by(2).zip(turns.iter().skip(turbine).step_by(2)).collect();
            let mut gaps = 0;
            for pair in own.windows(2) {
                match pair {
                    // A fifth of 100 turns is silent, and a turn comes every 2 s.
                    [(_, Turn::Silent), (i, Turn::Reading(outgoing))] => {
                        assert_eq!(outgoing.phase, Some(Phase::AfterGap { since: at(i - 40) }));
                        gaps += 1;
                    }
                    [(_, Turn::Reading(_)), (_, Turn::Reading(outgoing))] => {
                        assert_eq!(outgoing.phase, Some(Phase::Normal));
                    }
                    _ => {}
                }
            }
            assert_eq!(gaps, 5);
        }
    }
}
