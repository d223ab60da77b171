#![allow(clippy::unwrap_used)]
use super::*;
use crate::sensors::SensorSet;
use jiff::Timestamp;

fn close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-12, "{actual}, not {expected}");
}

fn fold(watch: &mut Watch, reference: &Reference, second: i64, values: &[f64]) -> Vec<Change> {
    let timestamp = Timestamp::from_second(second).unwrap();
    watch.fold(reference, &Observed { timestamp, values, absent: SensorSet::default(), is_anomaly: false })
}

#[test]
fn both_figures_are_those_worked_out_by_hand() {
    // Two values, each half of the training: bins up to just below 1, 1, up to just below 2, 2, above; 0, 50, 0, 50, 0
    // values. Each value has a bin of its own, and so have the gaps: five bins of the PSI.
    let training: Vec<f64> = (0..100).map(|i| if i < 50 { 1.0 } else { 2.0 }).collect();
    let distribution = Distribution::fit(&training, false);
    assert_eq!(distribution.counts(), [0, 50, 0, 50, 0]);
    // Three of four windows' values are 1. With half a value added to each of five bins,
    // p = (0.5, 50.5, 0.5, 50.5, 0.5) / 102.5 and q = (0.5, 3.5, 0.5, 1.5, 0.5) / 6.5.
    let found = distribution.compare(&[1.0, 1.0, 2.0, 1.0]).unwrap();
    let term = |p: f64, q: f64| (q / 6.5 - p / 102.5) * ((q / 6.5) / (p / 102.5)).ln();
    close(found.psi, 3.0 * term(0.5, 0.5) + term(50.5, 3.5) + term(50.5, 1.5));
    // Up to 1: 3/4 against 1/2.
    close(found.ks, 0.25);
    close(found.psi_by_chance, 4.0 * (0.25 + 0.01));
    // 1.9495 · √0.26.
    assert!((found.ks_by_chance - 0.99404).abs() < 1e-4, "{}", found.ks_by_chance);
    assert_eq!(distribution.compare(&[]), None);
}

#[test]
fn bins_are_quantiles_and_a_twentieth_is_a_bin_of_the_psi() {
    // Values 1 to 2,400: a bin of 20 ends at each multiple of 20, and six of them are a bin of the PSI.
    let values: Vec<f64> = (1..=2_400).map(f64::from).collect();
    let reference = Reference::fit(&values, 1, false, 0.05);
    let distribution = &reference.features[0];
    assert_eq!(distribution.upper()[..3], [20.0, 40.0, 60.0]);
    assert_eq!(distribution.counts(), [20; 120]);
    let shares = Watch::new(&reference, 10).shares(&reference, 0);
    let ends: Vec<Option<f64>> = (1..20).map(|i| Some(120.0 * f64::from(i))).chain([None]).collect();
    assert_eq!(shares.iter().map(|share| share.up_to).collect::<Vec<_>>(), ends);
    assert!(shares.iter().all(|share| share.training == 0.05 && share.window.is_none()));
}

#[test]
fn a_constant_feature_drifts_as_soon_as_it_is_another() {
    let reference = Reference::fit(&[5.0; 100], 1, false, 0.05);
    for (value, drifts) in [(5.0, false), (4.9, true), (5.1, true)] {
        let mut watch = Watch::new(&reference, 1_000);
        let changes: Vec<Change> = (0..200).flat_map(|second| fold(&mut watch, &reference, second, &[value])).collect();
        assert_eq!(changes.len(), usize::from(drifts), "{value}: {changes:?}");
    }
}

#[test]
fn values_beside_a_frequent_one_are_told_from_it() {
    // Half of the values are 0, the others spread over 0.01 to 1.
    let training: Vec<f64> =
        (0..2_000).map(|i| if i % 2 == 0 { 0.0 } else { f64::from(i % 100 + 1) / 100.0 }).collect();
    let distribution = Distribution::fit(&training, false);
    assert_eq!(distribution.compare(&training).unwrap().ks, 0.0);
    let moved: Vec<f64> = training.iter().map(|&value| if value == 0.0 { -0.001 } else { value }).collect();
    let found = distribution.compare(&moved).unwrap();
    close(found.ks, 0.5);
    assert!(found.psi > 1.0, "{found:?}");
}

#[test]
fn drift_begins_and_ends_with_hysteresis() {
    let training: Vec<f64> = (0..2_400).map(|i| f64::from(i * 1_009 % 2_400)).collect();
    let reference = Reference::fit(&training, 1, false, 0.05);
    let mut watch = Watch::new(&reference, 1_000);
    let mut changes = Vec::new();
    // A thousand readings as in training, a thousand of its upper half, a thousand as in training.
    for second in 0..3_000_i64 {
        let value = training[second as usize % 2_400];
        let value = if (1_000..2_000).contains(&second) { 1_200.0 + value / 2.0 } else { value };
        changes.extend(fold(&mut watch, &reference, second, &[value]).iter().map(|change| (second, *change)));
    }
    let [(began, first), (ended, last)] = changes[..] else { panic!("{changes:?}") };
    assert!(first.is_drifting && !last.is_drifting && (1_200..1_700).contains(&began), "{changes:?}");
    assert!(first.comparison.excess_psi() >= 0.2 && last.comparison.excess_psi() < 0.1, "{changes:?}");
    assert!(ended > 2_300 && watch.since() == [None], "{changes:?}");
    // Decided after every fifty readings.
    assert_eq!(((began + 1) % 50, (ended + 1) % 50), (0, 0));
}

