//! Models exported from scikit-learn score and label as scikit-learn does.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use turbine_core::model::Model;

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
fn check(folder: &Path, n_readings: usize) {
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
    assert!(n_anomalies > n_readings / 50 && n_anomalies < n_readings / 5, "{n_anomalies}");
}

#[test]
fn the_committed_model_scores_as_scikit_learn_did() {
    check(&interop().join("golden"), 240);
}

/// Exports a model with the interpreter `PYTHON`, by default `python3`.
#[test]
fn a_model_exported_now_scores_as_scikit_learn_does() {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_sklearn = Command::new(&python).args(["-c", "import sklearn, joblib"]).output();
    if !has_sklearn.is_ok_and(|output| output.status.success()) {
        eprintln!("NOT RUN: {python} has no scikit-learn; only the committed model was compared");
        return check(&interop().join("golden"), 240);
    }
    let folder = tempfile::tempdir().unwrap();
    let made =
        Command::new(&python).arg("-B").arg(interop().join("make_golden.py")).arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    check(folder.path(), 10_000);
}
