//! Readings that lack values, and values that no sensor is likely to have measured.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use turbine_core::dataset::Dataset;
use turbine_core::detector::DetectorKind;
use turbine_core::feature::{Feature, FeatureSet, Range};
use turbine_core::model::Model;
use turbine_core::monitor::TurbineState;
use turbine_core::reading::{MissingValues, RawReading, ReadingError};
use turbine_core::sensors::SensorSet;
use turbine_core::training::{TrainingParams, train};

/// Three sensors, of which `b` is twice `a`, `c` has a declared range, and all are 0 to 100 or 200 in training.
fn model() -> Model {
    let range = Some(Range { min: -1.0, max: 1e9 });
    let features = vec![Feature::unbounded("a"), Feature::unbounded("b"), Feature { range, ..Feature::unbounded("c") }];
    let readings = (0..=400)
        .flat_map(|i| [f64::from(i % 101), 2.0 * f64::from(i % 101) + f64::from(i % 2), f64::from(i * 7 % 101)])
        .collect();
    let times = (0..=400).map(|i| Timestamp::from_second(i * 60).unwrap()).collect();
    let dataset = Dataset::new(FeatureSet::new(features).unwrap(), readings, None).with_times(times);
    let mut params = TrainingParams { detector: DetectorKind::ForestAndNeighbours, ..TrainingParams::default() };
    params.forest.n_estimators = 5;
    train(&dataset, &params).unwrap().model
}

#[test]
fn a_missing_sensor_reads_what_is_expected_within_what_training_saw() {
    let (model, state) = (model(), TurbineState::default());
    let filled = |json: &str| {
        let raw = RawReading::from_json(json.as_bytes()).unwrap();
        let mut reading = raw.check_with(model.features(), MissingValues::Carry).unwrap();
        let gaps = model.fill(&state, Timestamp::UNIX_EPOCH, &mut reading);
        (reading.values().to_vec(), gaps)
    };
    let (values, gaps) = filled(r#"{"a": 30, "c": 50}"#);
    assert_eq!((gaps.missing, gaps.carried.is_empty()), ([1].into_iter().collect(), true));
    assert!((values[1] - 60.5).abs() < 3.0, "{values:?}");
    // An implausible value does not drag the others along.
    let (values, _) = filled(r#"{"a": 1e12, "b": null, "c": 50}"#);
    assert_eq!(values[1], 201.0);
    let (values, gaps) = filled(r#"{"a": null}"#);
    assert_eq!(gaps.missing.len(), 3);
    assert!(values.iter().zip(model.scaler().mean()).all(|(value, mean)| (value - mean).abs() < 1e-6), "{values:?}");
}

#[test]
fn a_reading_may_lack_values_only_where_that_is_allowed_and_never_all_names() {
    let features = FeatureSet::from_names(["a", "b"]).unwrap();
    let check = |json: &str, missing| RawReading::from_json(json.as_bytes()).unwrap().check_with(&features, missing);
    let faults = |result: Result<_, ReadingError>| result.map(|_| ()).unwrap_err().to_string();
    assert_eq!(faults(check(r#"{"a": 1}"#, MissingValues::Refuse)), "b is missing");
    assert_eq!(check(r#"{"a": 1}"#, MissingValues::Carry).unwrap().absent(), [1].into_iter().collect());
    // No feature is named: most likely they are called otherwise.
    assert_eq!(faults(check(r#"{"A": 1, "B": 2}"#, MissingValues::Carry)), "a is missing; b is missing");
    // What is there must be right.
    assert_eq!(faults(check(r#"{"a": null, "b": "x"}"#, MissingValues::Carry)), "b must be a number, got \"x\"");
}

#[test]
fn a_value_is_implausible_more_than_ten_training_ranges_outside() {
    let model = model();
    let implausible = |values: [f64; 3]| model.implausible(values.into_iter());
    // a: 0 to 100, so from −1,000 to 1,100; b: 0 to 201, so to 2,211; c has a declared range.
    assert!(implausible([1_100.0, 2_211.0, 1e8]).is_empty());
    assert_eq!(implausible([-1_000.1, 2_211.1, 1e8]), [0, 1].into_iter().collect::<SensorSet>());
}
