#![allow(clippy::unwrap_used)]

use super::*;

/// Mean and standard deviation of feature `i` over the readings selected by `keep`.
fn moments(readings: &[Simulated], i: usize, keep: impl Fn(&Simulated) -> bool) -> (f64, f64) {
    let values: Vec<f64> = readings.iter().filter(|reading| keep(reading)).map(|reading| reading.values[i]).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt())
}

fn assert_near(actual: (f64, f64), expected: (f64, f64), name: &str) {
    let (mean, std) = expected;
    // 40,000 readings: the mean is known to about std/200, clipping moves the outer ones a little.
    assert!((actual.0 - mean).abs() < 0.05 * std + 0.005 * mean, "{name}: {actual:?} for {expected:?}");
    assert!((actual.1 - std).abs() < 0.06 * std, "{name}: {actual:?} for {expected:?}");
}

#[test]
fn normal_readings_have_the_moments_of_the_contract() {
    let expected = [
        (Profile::Training, [(25.0, 3.0), (60.0, 8.0), (0.5, 0.1)]),
        (Profile::Stream, [(25.0, 3.0), (65.0, 10.0), (0.6, 0.12)]),
    ];
    for (profile, moments_of) in expected {
        let readings: Vec<_> = Simulator::new(profile, 0.0, 1).unwrap().take(40_000).collect();
        assert!(readings.iter().all(|reading| !reading.is_anomaly));
        for (i, &expected) in moments_of.iter().enumerate() {
            assert_near(moments(&readings, i, |_| true), expected, &format!("{profile:?} feature {i}"));
        }
    }
}

#[test]
fn every_feature_of_an_anomaly_is_high_or_low_independently() {
    // Halfway between high and low, feature by feature, both profiles.
    let middle = [27.5, 57.0, 0.65];
    let sides = [[(45.0, 3.0), (10.0, 3.0)], [(90.0, 5.0), (20.0, 5.0)], [(1.2, 0.1), (0.1, 0.05)]];
    let readings: Vec<_> = Simulator::new(Profile::Training, 1.0, 1).unwrap().take(80_000).collect();
    for i in 0..2 {
        assert_near(moments(&readings, i, |r| r.values[i] > middle[i]), sides[i][0], "high");
        assert_near(moments(&readings, i, |r| r.values[i] < middle[i]), sides[i][1], "low");
    }
    assert_near(moments(&readings, 2, |r| r.values[2] > middle[2]), sides[2][0], "high");
    // Each of the eight corners has about an eighth: 80,000 / 8 = 10,000.
    let mut corners = [0_i32; 8];
    for reading in &readings {
        corners[(0..3).map(|i| usize::from(reading.values[i] > middle[i]) << i).sum::<usize>()] += 1;
    }
    assert!(corners.iter().all(|&count| (count - 10_000).abs() < 500), "{corners:?}");
}

#[test]
fn the_anomaly_rate_is_kept_and_checked() {
    let anomalies = Simulator::new(Profile::Stream, 0.05, 3).unwrap().take(40_000).filter(|r| r.is_anomaly).count();
    // 40,000 · 0.05 = 2,000, standard deviation sqrt(40,000 · 0.05 · 0.95) ≈ 44.
    assert!(anomalies.abs_diff(2_000) < 200, "{anomalies}");
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(Simulator::new(Profile::Stream, bad, 3).is_err(), "{bad}");
    }
}

#[test]
fn streamed_values_are_in_range_and_rounded() {
    let features = FeatureSet::turbine();
    for reading in Simulator::new(Profile::Stream, 0.5, 9).unwrap().take(20_000) {
        for (feature, value) in features.iter().zip(reading.values) {
            assert!(feature.range.unwrap().contains(value), "{feature:?} {value}");
            assert_eq!((value * 1000.0).round() / 1000.0, value);
        }
    }
}

#[test]
fn the_stream_depends_only_on_the_seed() {
    let take = |seed| Simulator::new(Profile::Stream, 0.05, seed).unwrap().take(100).collect::<Vec<_>>();
    assert_eq!(take(42), take(42));
    assert_ne!(take(42), take(43));
}

#[test]
fn the_training_set_has_its_exact_share_of_anomalies_in_random_order() {
    let dataset = training_set(TRAINING_READINGS, 0.05, 42);
    assert_eq!(dataset.len(), 9_800);
    // 9,800 · 0.05 = 490, and once shuffled, about half of them are in the first half.
    let labels = dataset.labels().unwrap();
    let count = |labels: &[bool]| labels.iter().filter(|&&label| label).count();
    assert_eq!(count(labels), 490);
    assert!(count(&labels[..4_900]).abs_diff(245) < 60);
    assert_eq!(dataset, training_set(TRAINING_READINGS, 0.05, 42));
    assert_ne!(dataset, training_set(TRAINING_READINGS, 0.05, 43));
}
