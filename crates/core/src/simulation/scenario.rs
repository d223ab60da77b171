//! Simulated faults with ground truth: normal running, an event, normal running, and so on.

use super::profile::{Distribution, Shape, to_three_decimals};
use super::{Profile, Simulated, Simulator, draw};
use crate::feature::FeatureSet;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::ops::Range;

/// Events that a stream of known length has room for.
const EVENTS_PER_STREAM: u64 = 5;
/// The shortest cycle, in readings: a sensor is then stuck for 25 of them.
const MIN_CYCLE: u64 = 100;
/// The longest cycle, in readings.
const MAX_CYCLE: u64 = 400;
/// How many times its normal standard deviation a noisy sensor reaches.
const MAX_NOISE: f64 = 6.0;

/// What happens to a turbine, once per cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Three to five readings in which every sensor is far out.
    Spike,
    /// One sensor slowly leaves its normal range and comes back.
    Drift,
    /// One sensor repeats its last value.
    Stuck,
    /// One sensor's noise grows to six times its normal standard deviation.
    Noise,
    /// No readings.
    Dropout,
    /// A normal day, one per cycle, and never an event: the values swing slowly within their normal distribution.
    Daily,
}

impl Scenario {
    /// The readings of one cycle that suit a stream of `readings` readings per turbine (`None` = endless): long enough for
    /// an event with normal running on both sides, and short enough for several cycles.
    pub fn cycle_length(readings: Option<u64>) -> u64 {
        readings.map_or(MAX_CYCLE, |readings| (readings / EVENTS_PER_STREAM).clamp(MIN_CYCLE, MAX_CYCLE))
    }

    fn event_length(self, cycle_length: u64, rng: &mut ChaCha8Rng) -> u64 {
        match self {
            Scenario::Spike => rng.random_range(3..=5),
            Scenario::Drift => cycle_length / 3,
            Scenario::Stuck | Scenario::Noise => cycle_length / 4,
            Scenario::Dropout => cycle_length / 5,
            Scenario::Daily => 0,
        }
    }
}

/// One turn of a turbine, with its ground truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The reading; `None` while the turbine sends none. Its label says whether it is a point anomaly; within an event
    /// there are none.
    pub reading: Option<Simulated>,
    /// Whether the turn belongs to an event.
    pub in_event: bool,
}

/// A turbine with a scenario. Outside events its readings are those of the simulator it is made from, rounded to three
/// decimals (with [`Scenario::Daily`] they are moved); the same arguments give the same stream on every machine.
#[derive(Debug, Clone)]
pub struct ScenarioSimulator {
    scenario: Scenario,
    base: Simulator,
    cycle_length: u64,
    position: u64,
    event: Event,
    last: [f64; 3],
    rng: ChaCha8Rng,
}

/// The event of one cycle.
#[derive(Debug, Clone)]
struct Event {
    /// Its turns within the cycle.
    turns: Range<u64>,
    /// The sensor at fault.
    sensor: usize,
    /// Whether a drift goes up.
    upwards: bool,
}

impl ScenarioSimulator {
    /// Adds `scenario` to a simulator, with cycles of `cycle_length` readings; see [`Scenario::cycle_length`]. The seed
    /// chooses the sensors at fault and the moments at which events begin.
    pub fn new(scenario: Scenario, base: Simulator, cycle_length: u64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Independent of the simulator's own numbers, which may come from the same seed.
        rng.set_stream(1);
        let last = normals(base.profile).map(|normal| normal.mean);
        let event = Event::draw(scenario, cycle_length, &mut rng);
        ScenarioSimulator { scenario, base, cycle_length, position: 0, event, last, rng }
    }

    /// The next turn.
    pub fn simulate(&mut self) -> Step {
        if self.position >= self.cycle_length {
            self.position = 0;
            self.event = Event::draw(self.scenario, self.cycle_length, &mut self.rng);
        }
        let base = self.base.simulate();
        let in_event = self.event.turns.contains(&self.position);
        let reading = if in_event { self.faulty(&base) } else { Some(self.healthy(base)) };
        self.position += 1;
        if let Some(reading) = &reading {
            self.last = reading.values;
        }
        Step { reading, in_event }
    }

    fn healthy(&self, base: Simulated) -> Simulated {
        let mut values = base.values;
        if self.scenario == Scenario::Daily && !base.is_anomaly {
            let day = (2.0 * PI * self.position as f64 / self.cycle_length as f64).sin();
            // Humidity falls as temperature rises.
            let swing = [day, -day, day];
            for ((value, normal), swing) in values.iter_mut().zip(normals(self.base.profile)).zip(swing) {
                // A sine has the variance 1/2; the noise keeps the other half, so the standard deviation stays as it is.
                *value = normal.mean + (*value - normal.mean) * FRAC_1_SQRT_2 + normal.std * swing;
            }
        }
        Simulated { values: transmitted(values), is_anomaly: base.is_anomaly }
    }

    fn faulty(&mut self, base: &Simulated) -> Option<Simulated> {
        let profile = self.base.profile;
        let mut values = if base.is_anomaly { draw(profile, false, &mut self.rng) } else { base.values };
        let Event { turns, sensor, upwards } = &self.event;
        let Shape { normal, high, low } = profile.shape(*sensor);
        let value = &mut values[*sensor];
        // Above 0, and 1 in the last turn.
        let progress = (self.position - turns.start + 1) as f64 / (turns.end - turns.start) as f64;
        match self.scenario {
            Scenario::Spike => values = draw(profile, true, &mut self.rng),
            Scenario::Drift => {
                let farthest = if *upwards { high } else { low };
                *value += (farthest.mean - normal.mean) * (PI * progress).sin();
            }
            Scenario::Stuck => *value = self.last[*sensor],
            Scenario::Noise => *value = normal.mean + (*value - normal.mean) * (1.0 + (MAX_NOISE - 1.0) * progress),
            Scenario::Dropout => return None,
            Scenario::Daily => {}
        }
        Some(Simulated { values: transmitted(values), is_anomaly: false })
    }
}

impl Event {
    /// Its beginning varies, so that the turbines of a fleet do not fail all at once.
    fn draw(scenario: Scenario, cycle_length: u64, rng: &mut ChaCha8Rng) -> Self {
        let length = scenario.event_length(cycle_length, rng);
        let normal = cycle_length - length.min(cycle_length);
        let start = rng.random_range(normal * 2 / 5..=normal * 3 / 5);
        Event {
            turns: start..start + length,
            sensor: rng.random_range(0..3_u32) as usize,
            upwards: rng.random_range(0..2_u32) == 1,
        }
    }
}

fn normals(profile: Profile) -> [Distribution; 3] {
    std::array::from_fn(|i| profile.shape(i).normal)
}

/// In the features' ranges and with three decimals.
fn transmitted(values: [f64; 3]) -> [f64; 3] {
    let features = FeatureSet::turbine();
    std::array::from_fn(|i| {
        let value = features[i].range.map_or(values[i], |range| values[i].clamp(range.min, range.max));
        to_three_decimals(value)
    })
}

#[cfg(test)]
mod tests;
