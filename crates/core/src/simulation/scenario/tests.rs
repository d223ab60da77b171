#![allow(clippy::unwrap_used)]

use super::*;

const ALL: [Scenario; 6] =
    [Scenario::Spike, Scenario::Drift, Scenario::Stuck, Scenario::Noise, Scenario::Dropout, Scenario::Daily];
const FAULTS: [Scenario; 5] = [Scenario::Spike, Scenario::Drift, Scenario::Stuck, Scenario::Noise, Scenario::Dropout];
const CYCLE: u64 = 200;

fn base(anomaly_rate: f64, seed: u64) -> Simulator {
    Simulator::new(Profile::Stream, anomaly_rate, seed).unwrap()
}

fn steps(scenario: Scenario, anomaly_rate: f64, seed: u64, n: usize) -> Vec<Step> {
    let mut simulator = ScenarioSimulator::new(scenario, base(anomaly_rate, seed), CYCLE, seed);
    (0..n).map(|_| simulator.simulate()).collect()
}

/// Each event: the index of its first turn, and its turns.
fn events(steps: &[Step]) -> Vec<(usize, &[Step])> {
    let mut start = 0;
    let runs = steps.chunk_by(|a, b| a.in_event == b.in_event).map(|run| {
        start += run.len();
        (start - run.len(), run)
    });
    runs.filter(|(_, run)| run[0].in_event).collect()
}

/// The values of one sensor during an event.
fn values(event: &[Step], sensor: usize) -> Vec<f64> {
    event.iter().map(|step| step.reading.as_ref().unwrap().values[sensor]).collect()
}

/// The sensor of which `is_faulty` holds; exactly one.
fn only(event: &[Step], is_faulty: impl Fn(usize, &[f64]) -> bool) -> usize {
    let faulty: Vec<usize> = (0..3).filter(|&sensor| is_faulty(sensor, &values(event, sensor))).collect();
    assert_eq!(faulty.len(), 1, "{event:?}");
    faulty[0]
}

fn in_deviations(sensor: usize, value: f64) -> f64 {
    let normal = Profile::Stream.shape(sensor).normal;
    (value - normal.mean) / normal.std
}

#[test]
fn every_cycle_has_one_event_between_normal_running() {
    for scenario in FAULTS {
        let steps = steps(scenario, 0.05, 1, 10 * CYCLE as usize);
        let events = events(&steps);
        assert_eq!(events.len(), 10, "{scenario:?}");
        let lengths: Vec<usize> = events.iter().map(|(_, event)| event.len()).collect();
        // 200 / 3, 200 / 4 and 200 / 5, rounded down.
        let expected = match scenario {
            Scenario::Spike => 3..=5,
            Scenario::Drift => 66..=66,
            Scenario::Stuck | Scenario::Noise => 50..=50,
            Scenario::Dropout | Scenario::Daily => 40..=40,
        };
        assert!(lengths.iter().all(|length| expected.contains(length)), "{scenario:?} {lengths:?}");
        for (cycle, (start, event)) in events.iter().enumerate() {
            // At least two fifths of the normal running lie before and after: (200 − 66) · 2 / 5 = 53.
            let start = start - cycle * CYCLE as usize;
            assert!(start >= 53 && start + event.len() + 53 <= CYCLE as usize, "{scenario:?} {start}");
        }
        let starts: Vec<usize> = events.iter().map(|(start, _)| start % CYCLE as usize).collect();
        assert!(starts.iter().any(|start| start != &starts[0]), "{scenario:?} {starts:?}");
    }
}

#[test]
fn outside_events_the_stream_is_the_simulators_own() {
    for scenario in FAULTS {
        let mut anomalies = 0;
        for (step, expected) in steps(scenario, 0.05, 3, 2_000).into_iter().zip(base(0.05, 3)) {
            if step.in_event {
                assert!(step.reading.is_none_or(|reading| !reading.is_anomaly), "{scenario:?}");
            } else {
                anomalies += u64::from(expected.is_anomaly);
                assert_eq!(step.reading, Some(expected), "{scenario:?}");
            }
        }
        assert!(anomalies > 0);
    }
}

#[test]
fn in_a_spike_every_sensor_is_far_out() {
    let steps = steps(Scenario::Spike, 0.0, 1, 4_000);
    let readings = events(&steps).into_iter().flat_map(|(_, event)| event);
    for reading in readings.map(|step| step.reading.as_ref().unwrap()) {
        // The least far out is high humidity, N(95, 4) clipped at 100, for N(65, 10): 3 deviations, hardly below 1.5.
        for (sensor, &value) in reading.values.iter().enumerate() {
            assert!(in_deviations(sensor, value).abs() > 1.5, "{reading:?}");
        }
    }
}

