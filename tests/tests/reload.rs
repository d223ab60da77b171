//! A new model goes live without a restart: by request, by signal and by watching the file.
//!
//! `RELOADS` sets the number of reloads under load, 200 if it is not set.

#![allow(clippy::unwrap_used)]

use e2e::{
    Api, Ledger, LogFile, MODEL_PATH, NORMAL, Stamped, Told, eventually, folder_with_model, load, model_file,
    train_other_features, turbines,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Puts a model file in place as `train` does: whole.
fn put_model(folder: &Path, bytes: &[u8]) {
    let fresh = folder.join("models/fresh");
    std::fs::write(&fresh, bytes).unwrap();
    std::fs::rename(fresh, folder.join(MODEL_PATH)).unwrap();
}

fn version(api: &Api) -> String {
    api.get("/model/info").json()["model_version"].as_str().unwrap().to_owned()
}

/// Asserts that a reload succeeds, and returns `previous_version`, `model_version` and `changed`.
fn reload(api: &Api) -> (Value, String, bool) {
    let answer = api.post("/model/reload", "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let version = body["model_version"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
    (body["previous_version"].clone(), version, body["changed"].as_bool().unwrap_or_else(|| panic!("{body}")))
}

fn reload_is_refused(api: &Api) -> String {
    let answer = api.post("/model/reload", "");
    assert_eq!((answer.status, answer.header("content-type")), (422, Some("application/json")), "{}", answer.body);
    answer.json()["error"].as_str().unwrap().to_owned()
}

/// Degraded for its model file, and ready all the same.
fn is_degraded_and_ready(api: &Api) -> bool {
    let health = api.get("/health").json();
    health["status"] == "degraded"
        && health["model_loaded"] == true
        && health["reasons"].to_string().contains(MODEL_PATH)
        && api.get("/health/ready").status == 200
}

fn is_healthy(api: &Api) -> bool {
    api.get("/health").json()["status"] == "healthy"
}

/// Files that are not a usable model.
fn damaged(good: &[u8]) -> [Vec<u8>; 4] {
    let text = std::str::from_utf8(good).unwrap();
    let edited = text.replacen("\"threshold\":0.", "\"threshold\":1.", 1);
    assert_ne!(edited, text);
    [Vec::new(), good[..good.len() / 2].to_vec(), b"garbage".to_vec(), edited.into_bytes()]
}

#[test]
fn a_reload_says_what_changed() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let first = version(&api);
    assert_eq!(reload(&api), (json!(first), first.clone(), false));
    put_model(folder.path(), &model_file(43));
    let (previous, second, changed) = reload(&api);
    assert_eq!((previous, changed), (json!(first), true));
    assert!(second != first && version(&api) == second, "{first} {second}");
    assert_eq!(api.post("/predict", NORMAL).json()["model_version"], second);
    let versions: Vec<String> = LogFile::read(&api.log()).rows.into_iter().map(|row| row.model_version).collect();
    assert_eq!(versions, [second]);
    assert_eq!(api.get("/model/reload").status, 405);
    assert_eq!(api.post("/predict", NORMAL).status, 200);
    let scoring = api.counters()["requests_total"].clone();
    assert_eq!(scoring, 2, "a reload is not a scoring request");
}

#[test]
fn a_bad_file_is_refused_in_the_words_of_the_start_and_the_old_model_goes_on() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let good = std::fs::read(folder.path().join(MODEL_PATH)).unwrap();
    let old = version(&api);
    for bad in damaged(&good) {
        put_model(folder.path(), &bad);
        let error = reload_is_refused(&api);
        assert!(is_degraded_and_ready(&api), "{}", api.get("/health").body);
        assert!(api.get("/health").json()["reasons"].to_string().contains(error.trim_matches('"')), "{error}");
        assert_eq!(api.post("/predict", NORMAL).json()["model_version"], old);
        assert_eq!(std::fs::read(folder.path().join(MODEL_PATH)).unwrap(), bad, "the file was changed");

        // A service that starts with this file says the same.
        let other = tempfile::tempdir().unwrap();
        std::fs::create_dir(other.path().join("models")).unwrap();
        put_model(other.path(), &bad);
        let starting = Api::start(other.path(), &[]);
        let reasons = starting.get("/health").json()["reasons"].to_string();
        let said = Value::from(error.as_str()).to_string();
        assert!(reasons.contains(said.trim_matches('"')), "{reasons} at start, {error} at reload");

        // And it takes a good one without a restart.
        put_model(other.path(), &good);
        assert_eq!(reload(&starting), (Value::Null, old.clone(), true));
        assert!(is_healthy(&starting) && starting.post("/predict", NORMAL).status == 200);
    }
    std::fs::remove_file(folder.path().join(MODEL_PATH)).unwrap();
    reload_is_refused(&api);
    assert!(is_degraded_and_ready(&api));
    assert!(!folder.path().join(MODEL_PATH).exists(), "a reload trains no model");
    put_model(folder.path(), &good);
    assert_eq!(reload(&api), (json!(old), old.clone(), false));
    assert!(is_healthy(&api));
}

