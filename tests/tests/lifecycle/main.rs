//! The life of a model: listed, compared as a shadow, promoted, rolled back by request and by rule, and trained anew from
//! the log.
//!
//! `LIFECYCLE_KILLS` sets how often the service is killed while models are promoted and rolled back, 20 if it is not set.

#![allow(clippy::unwrap_used)]

mod from_log;
mod kills;
mod promotion;
mod trial;

use e2e::{Api, folder_with_model, model_file};
use serde_json::{Value, json};
use std::path::Path;
use turbine_core::model::Model;

pub(crate) const PREVIOUS: &str = "models/turbine_iforest.previous.json";
pub(crate) const ROLLED_BACK: &str = "models/turbine_iforest.rolled-back.json";

pub(crate) fn version(api: &Api) -> String {
    api.get("/model/info").json()["model_version"].as_str().unwrap().to_owned()
}

pub(crate) fn version_of(folder: &Path, file: &str) -> String {
    Model::load(&folder.join(file)).unwrap().version().to_string()
}

/// A folder with the default model and `models/candidate.json`, another one.
pub(crate) fn folder_with_candidate() -> tempfile::TempDir {
    let folder = folder_with_model();
    std::fs::write(folder.path().join("models/candidate.json"), model_file(43)).unwrap();
    folder
}

pub(crate) fn models(api: &Api) -> Value {
    let answer = api.get("/models");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

pub(crate) fn states(api: &Api) -> Vec<(String, String)> {
    let models = models(api);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    models["models"].as_array().unwrap().iter().map(|model| (text(&model["file"]), text(&model["state"]))).collect()
}

pub(crate) fn state_of(api: &Api, file: &str) -> String {
    states(api).into_iter().find(|(name, _)| name == file).map_or_else(String::new, |(_, state)| state)
}

/// Asserts the status, and returns the error.
pub(crate) fn refused(api: &Api, path: &str, body: &str, status: u16) -> String {
    let answer = api.post(path, body);
    assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
    answer.json()["error"].as_str().unwrap().to_owned()
}

pub(crate) fn done(api: &Api, path: &str, body: &str) -> Value {
    let answer = api.post(path, body);
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
    answer.json()
}

/// Sends `count` normal readings of each of some turbines, one reading of each at a time.
pub(crate) fn send_normal(api: &Api, turbines: usize, count: usize, from: usize) {
    for i in from..from + count {
        let reading = |turbine: usize| {
            let noise = (i * 7919 + turbine * 104_729) % 1000;
            json!({
                "turbine_id": format!("T{turbine}"),
                "timestamp": format!("2026-02-01T{:02}:{:02}:{:02}Z", i / 3600, i / 60 % 60, i % 60),
                "temperature": 23.0 + 4.0 * noise as f64 / 1000.0,
                "humidity": 60.0,
                "sound_volume": 0.5,
            })
        };
        let readings: Vec<Value> = (0..turbines).map(reading).collect();
        let answer = api.post("/predict/batch", json!({ "readings": readings }).to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}
