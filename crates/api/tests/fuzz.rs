//! Bodies that nobody would think of: whatever comes, the service answers in its one shape and never with a 5xx.
//!
//! A few thousand of each kind are tried; `FUZZ_CASES=1000000 cargo test --release -p api --test fuzz` tries more.

#![allow(clippy::unwrap_used)]

use api::config::Config;
use api::layers;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use clap::Parser;
use http_body_util::BodyExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config as Runs, TestRunner};
use serde_json::Value;
use std::cell::Cell;
use std::convert::Infallible;
use tempfile::TempDir;
use tower::ServiceExt;
use tower::util::BoxCloneService;
use turbine_core::simulation::training_set;
use turbine_core::training::{TrainingParams, train};

const NORMAL: &str = r#"{"temperature":25.1,"humidity":60.2,"sound_volume":0.51}"#;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const NDJSON: &str = "application/x-ndjson";

/// The service in this process, with a log of its own.
struct Service {
    runtime: tokio::runtime::Runtime,
    service: BoxCloneService<Request<Body>, Response, Infallible>,
    folder: TempDir,
    /// Readings that were answered with a prediction of their own.
    predictions: Cell<usize>,
}

impl Service {
    fn start(missing: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let model = path("model.json");
        let (readings, params) = (training_set(2_000, 0.05, 42), TrainingParams::default());
        train(&readings, &params).unwrap().model.save(model.as_ref()).unwrap();
        // The log is rotated and every part is kept, so that all rows can be counted.
        let config = Config::parse_from([
            "api",
            "--model",
            &model,
            "--missing",
            missing,
            "--outputs",
            &path("outputs"),
            "--max-body-bytes",
            "8KiB",
            "--log-max-bytes",
            "16MiB",
        ]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let service = runtime.block_on(async { layers::service(api::startup::app(&config).unwrap()).boxed_clone() });
        Service { runtime, service, folder, predictions: Cell::new(0) }
    }

    /// Posts a body in pieces, as a network would bring it; gives the answer's status and body.
    fn post(&self, path: &str, content_type: &str, body: &[u8], piece: usize) -> (u16, Vec<u8>) {
        let pieces: Vec<Result<Vec<u8>, Infallible>> = body.chunks(piece).map(|piece| Ok(piece.to_vec())).collect();
        let request = Request::post(path)
            .header("content-type", content_type)
            .body(Body::from_stream(futures_util::stream::iter(pieces)))
            .unwrap();
        self.runtime.block_on(async {
            let response = self.service.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
        })
    }

    /// The log and its rotated parts hold as many rows as there were predictions, each of them whole.
    fn log_is_whole(&self) {
        let mut rows = 0;
        for entry in std::fs::read_dir(self.folder.path().join("outputs")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("predictions_log") && name.ends_with(".csv") {
                let mut csv = csv::ReaderBuilder::new().flexible(false).from_path(&path).unwrap();
                for record in csv.records() {
                    assert_eq!(record.unwrap().len(), 13);
                    rows += 1;
                }
            }
        }
        assert_eq!(rows, self.predictions.get(), "rows in the log, predictions answered");
    }
}

/// One answer to one reading.
fn check_answer(service: &Service, status: u16, answer: &Value) -> Result<(), TestCaseError> {
    if status == 200 {
        let score = answer["anomaly_score"].as_f64();
        prop_assert!(score.is_some_and(|score| score > 0.0 && score <= 1.0), "{answer}");
        prop_assert!(answer["is_anomaly"].is_boolean() && answer["timestamp"].is_string(), "{answer}");
        let logged = answer["duplicate"] != true;
        service.predictions.set(service.predictions.get() + usize::from(logged));
    } else {
        prop_assert!(matches!(status, 400 | 413), "{status}: {answer}");
        prop_assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
        for fault in answer.get("faults").and_then(Value::as_array).into_iter().flatten() {
            prop_assert!(fault["field"].is_string() && fault["problem"].is_string(), "{answer}");
        }
    }
    Ok(())
}

fn check_one(service: &Service, kind: &str, body: &[u8], piece: usize) -> Result<(), TestCaseError> {
    let (status, answer) = service.post("/predict", kind, body, piece);
    check_answer(
        service,
        status,
        &serde_json::from_slice(&answer).map_err(|error| TestCaseError::fail(error.to_string()))?,
    )
}

fn check_batch(service: &Service, body: &[u8], piece: usize) -> Result<(), TestCaseError> {
    let (status, answer) = service.post("/predict/batch", JSON, body, piece);
    let answer: Value = serde_json::from_slice(&answer).map_err(|error| TestCaseError::fail(error.to_string()))?;
    match answer.get("predictions").and_then(Value::as_array) {
        Some(predictions) => predictions.iter().try_for_each(|prediction| check_answer(service, status, prediction)),
        None => check_answer(service, status, &answer),
    }
}

fn check_lines(service: &Service, body: &[u8], piece: usize) -> Result<(), TestCaseError> {
    let (status, answer) = service.post("/predict/batch", NDJSON, body, piece);
    prop_assert_eq!(status, 200);
    let lines = body.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
    let mut answers = 0;
    for line in answer.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let answer: Value = serde_json::from_slice(line).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let status = if answer.get("error").is_some() { 400 } else { 200 };
        check_answer(service, status, &answer)?;
        answers += 1;
    }
    prop_assert_eq!(answers, lines);
    Ok(())
}