#[test]
fn a_drifting_sensor_leaves_its_range_slowly_and_comes_back() {
    let steps = steps(Scenario::Drift, 0.0, 1, 8_000);
    let mut drifted = [0; 6];
    for (_, event) in events(&steps) {
        let mean = |values: &[f64], range: Range<usize>| values[range.clone()].iter().sum::<f64>() / range.len() as f64;
        // Of 66 turns the middle 22 are at sin(π/3) = 0.87 of the way or more; the nearest target is 3 deviations away.
        let deviation = |sensor: usize, values: &[f64]| in_deviations(sensor, mean(values, 22..44));
        let sensor = only(event, |sensor, values| deviation(sensor, values).abs() > 2.0);
        let values = values(event, sensor);
        let far = deviation(sensor, &values);
        // At the edges the drift is at most sin(5π/66) = 0.24 of the way.
        for edge in [0..5, 61..66] {
            assert!(in_deviations(sensor, mean(&values, edge)).abs() < 0.6 * far.abs(), "{values:?}");
        }
        drifted[2 * sensor + usize::from(far > 0.0)] += 1;
    }
    assert!(drifted.iter().all(|&count| count > 0), "each sensor, both ways: {drifted:?}");
}

#[test]
fn a_stuck_sensor_repeats_its_last_value() {
    let steps = steps(Scenario::Stuck, 0.0, 1, 4_000);
    for (start, event) in events(&steps) {
        let sensor = only(event, |_, values| values.iter().all(|value| *value == values[0]));
        assert_eq!(values(event, sensor)[0], steps[start - 1].reading.as_ref().unwrap().values[sensor]);
    }
}

#[test]
fn a_noisy_sensors_noise_grows() {
    let steps = steps(Scenario::Noise, 0.0, 1, 8_000);
    let mut early_and_late = [Vec::new(), Vec::new()];
    for (_, event) in events(&steps) {
        let noise = |values: &[f64], sensor: usize| -> f64 {
            let squares = values.iter().map(|&value| in_deviations(sensor, value).powi(2));
            (squares.sum::<f64>() / values.len() as f64).sqrt()
        };
        let sensor = only(event, |sensor, values| noise(values, sensor) > 2.0);
        let values = values(event, sensor);
        for (part, all) in values.chunks(25).zip(&mut early_and_late) {
            all.push(noise(part, sensor));
        }
    }
    // The factor grows from 1 to 6: about 2.3 and 4.8 in the halves, the latter a little clipped.
    let [early, late] = early_and_late.map(|noise| noise.iter().sum::<f64>() / noise.len() as f64);
    assert!((1.8..2.8).contains(&early) && (3.5..5.3).contains(&late), "{early} {late}");
}

#[test]
fn a_dropout_has_no_readings_and_only_a_dropout() {
    for scenario in ALL {
        let missing = |step: &Step| step.reading.is_none();
        let expected = |step: &Step| step.in_event && scenario == Scenario::Dropout;
        assert!(steps(scenario, 0.05, 1, 1_000).iter().all(|step| missing(step) == expected(step)), "{scenario:?}");
    }
}

#[test]
fn a_day_swings_within_the_normal_distribution_and_is_no_event() {
    let steps = steps(Scenario::Daily, 0.0, 1, 200 * CYCLE as usize);
    assert!(events(&steps).is_empty());
    for sensor in 0..3 {
        let all: Vec<f64> = values(&steps, sensor).iter().map(|&value| in_deviations(sensor, value)).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let std = mean(&all.iter().map(|value| value.powi(2)).collect::<Vec<_>>()).sqrt();
        // 40,000 readings of N(0, 1).
        assert!(mean(&all).abs() < 0.05 && (std - 1.0).abs() < 0.05, "{sensor}: {} {std}", mean(&all));
        // The mean of half a sine is 2 / π = 0.64: temperature up in the first half of the day, humidity down.
        let mornings: Vec<f64> =
            all.chunks(CYCLE as usize).flat_map(|day| &day[..CYCLE as usize / 2]).copied().collect();
        let expected = [0.637, -0.637, 0.637][sensor];
        assert!((mean(&mornings) - expected).abs() < 0.05, "{sensor}: {}", mean(&mornings));
    }
}

#[test]
fn values_are_in_range_and_rounded_in_both_profiles() {
    let features = FeatureSet::turbine();
    for (scenario, profile) in ALL.into_iter().flat_map(|s| [(s, Profile::Stream), (s, Profile::Training)]) {
        let base = Simulator::new(profile, 0.05, 9).unwrap();
        let mut simulator = ScenarioSimulator::new(scenario, base, CYCLE, 9);
        for reading in (0..5_000).filter_map(|_| simulator.simulate().reading) {
            for (feature, value) in features.iter().zip(reading.values) {
                assert!(feature.range.unwrap().contains(value), "{scenario:?} {feature:?} {value}");
                assert_eq!((value * 1000.0).round() / 1000.0, value, "{scenario:?} {profile:?}");
            }
        }
    }
}

#[test]
fn a_scenario_depends_only_on_its_seed() {
    for scenario in ALL {
        assert_eq!(steps(scenario, 0.05, 42, 1_000), steps(scenario, 0.05, 42, 1_000), "{scenario:?}");
        assert_ne!(steps(scenario, 0.05, 42, 1_000), steps(scenario, 0.05, 43, 1_000), "{scenario:?}");
    }
}

#[test]
fn cycles_suit_the_length_of_the_stream() {
    // A fifth of the stream, 100 to 400 readings.
    let cases = [(Some(0), 100), (Some(500), 100), (Some(1_000), 200), (Some(1_000_000), 400), (None, 400)];
    for (readings, length) in cases {
        assert_eq!(Scenario::cycle_length(readings), length, "{readings:?}");
    }
}
