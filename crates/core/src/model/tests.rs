#![allow(clippy::unwrap_used)]

use super::*;
use crate::detector::Part;
use crate::monitor::TurbineState;
use crate::simulation::{Profile, Simulator, training_set};
use crate::training::{TrainingParams, train};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let mut params = TrainingParams::default();
    params.forest.n_estimators = 10;
    params.forest.sample_size = 64;
    train(&training_set(1_000, 0.05, 42), &params).unwrap().model
});

/// Forest and neighbours, fitted to a recording.
static IN_TIME: LazyLock<Model> = LazyLock::new(|| {
    let dataset = training_set(1_000, 0.0, 42);
    let times = (0..1_000).map(|i| jiff::Timestamp::from_second(i * 600).unwrap()).collect();
    let mut params = TrainingParams { detector: DetectorKind::ForestAndNeighbours, ..TrainingParams::default() };
    params.forest.n_estimators = 10;
    train(&dataset.with_times(times), &params).unwrap().model
});

/// The model file with `change` made to the object `model`, its version left as it was.
fn edited(change: impl FnOnce(&mut Value)) -> Result<Model, ModelError> {
    let mut file: Value = serde_json::from_str(&MODEL.to_json()).unwrap();
    change(&mut file["model"]);
    Model::from_json(&file.to_string())
}

fn refusal(change: impl FnOnce(&mut Value)) -> String {
    edited(change).unwrap_err().to_string()
}

#[test]
fn a_saved_model_is_the_same_after_loading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/model.json");
    MODEL.save(&path).unwrap();
    let loaded = Model::load(&path).unwrap();
    assert_eq!(loaded, *MODEL);
    assert_eq!(loaded.to_json(), MODEL.to_json());
    let digits = loaded.version().strip_prefix('m').unwrap();
    assert!(digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digits}");
    let readings: Vec<f64> =
        Simulator::new(Profile::Stream, 0.3, 5).unwrap().take(2_000).flat_map(|reading| reading.values).collect();
    assert_eq!(loaded.score(&readings), MODEL.score(&readings));
    // Nothing temporary is left beside it.
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn alone_or_in_a_batch_a_reading_scores_the_same() {
    let simulated: Vec<_> = Simulator::new(Profile::Training, 0.2, 6).unwrap().take(600).collect();
    let readings: Vec<f64> = simulated.iter().flat_map(|reading| reading.values).collect();
    let batch = MODEL.score(&readings);
    for (reading, score) in simulated.iter().zip(batch) {
        let reading = Reading::new(reading.values.to_vec(), MODEL.features()).unwrap();
        let prediction = MODEL.predict(&reading);
        assert_eq!(prediction, MODEL.verdict(score));
        assert_eq!(prediction.is_anomaly, score > MODEL.threshold());
    }
}

#[test]
fn the_golden_readings_are_the_extremes_of_both_kinds() {
    let golden = MODEL.golden();
    assert_eq!((golden.readings.len(), golden.tolerance), (32, 0.0));
    assert_eq!(golden.readings.iter().filter(|reading| reading.is_anomaly).count(), 16);
    assert!(golden.readings.is_sorted_by(|a, b| a.anomaly_score <= b.anomaly_score));
}

#[test]
fn every_edit_is_refused_with_the_field_and_the_remedy() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit); 18] = [
        ("field `threshold` is 2", |model| model["threshold"] = json!(2.0)),
        ("field `golden.readings[16].is_anomaly`", |model| model["threshold"] = json!(0.99)),
        ("field `threshold`", |model| model["threshold"] = json!("high")),
        ("missing field `threshold`", |model| drop(model.as_object_mut().unwrap().remove("threshold"))),
        ("unknown field `extra`", |model| model["extra"] = json!(1)),
        ("field `features", |model| model["features"] = json!([])),
        ("field `scaler.mean` has 2 entries for 3", |model| model["scaler"]["mean"] = json!([1.0, 2.0])),
        ("field `scaler`", |model| model["scaler"]["std"][1] = json!(0.0)),
        ("field `golden.readings[0].detection.forest_score`", |model| model["scaler"]["mean"][0] = json!(90.0)),
        ("field `golden.readings[3].anomaly_score`", |model| {
            model["golden"]["readings"][3]["anomaly_score"] = json!(0.123);
        }),
        ("field `golden.readings` is empty", |model| model["golden"]["readings"] = json!([])),
        ("field `golden.tolerance` is 0.5", |model| model["golden"]["tolerance"] = json!(0.5)),
        ("field `params.n_estimators` does not agree", |model| model["params"]["n_estimators"] = json!(11)),
        ("field `params.contamination`", |model| model["params"]["contamination"] = json!(0.9)),
        ("field `params.contamination` is null", |model| model["params"]["contamination"] = json!(null)),
        ("field `params.contamination` is 0.05", |model| model["params"]["threshold_method"] = json!("auto")),
        ("field `training.features[1].std` is -1", |model| model["training"]["features"][1]["std"] = json!(-1.0)),
        ("field `model_version` is", |model| model["features"][0]["unit"] = json!("°F")),
    ];
    for (expected, edit) in cases {
        let text = refusal(edit);
        assert!(text.contains(expected), "expected {expected}, got {text}");
        assert!(text.contains("cargo run -p train"), "no remedy: {text}");
    }
}

