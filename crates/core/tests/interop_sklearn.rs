//! Models exported from scikit-learn score and label as scikit-learn does.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeSet,
    env, fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::Timestamp;
use serde::Deserialize;
use turbine_core::dataset::Dataset;
use turbine_core::forest::TreeData;
use turbine_core::model::Model;
use turbine_core::monitor::{AlarmTarget, TurbineState};
use turbine_core::simulation;
use turbine_core::threshold::ThresholdMethod;
use turbine_core::training::{TrainingParams, calibrate, train};

#[derive(Deserialize)]
struct Expected {
    readings: Vec<Vec<f64>>,
    scores: Vec<f64>,
    is_anomaly: Vec<bool>,
}

fn interop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop")
}

/// Compares a model with scikit-learn's results, both written by `interop/make_golden.py`.
fn check(folder: &Path, n_readings: usize, share_of_anomalies: Range<f64>) {
    let model = Model::load(&folder.join("model.json")).unwrap();
    let expected: Expected = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    assert_eq!(expected.readings.len(), n_readings);
    let scores = model.score(&expected.readings.concat());
    let mut n_anomalies = 0;
    for (i, (score, reading)) in scores.into_iter().zip(&expected.readings).enumerate() {
        let difference = (score - expected.scores[i]).abs();
        assert!(difference <= 1e-12, "{reading:?} scores {score}, not {}", expected.scores[i]);
        assert_eq!(model.verdict(score).is_anomaly, expected.is_anomaly[i], "{reading:?} scores {score}");
        n_anomalies += usize::from(expected.is_anomaly[i]);
    }
    let share = n_anomalies as f64 / n_readings as f64;
    assert!(share_of_anomalies.contains(&share), "{n_anomalies} of {n_readings}");
}

/// The committed models, both of scikit-learn 1.9.
fn check_committed() {
    check(&interop().join("golden"), 240, CONTAMINATED);
    check(&interop().join("golden/auto"), 240, AUTO);
}

/// Shares of anomalies to expect with contamination 0.05, and with "auto", which flags more.
const CONTAMINATED: Range<f64> = 0.02..0.2;
const AUTO: Range<f64> = 0.05..0.5;

#[test]
fn the_committed_models_score_as_scikit_learn_did() {
    check_committed();
}

#[test]
fn a_default_model_has_the_threshold_of_scikit_learn() {
    let model = Model::load(&interop().join("golden/auto/model.json")).unwrap();
    assert!((model.threshold() - 0.5).abs() < 1e-12, "{}", model.threshold());
    assert_eq!((model.params().contamination, model.params().threshold_method), (None, ThresholdMethod::Auto));
    // Each tree sees two of the three features; all of them together see all.
    let trees = model.forest().to_data().trees;
    let seen = |tree: &TreeData| tree.feature.iter().collect::<BTreeSet<_>>().len();
    assert!(trees.iter().all(|tree| seen(tree) <= 2));
    assert_eq!(trees.iter().flat_map(|tree| &tree.feature).collect::<BTreeSet<_>>().len(), 3);
}

/// Exports models of five kinds with the interpreter `PYTHON`, by default `python3`.
#[test]
fn models_exported_now_score_as_scikit_learn_does() {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_sklearn = Command::new(&python).args(["-c", "import sklearn, joblib"]).output();
    if !has_sklearn.is_ok_and(|output| output.status.success()) {
        eprintln!("NOT RUN: {python} has no scikit-learn; only the committed models were compared");
        return check_committed();
    }
    let auto = ["auto", "default", "minmax", "large"].map(|case| (case, AUTO));
    for (case, anomalies) in [("scaled", CONTAMINATED)].into_iter().chain(auto) {
        let folder = tempfile::tempdir().unwrap();
        let script = interop().join("make_golden.py");
        let made =
            Command::new(&python).arg("-B").arg(script).args(["--case", case]).arg(folder.path()).output().unwrap();
        assert!(made.status.success(), "{case}: {}", String::from_utf8_lossy(&made.stderr));
        check(folder.path(), 10_000, anomalies);
    }
}

/// Readings of the turbine that the golden model was fitted to, one in twenty labelled as an anomaly.
fn readings_of(model: &Model, n: usize) -> Dataset {
    let simulated = simulation::training_set(n, 0.05, 11);
    let labels = simulated.labels().unwrap().to_vec();
    Dataset::new(model.features().clone(), simulated.readings().to_vec(), Some(labels))
}