#[test]
fn a_reload_needs_the_key() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--api-key", "secret"]);
    assert_eq!(api.post("/model/reload", "").status, 401);
    assert_eq!(api.get("/turbines").status, 401);
    assert_eq!(api.request("POST", "/model/reload", &[("x-api-key", "secret")], "").status, 200);
    assert_eq!(api.request("GET", "/turbines", &[("x-api-key", "secret")], "").status, 200);
}

/// Loads the service while `act` happens.
fn under_load(api: &Api, act: impl FnOnce()) -> Vec<Told> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| load(api, "t", &stop));
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        stop.store(true, Ordering::Relaxed);
        let told = clients.join().unwrap();
        acted.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        told
    })
}

/// Asserts that every request succeeded and every answer and row names the model that scored it, of exactly these.
fn assert_all_scored(told: &[Told], folder: &Path, versions: &[&String]) {
    for told in told {
        assert!(told.outcome.is_ok(), "{told:?}");
    }
    let log = folder.join("outputs/predictions_log.csv");
    Ledger::of_set(&log).holds(told);
    let answered: BTreeSet<&String> = told.iter().flat_map(|told| &told.outcome).map(|it| &it.model_version).collect();
    assert_eq!(answered, versions.iter().copied().collect::<BTreeSet<_>>());
    // A row that named another model than the one that scored it would give its version a second score for these values.
    let mut scores: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for row in LogFile::rows_of_set(&log) {
        let key = (format!("{:?}", row.values), row.model_version);
        scores.entry(key).or_default().insert(row.anomaly_score.to_string());
    }
    assert!(scores.values().all(|scores| scores.len() == 1));
    let differ = scores.iter().zip(scores.iter().skip(1)).filter(|(a, b)| a.0.0 == b.0.0 && a.1 != b.1).count();
    assert!(differ > 0, "the models score alike, so nothing is shown");
}

#[test]
fn reloads_under_load_fail_no_request() {
    let reloads = std::env::var("RELOADS").unwrap_or_else(|_| "200".to_owned());
    let reloads: usize = reloads.parse().unwrap_or_else(|_| panic!("RELOADS is a number, not {reloads:?}"));
    let folder = folder_with_model();
    let models = [std::fs::read(folder.path().join(MODEL_PATH)).unwrap(), model_file(43)];
    let bad = damaged(&models[0]);
    let api = Api::start(folder.path(), &[]);
    put_model(folder.path(), &models[1]);
    let (first, second) = (version(&api), reload(&api).1);
    let versions = [&first, &second];
    let mut current = second.clone();
    let told = under_load(&api, || {
        for i in 0..reloads {
            if i % 3 == 2 {
                put_model(folder.path(), &bad[i / 3 % bad.len()]);
                reload_is_refused(&api);
                assert!(is_degraded_and_ready(&api));
            } else {
                let next = i % 2;
                put_model(folder.path(), &models[next]);
                let (previous, version, changed) = reload(&api);
                assert_eq!((&previous, &version), (&json!(current), versions[next]), "reload {i}");
                assert_eq!(changed, version != current);
                current = version;
                assert!(is_healthy(&api));
            }
        }
    });
    println!("{reloads} reloads, {} predictions", told.len());
    assert_all_scored(&told, folder.path(), &versions);
}