#[test]
fn every_edit_of_what_watches_in_time_is_refused_with_the_field_and_the_remedy() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit); 23] = [
        ("field `calibration.forest.mean_excess` is 0", |model| {
            model["calibration"]["forest"]["mean_excess"] = json!(0.0)
        }),
        ("field `calibration.forest.scores` must be", |model| model["calibration"]["forest"]["scores"][3] = json!(9.9)),
        ("field `calibration.distance.held_out` is 0", |model| model["calibration"]["distance"]["held_out"] = json!(0)),
        ("field `calibration.distance.below_tail`", |model| model["calibration"]["distance"]["below_tail"] = json!(0)),
        ("field `calibration.distance.tail_start`", |model| {
            model["calibration"]["distance"]["tail_start"] = json!(-1.0)
        }),
        ("field `calibration.distance` is missing", |model| model["calibration"]["distance"] = Value::Null),
        ("field `calibration.distance` is missing", |model| model["calibration"] = Value::Null),
        ("field `calibration.distance` is there without neighbours", |model| model["neighbours"] = Value::Null),
        ("field `calibration.forest.extra`", |model| model["calibration"]["forest"]["extra"] = json!(1)),
        ("field `neighbours.std` must be", |model| model["neighbours"]["std"][0] = json!(-1.0)),
        ("field `neighbours.whitening` must be", |model| model["neighbours"]["whitening"][0] = json!(99.0)),
        ("field `neighbours.reference` must be", |model| model["neighbours"]["reference"][0] = json!(1e10)),
        ("field `golden.readings[0].detection.distance`", |model| model["neighbours"]["mean"][0] = json!(90.0)),
        ("field `golden.readings[2].detection.surprisal` is 0.123", |model| {
            model["golden"]["readings"][2]["detection"]["surprisal"] = json!(0.123);
        }),
        ("field `golden.readings[1].detection.smoothed` must be 3", |model| {
            model["golden"]["readings"][1]["detection"]["smoothed"] = json!([1.0]);
        }),
        ("field `golden.readings[0].detection` is missing", |model| {
            model["golden"]["readings"][0].as_object_mut().unwrap().remove("detection");
        }),
        ("field `monitor.smoothing_span` is 0", |model| model["monitor"]["smoothing_span"] = json!(0)),
        ("field `monitor.typical_interval` is -1", |model| model["monitor"]["typical_interval"] = json!(-1.0)),
        ("field `monitor.alarm.clear_below` is 1000", |model| model["monitor"]["alarm"]["clear_below"] = json!(1000.0)),
        ("field `monitor.longest_unchanged` has 1 entries for 3", |model| {
            model["monitor"]["longest_unchanged"] = json!([1]);
        }),
        ("field `expectation.precision` must be", |model| model["expectation"]["precision"][0] = json!(0.0)),
        ("field `drift.expected_rate` is 2", |model| model["drift"]["expected_rate"] = json!(2.0)),
        ("field `drift.features[1].upper` must be", |model| model["drift"]["features"][1]["upper"] = json!([1.0])),
    ];
    let whole: Value = serde_json::from_str(&IN_TIME.to_json()).unwrap();
    assert_eq!(Model::from_json(&IN_TIME.to_json()).unwrap(), *IN_TIME);
    for (expected, edit) in cases {
        let mut file = whole.clone();
        edit(&mut file["model"]);
        let text = Model::from_json(&file.to_string()).unwrap_err().to_string();
        assert!(text.contains(expected), "expected {expected}, got {text}");
        assert!(text.contains("cargo run -p train"), "no remedy: {text}");
    }
}