/// A cell of a reading as it is written, good and bad.
fn cell() -> impl Strategy<Value = String> {
    const ODD: &[&str] = &[
        "null",
        "true",
        "NaN",
        "-Infinity",
        "1e400",
        "-0",
        "\"25\"",
        "\"\"",
        "[]",
        "{}",
        "\"\\ud800\"",
        "1e",
        "--1",
        "0x1",
        "",
        "\"2026-01-31T12:00:00Z\"",
        "\"WT-01\"",
        "\"=1+1\"",
        "1e-400",
        "25.",
        "\"\\u0000\"",
        "\u{feff}",
        "99999999999999999999",
    ];
    prop_oneof![
        4 => any::<f64>().prop_map(|number| number.to_string()),
        4 => (-60.0..130.0).prop_map(|number: f64| number.to_string()),
        2 => select(ODD).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| Value::from(text).to_string()),
        1 => any::<String>(),
        1 => (0usize..300, select(&["[", "{\"a\":", "{\"temperature\":"][..])).prop_map(|(n, open)| open.repeat(n)),
    ]
}

/// Something like a reading.
fn reading() -> impl Strategy<Value = String> {
    const KEYS: &[&str] =
        &["temperature", "humidity", "sound_volume", "timestamp", "turbine_id", "more", "", "temper\\u0061ture"];
    let key = prop_oneof![8 => select(KEYS).prop_map(str::to_owned), 1 => any::<String>()];
    let pairs = vec((key, cell()), 0..8).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.iter().map(|(key, cell)| format!("\"{key}\":{cell}")).collect();
        format!("{{{}}}", pairs.join(","))
    });
    prop_oneof![
        2 => Just(NORMAL.to_owned()),
        3 => (cell(), cell(), cell())
            .prop_map(|(a, b, c)| format!("{{\"temperature\":{a},\"humidity\":{b},\"sound_volume\":{c}}}")),
        4 => pairs,
        1 => cell(),
    ]
}

/// A text that has been damaged here and there.
fn damaged(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    (text, vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..4)).prop_map(|(text, damages)| {
        let mut bytes = text.into_bytes();
        for (place, byte, kind) in damages {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.truncate(place),
                _ => bytes.insert(place, byte),
            }
        }
        bytes
    })
}

fn body(text: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = (Vec<u8>, usize)> {
    let bytes = prop_oneof![6 => damaged(text), 1 => vec(any::<u8>(), 0..300)];
    (bytes, select(&[1usize, 3, 64, 100_000][..]))
}

/// Tries as many cases as were asked for.
fn fuzz<S: Strategy>(strategy: S, test: impl Fn(&Service, S::Value) -> Result<(), TestCaseError>)
where
    S::Value: std::fmt::Debug,
{
    let cases = std::env::var("FUZZ_CASES").map_or(3_000, |cases| cases.parse().unwrap());
    for (missing, cases) in [("refuse", cases - cases / 3), ("carry", cases / 3)] {
        let service = Service::start(missing);
        let mut runner = TestRunner::new(Runs { cases, failure_persistence: None, ..Runs::default() });
        runner.run(&strategy, |value| test(&service, value)).unwrap_or_else(|error| panic!("{missing}: {error}"));
        service.log_is_whole();
    }
}

#[test]
fn any_body_of_one_reading() {
    fuzz((body(reading()), select(&[JSON, FORM, "text/plain"][..])), |service, ((body, piece), kind)| {
        check_one(service, kind, &body, piece)
    });
}

#[test]
fn any_form() {
    let pair = (select(&["temperature", "humidity", "sound_volume", "turbine_id", "x"][..]), cell());
    let form = vec(pair, 0..6)
        .prop_map(|pairs| pairs.iter().map(|(key, cell)| format!("{key}={cell}")).collect::<Vec<_>>().join("&"));
    fuzz(body(form), |service, (body, piece)| check_one(service, FORM, &body, piece));
}

#[test]
fn any_batch() {
    let batch = vec(reading(), 0..6).prop_map(|readings| format!("{{\"readings\":[{}]}}", readings.join(",")));
    fuzz(body(batch), |service, (body, piece)| check_batch(service, &body, piece));
}

#[test]
fn any_lines() {
    let lines = vec(reading(), 0..6).prop_map(|readings| readings.join("\n"));
    fuzz(body(lines), |service, (body, piece)| check_lines(service, &body, piece));
}