#[test]
fn an_imported_forest_is_calibrated_by_normal_readings() {
    let folder = interop().join("golden");
    let imported = Model::load(&folder.join("model.json")).unwrap();
    assert!(!imported.detector().is_calibrated() && imported.monitor().settings().alarm.is_none());
    let dataset = readings_of(&imported, 2_000);
    let normal = dataset.normal();
    let times = (0..dataset.len() as i64).map(|i| Timestamp::from_second(i * 60).unwrap()).collect();
    let model = calibrate(&imported, &dataset.with_times(times), &TrainingParams::recorded()).unwrap();

    // Written and read back, it scores and labels as scikit-learn does, as before.
    let written = tempfile::tempdir().unwrap();
    model.save(&written.path().join("model.json")).unwrap();
    fs::copy(folder.join("expected.json"), written.path().join("expected.json")).unwrap();
    check(written.path(), 240, CONTAMINATED);
    assert_eq!((model.threshold(), model.golden().tolerance), (imported.threshold(), imported.golden().tolerance));
    assert_ne!(model.version(), imported.version());
    // What is normal follows from the readings that it was calibrated by.
    let (training, mean) = (model.training(), normal.column(0).sum::<f64>() / normal.len() as f64);
    assert_eq!((training.rows, training.features[0].quantiles.len()), (normal.len() as u64, 9));
    assert!((training.features[0].mean - mean).abs() < 1e-9);
    let column: Vec<f64> = normal.column(0).collect();
    let drift = model.drift().unwrap();
    assert_eq!((imported.drift(), drift.features[0].compare(&column).unwrap().ks), (None, 0.0));

    let detector = model.detector();
    assert_eq!(detector.forest_calibration().unwrap().held_out(), normal.len() as u64);
    let surprisals = normal.readings().chunks(3).map(|row| detector.detect(detector.forest_score(row), row).surprisal);
    let surprising = surprisals.filter(|surprisal| surprisal.unwrap() > 1.0).count() as f64;
    assert!((surprising / normal.len() as f64 - 0.1).abs() < 0.01, "{surprising} of {} above one in ten", normal.len());
    let settings = model.monitor().settings();
    assert_eq!(settings.typical_interval, Some(60.0));
    assert!(settings.alarm.unwrap().expected_per_day.is_some());
    let why = model.explain_reading(&TurbineState::default(), Timestamp::UNIX_EPOCH, &[45.0, 60.0, 0.5]).unwrap();
    assert_eq!(why[0].feature, 0, "{why:?}");

    // A forest without a scaler explains as well: what is expected follows from the calibrating readings.
    let bare = Model::load(&interop().join("golden/auto/model.json")).unwrap();
    let bare = calibrate(&bare, &readings_of(&bare, 2_000), &TrainingParams::recorded()).unwrap();
    let why = bare.explain_reading(&TurbineState::default(), Timestamp::UNIX_EPOCH, &[45.0, 60.0, 0.5]).unwrap();
    assert_eq!(why[0].feature, 0, "{why:?}");
    // The simulated turbine's normal temperature is 25 °C.
    assert!((why[0].expected - 25.0).abs() < 1.0, "{why:?}");

    // It can be calibrated again by other readings.
    let again = calibrate(&model, &readings_of(&model, 1_000), &TrainingParams::recorded()).unwrap();
    assert_eq!(again.monitor().settings().typical_interval, None);
}

#[test]
fn what_cannot_be_calibrated_is_refused() {
    let imported = Model::load(&interop().join("golden/model.json")).unwrap();
    let own = train(&simulation::training_set(1_000, 0.05, 1), &TrainingParams::default()).unwrap().model;
    let recorded = TrainingParams::recorded();
    let rate = TrainingParams { alarm: AlarmTarget::FalseAlarmsPerDay(1.0), ..recorded.clone() };
    let cases = [
        (&own, 1_000, &recorded, "trained by this program"),
        (&imported, 40, &recorded, "too few"),
        (&imported, 1_000, &rate, "need the time between readings"),
    ];
    for (model, readings, params, expected) in cases {
        let error = calibrate(model, &readings_of(model, readings), params).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
