//! Model files that nobody would think of: whatever a file says, it is refused with its field and a remedy, or it is a
//! model that works; never a panic.
//!
//! A few thousand are tried; `FUZZ_CASES=1000000 cargo test --release -p turbine-core --test fuzz_model` tries more.

#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use sha2::{Digest, Sha256};
use turbine_core::model::{Model, ModelError};
use turbine_core::simulation::training_set;
use turbine_core::training::{TrainingParams, train};

/// The text of a small model file.
fn model_file() -> String {
    let mut params = TrainingParams::default();
    params.forest.n_estimators = 2;
    params.forest.sample_size = 8;
    train(&training_set(200, 0.1, 1), &params).unwrap().model.to_json()
}

/// The file with a version that fits its content, as one who edits it on purpose would write it.
fn signed(text: &str) -> Option<String> {
    let model = text.get(text.find("\"model\":")? + 8..text.rfind('}')?)?;
    let version: String = Sha256::digest(model).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let at = text.find("\"model_version\":\"")? + 17;
    Some(format!("{}m{version}{}", text.get(..at)?, text.get(at + 13..)?))
}

/// A place in the file where a number stands, and what is put there instead.
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
    for (place, other) in changes {
        let places: Vec<usize> = text
            .match_indices([':', ',', '['])
            .map(|(i, _)| i + 1)
            .filter(|&i| text[i..].starts_with(|c: char| c.is_ascii_digit() || c == '-'))
            .collect();
        if places.is_empty() {
            break;
        }
        let from = places[place.index(places.len())];
        let to = from + text[from..].find(|c| !is_number(c)).unwrap_or(0);
        text.replace_range(from..to, other);
    }
    text
}

fn damaged(file: &str, damages: &[(Index, char, u8)]) -> String {
    let mut text: Vec<char> = file.chars().collect();
    for (place, other, kind) in damages {
        let place = place.index(text.len());
        match kind {
            0..6 => text[place] = *other,
            6..9 => text.insert(place, *other),
            _ => text.truncate(place.max(1)),
        }
    }
    text.into_iter().collect()
}

/// It is refused as promised, or does what a model does.
fn check(text: &str) -> Result<(), TestCaseError> {
    match Model::from_json(text) {
        Ok(model) => {
            prop_assert!(model.prove().is_ok());
            let score = model.score(&vec![0.0; model.features().len()])[0];
            prop_assert!(score > 0.0 && score <= 1.0, "{score}");
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
fn the_file_itself_is_signed_as_it_should_be() {
    let file = model_file();
    assert_eq!(signed(&file).unwrap(), file);
    let edited = file.replacen("\"contamination\":0.05", "\"contamination\":0.06", 1);
    assert!(Model::from_json(&edited).unwrap_err().to_string().contains("model_version"));
    Model::from_json(&signed(&edited).unwrap()).unwrap();
}

#[test]
fn any_numbers() {
    let file = model_file();
    fuzz(vec(other_number(), 1..4), |changes| check(&signed(&with_other_numbers(&file, &changes)).unwrap()));
}

#[test]
fn any_damage() {
    let file = model_file();
    let original: Value = serde_json::from_str(&file).unwrap();
    let characters: Vec<char> = "0123456789-.eE,:[]{}\" ntfu\\x".chars().collect();
    let damage = (any::<Index>(), select(characters), 0..10u8);
    fuzz(vec(damage, 1..4), |damages| {
        let text = damaged(&file, &damages);
        check(&text)?;
        // Unsigned, an edit that changes anything is betrayed.
        let same = serde_json::from_str::<Value>(&text).is_ok_and(|value| value == original);
        prop_assert!(same || Model::from_json(&text).is_err());
        signed(&text).map_or(Ok(()), |text| check(&text))
    });
}