#[test]
fn few_values_decide_nothing_and_absent_ones_do_not_count() {
    let reference = Reference::fit(&(0..200).map(f64::from).collect::<Vec<_>>(), 2, false, 0.05);
    let mut watch = Watch::new(&reference, 1_000);
    let absent: SensorSet = [1].into_iter().collect();
    let mut changes = Vec::new();
    for second in 0..250 {
        let timestamp = Timestamp::from_second(second).unwrap();
        let observed = Observed { timestamp, values: &[-1.0, -1.0], absent, is_anomaly: second % 5 == 0 };
        changes.extend(watch.fold(&reference, &observed).iter().map(|change| (second, change.feature)));
    }
    assert_eq!(changes, [(199, 0)]);
    assert_eq!((watch.readings(), watch.anomaly_rate()), (250, Some(0.2)));
    assert_eq!(watch.compare(&reference, 0).unwrap().values, 250);
    assert_eq!(watch.compare(&reference, 1), None);
}

#[test]
fn a_window_that_goes_on_from_its_state_is_the_one_that_never_stopped() {
    let reference = Reference::fit(&(0..600).map(f64::from).collect::<Vec<_>>(), 2, false, 0.05);
    let values = |i: i64| [f64::from(i as i32 * 37 % 900), f64::from(i as i32 * 11 % 600)];
    let mut watch = Watch::new(&reference, 300);
    for i in 0..777 {
        let absent = (0..2).filter(|place| i % 13 == *place).map(|place| place as usize).collect();
        let timestamp = Timestamp::from_second(i).unwrap();
        watch.fold(&reference, &Observed { timestamp, values: &values(i), absent, is_anomaly: i % 9 == 0 });
    }
    let mut resumed = Watch::resume(&reference, 300, &watch.state()).unwrap();
    assert_eq!(resumed, watch);
    for i in 777..1_500 {
        assert_eq!(
            fold(&mut resumed, &reference, i, &values(i)),
            fold(&mut watch, &reference, i, &values(i)),
            "reading {i}"
        );
    }
    assert_eq!(resumed, watch);
    // Counted from the newest readings alone, whatever was in the window before.
    let newest: Vec<f64> = (1_200..1_500).map(|i| values(i)[0]).collect();
    assert_eq!(watch.compare(&reference, 0), reference.features[0].compare(&newest));
    let other = Reference::fit(&[1.0; 100], 2, false, 0.05);
    assert_eq!(Watch::resume(&other, 300, &watch.state()), None);
}

#[test]
fn in_a_recording_a_window_may_differ_as_much_as_those_of_the_training() {
    // Six stretches of a thousand readings, each at its own level: every one differs from all of them together.
    let level = |i: usize| (i / 1_000) as f64;
    let recording: Vec<f64> = (0..6_000).map(|i| level(i) + (i * 7 % 100) as f64 / 100.0).collect();
    let usual = Reference::fit(&recording, 1, true, 0.05);
    let unordered = Reference::fit(&recording, 1, false, 0.05);
    let drifts = |reference: &Reference, move_by: f64| {
        let mut watch = Watch::new(reference, 1_000);
        let rows = (0..1_000).flat_map(|i| fold(&mut watch, reference, i as i64, &[recording[i] + move_by]));
        rows.last().is_some_and(|change| change.is_drifting)
    };
    // The highest of the six; a window of values that never occurred differs more.
    assert!(drifts(&unordered, 0.0) && !drifts(&usual, 0.0));
    assert!(drifts(&usual, -3.0) && usual.features[0].usual_psi() > Some(1.0));
}

#[test]
fn a_reference_that_cannot_be_used_is_refused() {
    let fitted = Reference::fit(&(0..100).map(f64::from).collect::<Vec<_>>(), 1, false, 0.05);
    assert_eq!(fitted.check(1), Ok(()));
    let text = serde_json::to_string(&fitted).unwrap();
    for (from, to, field) in [
        ("\"expected_rate\":0.05", "\"expected_rate\":1.5", "expected_rate"),
        ("\"upper\":[0.0,1.0,", "\"upper\":[1.0,1.0,", "features[0].upper"),
        ("\"upper\":[0.0,", "\"upper\":[", "features[0].upper"),
        ("\"usual_psi\":null", "\"usual_psi\":-1.0", "features[0].usual_psi"),
        ("\"counts\":[1,", "\"counts\":[9007199254740992,", "features[0].counts"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let edited: Reference = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
        assert_eq!(edited.check(1).unwrap_err().0, field);
    }
    assert_eq!(fitted.check(2).unwrap_err().0, "features");
}