#[test]
fn a_signal_reloads() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    let first = version(&api);
    let good = model_file(43);
    let told = under_load(&api, || {
        put_model(folder.path(), &good);
        eventually("there are answers of the first model", || api.counters()["predictions_total"].as_u64() > Some(100));
        api.signal("HUP");
        eventually("the second model serves", || version(&api) != first);
        put_model(folder.path(), b"garbage");
        api.signal("HUP");
        eventually("the file is refused", || is_degraded_and_ready(&api));
        put_model(folder.path(), &good);
        api.signal("HUP");
        eventually("healthy", || is_healthy(&api));
    });
    assert_all_scored(&told, folder.path(), &[&first, &version(&api)]);
    assert_eq!(api.terminate().code(), Some(0));
}

#[test]
fn a_watched_file_is_reloaded_by_itself() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--watch-model", "100ms"]);
    let first = version(&api);
    let good = model_file(43);
    let told = under_load(&api, || {
        eventually("there are answers of the first model", || api.counters()["predictions_total"].as_u64() > Some(100));
        put_model(folder.path(), &good);
        eventually("the second model serves", || version(&api) != first);
        put_model(folder.path(), b"garbage");
        eventually("the file is refused", || is_degraded_and_ready(&api));
        put_model(folder.path(), &good);
        eventually("healthy", || is_healthy(&api));
    });
    assert_all_scored(&told, folder.path(), &[&first, &version(&api)]);
}

#[test]
fn a_model_of_other_features_begins_a_new_log() {
    let folder = folder_with_model();
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(other.path().join("models")).unwrap();
    train_other_features(other.path(), 2);
    let api = Api::start(folder.path(), &[]);
    for i in 0..10 {
        assert_eq!(api.post("/predict", Stamped::nth(i, 3).json()).status, 200);
    }
    let old_log = std::fs::read(api.log()).unwrap();
    let (first, old_model) = (version(&api), std::fs::read(folder.path().join(MODEL_PATH)).unwrap());

    put_model(folder.path(), &std::fs::read(other.path().join(MODEL_PATH)).unwrap());
    let (previous, second, changed) = reload(&api);
    assert_eq!((previous, changed), (json!(first), true));
    assert_eq!(turbines(&api, 100), [], "turbines start afresh");
    let refused = api.post("/predict", Stamped::nth(10, 3).json());
    assert_eq!(refused.status, 400, "{}", refused.body);
    let reading =
        json!({"s0": 500, "s1": 500, "turbine_id": "WT-00000", "timestamp": "2026-01-31T00:00:00Z"}).to_string();
    let answer = api.post("/predict", &reading).json();
    // The same turbine and time as a reading of before, which belongs to another log.
    assert_eq!((&answer["model_version"], answer.get("duplicate")), (&json!(second), None), "{answer}");
    let log = LogFile::read(&api.log());
    assert_eq!((log.rows.len(), &log.header[1..3]), (1, &["s0".to_owned(), "s1".to_owned()][..]));
    let outputs = folder.path().join("outputs");
    let set_aside = std::fs::read_dir(&outputs)
        .unwrap()
        .filter(|entry| std::fs::read(entry.as_ref().unwrap().path()).is_ok_and(|bytes| bytes == old_log));
    assert_eq!(set_aside.count(), 1, "the old log is not kept as it was");
    let info = api.get("/model/info").json();
    assert_eq!(info["feature_names"], json!(["s0", "s1"]));
    let schema = api.get("/openapi.json").json()["components"]["schemas"]["Reading"]["properties"].clone();
    assert!(schema.get("s1").is_some() && schema.get("humidity").is_none(), "{schema}");

    // The way back begins another log, and a restart finds what belongs to it.
    put_model(folder.path(), &old_model);
    assert_eq!(reload(&api).1, first);
    assert_eq!(api.post("/predict", Stamped::nth(11, 3).json()).status, 200);
    e2e::assert_state_survives(api, folder.path(), &[]);
}
