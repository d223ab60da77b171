#![allow(clippy::unwrap_used)]

use super::*;
use crate::simulation::{Profile, Simulator, training_set};
use crate::training::{TrainingParams, train};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let mut params = TrainingParams::default();
    params.forest.n_estimators = 10;
    params.forest.sample_size = 64;
    train(&training_set(1_000, 0.05, 42), &params).unwrap().model
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
    let cases: [(&str, Edit); 16] = [
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