#[test]
fn a_golden_reading_proves_each_part_by_itself() {
    // The larger surprisal alone makes the score, so damage to the other part does not show in it.
    let file: Value = serde_json::from_str(&IN_TIME.to_json()).unwrap();
    for (part, hidden) in [(Part::Neighbours, "forest_score"), (Part::Forest, "distance")] {
        let by_part = |reading: &GoldenReading| {
            let smoothed = &reading.detection.as_ref().unwrap().smoothed;
            IN_TIME.detector().detect(IN_TIME.detector().forest_score(&reading.values), smoothed).part == part
        };
        let i = IN_TIME.golden().readings.iter().position(by_part).unwrap();
        let mut file = file.clone();
        file["model"]["golden"]["readings"][i]["detection"][hidden] = json!(0.123);
        let text = Model::from_json(&file.to_string()).unwrap_err().to_string();
        assert!(text.contains(&format!("field `golden.readings[{i}].detection.{hidden}` is 0.123")), "{text}");
    }
    let smoothed_differ = |reading: &GoldenReading| reading.detection.as_ref().unwrap().smoothed != reading.values;
    assert!(IN_TIME.golden().readings.iter().all(smoothed_differ));
}

/// A file of the first format: what an earlier release wrote, and the version of another program with its own numbers.
#[test]
fn files_of_the_first_format_still_load() {
    let mut file: Value = serde_json::from_str(&MODEL.to_json()).unwrap();
    let body = file["model"].as_object_mut().unwrap();
    for field in ["calibration", "neighbours", "monitor", "expectation", "drift"] {
        body.remove(field);
    }
    for golden in body["golden"]["readings"].as_array_mut().unwrap() {
        golden.as_object_mut().unwrap().remove("detection");
    }
    let text = file["model"].to_string();
    let digest: String = Sha256::digest(&text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let written = |format: u64, version: &str| {
        Model::from_json(&format!(
            r#"{{"format":"turbine-iforest","format_version":{format},"model_version":"{version}","model":{text}}}"#
        ))
    };
    let old = written(1, &digest).unwrap();
    assert_eq!(&**old.version(), format!("m{digest}"));
    assert_eq!(written(1, &format!("m{digest}")).unwrap(), old);
    assert!(written(2, &digest).unwrap_err().to_string().contains("field `model_version`"));
    assert!(written(1, "0123456789ab").unwrap_err().to_string().contains("field `model_version`"));
    // It scores as it did, and knows no surprisals.
    let values = [26.0, 61.0, 0.4];
    assert_eq!(old.score(&values), MODEL.score(&values));
    let observation = Observation {
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        values: &values,
        gaps: Default::default(),
        forest_score: old.detector().forest_score(&values),
    };
    let judgement = old.step(&mut TurbineState::default(), &observation);
    assert_eq!((judgement.surprisal, judgement.smoothed_surprisal, judgement.in_alarm), (None, None, false));
    assert_eq!(old.explain_reading(&TurbineState::default(), jiff::Timestamp::UNIX_EPOCH, &values), None);
    assert_eq!(old.drift(), None);
    // Saved again, it is of the present format.
    assert_eq!(Model::from_json(&old.to_json()).unwrap().score(&values), old.score(&values));
}

#[test]
fn foreign_newer_and_truncated_files_are_told_apart() {
    let refuse = |text: &str| Model::from_json(text).unwrap_err();
    assert!(matches!(refuse("{}"), ModelError::Foreign { .. }));
    assert!(matches!(refuse("[1]"), ModelError::Foreign { .. }));
    assert!(matches!(refuse(r#"{"format":"onnx","format_version":1}"#), ModelError::Foreign { .. }));
    let newer = MODEL.to_json().replace("\"format_version\":2", "\"format_version\":3");
    assert!(matches!(refuse(&newer), ModelError::Newer { found: 3 }));
    let zero = MODEL.to_json().replace("\"format_version\":2", "\"format_version\":0");
    assert!(refuse(&zero).to_string().contains("field `format_version` is 0"));
    let text = MODEL.to_json();
    for cut in [0, 1, 20, 100, text.len() / 2, text.len() - 3] {
        assert!(matches!(refuse(&text[..cut]), ModelError::NotJson(_)), "cut at {cut}");
    }
    assert!(matches!(refuse("not json"), ModelError::NotJson(_)));
}

#[test]
fn a_missing_or_unreadable_file_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Model::load(&folder.path().join("none.json")), Err(ModelError::Missing)));
    assert!(matches!(Model::load(folder.path()), Err(ModelError::Io(_))));
    let binary = folder.path().join("binary.json");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    assert!(Model::load(&binary).unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn a_save_that_fails_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("model.json");
    // A folder cannot be replaced by a file, so the rename fails.
    std::fs::create_dir_all(blocked.join("kept")).unwrap();
    assert!(matches!(MODEL.save(&blocked), Err(ModelError::Io(_))));
    assert!(blocked.join("kept").exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn finite_in_means_a_score_in_0_to_1(values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL, 3)) {
        let score = MODEL.score(&values)[0];
        prop_assert!(score > 0.0 && score <= 1.0, "{values:?}: {score}");
    }
}
