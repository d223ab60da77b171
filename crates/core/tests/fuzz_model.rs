//! Fuzzes the model file: every text is either refused with its field and the remedy or gives a model that works, and
//! never panics.
//!
//! 3,000 cases of each kind; more with `FUZZ_CASES=1000000 cargo test --release -p turbine-core --test fuzz_model`.

#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use sha2::{Digest, Sha256};
use turbine_core::detector::DetectorKind;
use turbine_core::model::{Model, ModelError, Observation};
use turbine_core::monitor::TurbineState;
use turbine_core::simulation::training_set;
use turbine_core::training::{TrainingParams, train};

/// The texts of two small model files: the forest alone, and forest and neighbours of a recording.
fn model_files() -> [String; 2] {
    let mut params = TrainingParams::default();
    params.forest.n_estimators = 2;
    params.forest.sample_size = 8;
    let alone = train(&training_set(200, 0.1, 1), &params).unwrap().model.to_json();
    let times = (0..60).map(|i| jiff::Timestamp::from_second(i * 600).unwrap()).collect();
    params.detector = DetectorKind::ForestAndNeighbours;
    let both = train(&training_set(60, 0.0, 1).with_times(times), &params).unwrap().model.to_json();
    [alone, both]
}

/// The file with a version that matches its content, as after a deliberate edit.
fn signed(text: &str) -> Option<String> {
    let model = text.get(text.find("\"model\":")? + 8..text.rfind('}')?)?;
    let version: String = Sha256::digest(model).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let at = text.find("\"model_version\":\"")? + 17;
    Some(format!("{}m{version}{}", text.get(..at)?, text.get(at + 13..)?))
}

/// The index of a number in the file, and its replacement.
fn other_number() -> impl Strategy<Value = (Index, String)> {
    const ODD: &[&str] =
        &["-1", "0", "1", "2", "7", "1e308", "-1e308", "1e-320", "4294967295", "null", "\"1\"", "[]", "0.5", "1e400"];
    let text = prop_oneof![
        4 => select(ODD).prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
    ];
    (any::<Index>(), text)
}

fn with_other_numbers(file: &str, changes: &[(Index, String)]) -> String {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | 'e');
    let mut text = file.to_owned();
    for (index, other) in changes {
        let numbers: Vec<usize> = text
            .match_indices([':', ',', '['])
            .map(|(i, _)| i + 1)
            .filter(|&i| text[i..].starts_with(|c: char| c.is_ascii_digit() || c == '-'))
            .collect();
        if numbers.is_empty() {
            break;
        }
        let from = numbers[index.index(numbers.len())];
        let to = from + text[from..].find(|c| !is_number(c)).unwrap_or(0);
        text.replace_range(from..to, other);
    }
    text
}

fn damaged(file: &str, damages: &[(Index, char, u8)]) -> String {
    let mut text: Vec<char> = file.chars().collect();
    for (index, other, kind) in damages {
        let index = index.index(text.len());
        match kind {
            0..6 => text[index] = *other,
            6..9 => text.insert(index, *other),
            _ => text.truncate(index.max(1)),
        }
    }
    text.into_iter().collect()
}

/// Asserts that the text is refused with field and remedy, or is a working model.
fn check(text: &str) -> Result<(), TestCaseError> {
    match Model::from_json(text) {
        Ok(model) => {
            prop_assert!(model.prove().is_ok());
            let lowest = model.detector().kind() == DetectorKind::ForestAndNeighbours;
            let mut state = TurbineState::default();
            for (i, value) in [0.0, 50.0, f64::MAX, f64::MIN].into_iter().enumerate() {
                let values = vec![value; model.features().len()];
                let score = model.score(&values)[0];
                prop_assert!(score <= 1.0 && (score > 0.0 || lowest && score == 0.0), "{score}");
                let timestamp = jiff::Timestamp::from_second(i as i64).unwrap();
                if let Some(why) = model.explain_reading(&state, timestamp, &values) {
                    prop_assert!(why.iter().all(|one| one.expected.is_finite() && one.share >= 0.0));
                }
                let forest_score = model.detector().forest_score(&values);
                let judgement = model.step(
                    &mut state,
                    &Observation { timestamp, values: &values, gaps: Default::default(), forest_score },
                );
                let surprisals = [judgement.surprisal, judgement.smoothed_surprisal];
                prop_assert!(surprisals.iter().flatten().all(|surprisal| *surprisal >= 0.0 && surprisal.is_finite()));
            }
        }
        Err(error) => {
            let message = error.to_string();
            prop_assert!(
                ["cargo run -p train", "update the service"].iter().any(|it| message.contains(it)),
                "{message}"
            );
            if let ModelError::Invalid { field, .. } = error {
                prop_assert!(!field.is_empty(), "{message}");
            }
        }
    }
    Ok(())
}

fn fuzz<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let cases = std::env::var("FUZZ_CASES").map_or(3_000, |cases| cases.parse().unwrap());
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner.run(&strategy, test).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn signing_the_original_file_changes_nothing() {
    for file in model_files() {
        assert_eq!(signed(&file).unwrap(), file);
        let edited = file.replacen("\"contamination\":0.05", "\"contamination\":0.06", 1);
        assert!(Model::from_json(&edited).unwrap_err().to_string().contains("model_version"));
        Model::from_json(&signed(&edited).unwrap()).unwrap();
    }
}

#[test]
fn replaced_numbers() {
    for file in model_files() {
        fuzz(vec(other_number(), 1..4), |changes| check(&signed(&with_other_numbers(&file, &changes)).unwrap()));
    }
}

#[test]
fn damaged_text() {
    for file in model_files() {
        damage(&file);
    }
}

fn damage(file: &str) {
    let original: Value = serde_json::from_str(file).unwrap();
    let characters: Vec<char> = "0123456789-.eE,:[]{}\" ntfu\\x".chars().collect();
    let damage = (any::<Index>(), select(characters), 0..10u8);
    fuzz(vec(damage, 1..4), |damages| {
        let text = damaged(file, &damages);
        check(&text)?;
        // Without a new version, any edit of the content is detected.
        let same = serde_json::from_str::<Value>(&text).is_ok_and(|value| value == original);
        prop_assert!(same || Model::from_json(&text).is_err());
        signed(&text).map_or(Ok(()), |text| check(&text))
    });
}
