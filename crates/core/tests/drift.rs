//! Drift of simulated readings: none in the training profile, humidity and sound volume in the sender's stream.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use std::sync::LazyLock;
use turbine_core::drift::{DEFAULT_WINDOW, Observed, Reference, Watch};
use turbine_core::model::Model;
use turbine_core::sensors::SensorSet;
use turbine_core::simulation::{Profile, Scenario, ScenarioSimulator, Simulator, TRAINING_READINGS, training_set};
use turbine_core::training::{TrainingParams, train};

static MODEL: LazyLock<Model> =
    LazyLock::new(|| train(&training_set(TRAINING_READINGS, 0.05, 42), &TrainingParams::default()).unwrap().model);

/// The default model's.
fn reference() -> &'static Reference {
    MODEL.drift().unwrap()
}

fn observed(i: usize, values: &[f64; 3]) -> Observed<'_> {
    let timestamp = Timestamp::from_second(i as i64).unwrap();
    Observed { timestamp, values, absent: SensorSet::default(), is_anomaly: false }
}

/// After which of the readings which feature began to drift.
fn begun(readings: impl Iterator<Item = [f64; 3]>) -> Vec<(usize, usize)> {
    let mut watch = Watch::new(reference(), DEFAULT_WINDOW);
    let changes = readings.enumerate().flat_map(|(i, values)| {
        let changes = watch.fold(reference(), &observed(i, &values));
        changes.into_iter().filter(|change| change.is_drifting).map(move |change| (i + 1, change.feature))
    });
    changes.collect()
}

fn simulated(profile: Profile, anomaly_rate: f64, seed: u64) -> impl Iterator<Item = [f64; 3]> {
    Simulator::new(profile, anomaly_rate, seed).unwrap().map(|reading| reading.values)
}

#[test]
fn readings_as_in_training_never_drift() {
    for seed in 1..=5 {
        // Without anomalies the tails of the training are missing: that is less than drift.
        for anomaly_rate in [0.05, 0.0] {
            let readings = simulated(Profile::Training, anomaly_rate, seed).take(100_000);
            assert_eq!(begun(readings), [], "seed {seed}, {anomaly_rate} anomalies");
        }
    }
}

#[test]
fn the_stream_drifts_in_humidity_and_sound_volume_within_a_thousand_readings() {
    for seed in 1..=20 {
        let mut drifting = begun(simulated(Profile::Stream, 0.05, seed).take(20_000));
        drifting.sort_unstable_by_key(|&(_, feature)| feature);
        let [(humid, 1), (loud, 2)] = drifting[..] else { panic!("seed {seed}: {drifting:?}") };
        assert!(humid <= 1_000 && loud <= 1_000, "seed {seed}: {drifting:?}");
    }
}

#[test]
fn a_change_from_one_profile_to_the_other_is_found_within_a_window() {
    for seed in 1..=5 {
        let before = simulated(Profile::Training, 0.05, seed).take(5_000);
        let drifting = begun(before.chain(simulated(Profile::Stream, 0.05, seed).take(20_000)));
        assert_eq!(drifting.len(), 2, "seed {seed}: {drifting:?}");
        assert!(drifting.iter().all(|&(i, feature)| feature > 0 && (5_001..=6_000).contains(&i)), "{drifting:?}");
    }
}

/// Anomalies and short faults are no drift; a fault that takes a large part of the window is, while it is in there.
#[test]
fn faults_are_drift_only_if_they_last() {
    let begun = |scenario, cycle_length| {
        let base = Simulator::new(Profile::Training, 0.05, 3).unwrap();
        let mut simulator = ScenarioSimulator::new(scenario, base, cycle_length, 3);
        let readings = (0..50_000).filter_map(|_| simulator.simulate().reading.map(|reading| reading.values));
        begun(readings.collect::<Vec<_>>().into_iter()).len()
    };
    for scenario in [Scenario::Spike, Scenario::Noise, Scenario::Dropout] {
        assert_eq!(begun(scenario, 400), 0, "{scenario:?}");
    }
    // A sensor that leaves its range for 133 of 400 readings, or repeats one value for 100.
    for scenario in [Scenario::Drift, Scenario::Stuck] {
        assert!(begun(scenario, 400) > 0, "{scenario:?}");
    }
}
