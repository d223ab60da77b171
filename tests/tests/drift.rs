//! Drift, end to end: what `GET /drift` says equals what a slow computation makes of the prediction log.

#![allow(clippy::unwrap_used)]

use e2e::{Api, EventReader, LogFile, LogRow, MODEL_PATH, eventually, folder_with_model, model_file, repository, run};
use serde_json::{Value, json};
use std::path::Path;
use turbine_core::simulation::{Profile, Simulator, TRAINING_READINGS, training_set};

const FEATURES: [&str; 3] = ["temperature", "humidity", "sound_volume"];

/// Readings in a full window.
const WINDOW: usize = 1_000;

/// Readings in all bins of the distance are told apart to this: a bin holds one in 120 of the training.
const BIN: f64 = 1.0 / 120.0;

/// The readings that the default model is fitted to, feature by feature, ascending.
fn training() -> [Vec<f64>; 3] {
    let train = training_set(TRAINING_READINGS, 0.05, 42).split(42).train;
    std::array::from_fn(|feature| {
        let mut column: Vec<f64> = train.column(feature).collect();
        column.sort_by(f64::total_cmp);
        column
    })
}

/// Sends the next readings, in requests of 100.
fn send(api: &Api, readings: &mut Simulator, count: usize) {
    for _ in 0..count / 100 {
        let readings: Vec<Value> = readings
            .by_ref()
            .take(100)
            .map(|reading| {
                let [temperature, humidity, sound_volume] = reading.values;
                json!({"temperature": temperature, "humidity": humidity, "sound_volume": sound_volume})
            })
            .collect();
        let answer = api.post("/predict/batch", json!({ "readings": readings }).to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// The share of ascending values that are at most `end`.
fn share_up_to(sorted: &[f64], end: f64) -> f64 {
    sorted.partition_point(|&value| value <= end) as f64 / sorted.len() as f64
}

/// PSI and distance of a feature in `rows` by sorting; the PSI in the bins with these upper ends.
fn compare(training: &[f64], rows: &[LogRow], feature: usize, ends: &[f64]) -> (f64, f64) {
    let mut window: Vec<f64> = rows.iter().map(|row| row.values[feature]).collect();
    window.sort_by(f64::total_cmp);
    let apart = |&value: &f64| (share_up_to(training, value) - share_up_to(&window, value)).abs();
    let ks = training.iter().chain(&window).map(apart).fold(0.0, f64::max);
    let bins = ends.len() as f64 + 1.0;
    let smoothed = |sorted: &[f64], share: f64| {
        let values = sorted.len() as f64;
        (share * values + 0.5) / (values + 0.5 * bins)
    };
    let bounds = [f64::NEG_INFINITY].iter().chain(ends).zip(ends.iter().chain(&[f64::INFINITY]));
    let psi = bounds.map(|(&from, &to)| {
        let [p, q] = [training, &window].map(|of| smoothed(of, share_up_to(of, to) - share_up_to(of, from)));
        (q - p) * (q / p).ln()
    });
    (psi.sum(), ks)
}

fn ends(feature: &Value) -> Vec<f64> {
    feature["bins"].as_array().unwrap().iter().filter_map(|bin| bin["up_to"].as_f64()).collect()
}

/// Since which row each feature drifts, decided after every fifty rows.
fn drifting_since(training: &[Vec<f64>; 3], rows: &[LogRow], drift: &Value) -> [Option<String>; 3] {
    std::array::from_fn(|feature| {
        let ends = ends(&drift["features"][feature]);
        let mut since = None;
        for decided in (200..=rows.len()).step_by(50) {
            let window = &rows[decided.saturating_sub(WINDOW)..decided];
            let (psi, ks) = compare(&training[feature], window, feature, &ends);
            let noise = 1.0 / window.len() as f64 + 1.0 / training[feature].len() as f64;
            let excess = psi - ends.len() as f64 * noise;
            since = match since {
                None if excess >= 0.2 && ks > 1.949_475 * noise.sqrt() => {
                    Some(window.last().unwrap().timestamp.clone())
                }
                Some(_) if excess < 0.1 => None,
                other => other,
            };
        }
        since
    })
}

/// Asserts that the service says what the log says; returns the features that drift.
#[track_caller]
fn assert_drift_is_the_logs(api: &Api, training: &[Vec<f64>; 3]) -> Vec<String> {
    let drift = api.get("/drift").json();
    let rows = LogFile::read(&api.log()).rows;
    let window = &rows[rows.len().saturating_sub(WINDOW)..];
    assert_eq!((&drift["readings"], &drift["window"]), (&json!(window.len()), &json!(WINDOW)));
    assert_eq!(drift["model_version"], rows.last().unwrap().model_version.as_str());
    let flagged = window.iter().filter(|row| row.is_anomaly).count();
    let rate = drift["anomaly_rate"].as_f64().unwrap();
    assert!((rate - flagged as f64 / window.len() as f64).abs() < 1e-12, "{rate}, {flagged} flagged");
    let since = drifting_since(training, &rows, &drift);
    let mut drifting = Vec::new();
    for (place, name) in FEATURES.into_iter().enumerate() {
        let said = &drift["features"][place];
        let (psi, ks) = compare(&training[place], window, place, &ends(said));
        assert_eq!((&said["feature"], &said["values"]), (&json!(name), &json!(window.len())));
        assert!((said["psi"].as_f64().unwrap() - psi).abs() < 1e-9, "{name}: {said}, not {psi}");
        let said_ks = said["ks"].as_f64().unwrap();
        assert!(said_ks <= ks + 1e-9 && said_ks > ks - BIN, "{name}: {said_ks}, not {ks}");
        let said_since = said["since"].as_str().map(str::to_owned);
        assert_eq!((&said_since, said["drifting"].as_bool()), (&since[place], Some(since[place].is_some())), "{name}");
        drifting.extend(said_since.map(|_| name.to_owned()));
        for bin in said["bins"].as_array().unwrap() {
            let share = bin["training"].as_f64().unwrap();
            assert!((share - 0.05).abs() < 0.002, "a bin holds a twentieth of the training: {bin}");
        }
    }
    drifting
}

fn gauges(api: &Api) -> Vec<(String, f64)> {
    let text = api.request("GET", "/metrics", &[("accept", "text/plain")], "").body;
    let lines = text
        .lines()
        .filter(|line| line.starts_with("turbine_") && (line.contains("feature=") || line.contains("anomaly_ratio ")));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[test]
fn drift_is_that_of_the_log_live_after_kill_9_and_after_a_stop() {
    let (folder, training) = (folder_with_model(), training());
    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.get("/drift").json()["features"][1]["psi"], Value::Null);
    let mut usual = Simulator::new(Profile::Training, 0.05, 11).unwrap();
    let mut stream = Simulator::new(Profile::Stream, 0.05, 11).unwrap();
    send(&api, &mut usual, 100);
    assert_eq!(assert_drift_is_the_logs(&api, &training), [] as [&str; 0]);
    send(&api, &mut usual, 1_400);
    assert_eq!(assert_drift_is_the_logs(&api, &training), [] as [&str; 0]);

    let mut reader = EventReader::open(&api, "", "");
    reader.find(|event| event.name == "snapshot");
    send(&api, &mut stream, 1_000);
    assert_eq!(assert_drift_is_the_logs(&api, &training), ["humidity", "sound_volume"]);
    let mut told = Vec::new();
    while told.len() < 2 {
        let tick = reader.find(|event| event.name == "tick");
        let events = tick.data["events"].as_array().unwrap().iter().cloned();
        told.extend(events.filter(|event| event["kind"] == "drift").map(|event| {
            assert_eq!(event["drifting"], true, "{event}");
            event["feature"].as_str().unwrap().to_owned()
        }));
    }
    told.sort();
    assert_eq!(told, ["humidity", "sound_volume"]);
    assert!(api.stderr().contains("drift began"), "{}", api.stderr());
    assert_eq!(api.get("/health").json()["status"], "healthy");
    let found = gauges(&api);
    let value =
        |name: &str| found.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("{name}: {found:?}")).1;
    let drift = api.get("/drift").json();
    for (place, name) in FEATURES.into_iter().enumerate() {
        let said = &drift["features"][place];
        assert_eq!(Some(value(&format!("turbine_feature_psi{{feature=\"{name}\"}}"))), said["psi"].as_f64());
        assert_eq!(Some(value(&format!("turbine_feature_ks{{feature=\"{name}\"}}"))), said["ks"].as_f64());
        let drifting = if place > 0 { 1.0 } else { 0.0 };
        assert_eq!(value(&format!("turbine_feature_drifting{{feature=\"{name}\"}}")), drifting);
    }
    assert_eq!(Some(value("turbine_recent_anomaly_ratio")), drift["anomaly_rate"].as_f64());
    assert_eq!(Some(value("turbine_expected_anomaly_ratio")), drift["expected_rate"].as_f64());
    assert!((value("turbine_expected_anomaly_ratio") - 0.05).abs() < 1e-3);

    let before = api.get("/drift").body;
    api.signal("KILL");
    api.wait();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.get("/drift").body, before);
    send(&api, &mut usual, 700);
    assert_drift_is_the_logs(&api, &training);
    assert!(api.stderr().contains("drift ended"), "{}", api.stderr());

    // A stop writes a snapshot, from which the next start goes on.
    let before = api.get("/drift").body;
    api.signal("TERM");
    api.wait();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(api.get("/drift").body, before);
    send(&api, &mut usual, 600);
    assert_eq!(assert_drift_is_the_logs(&api, &training), [] as [&str; 0]);
}

#[test]
fn another_model_begins_a_window_of_its_own() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &["--drift-window", "2000"]);
    send(&api, &mut Simulator::new(Profile::Stream, 0.05, 5).unwrap(), 1_000);
    let drift = api.get("/drift").json();
    assert_eq!((&drift["readings"], &drift["window"]), (&json!(1_000), &json!(2_000)));
    std::fs::write(folder.path().join(MODEL_PATH), model_file(7)).unwrap();
    assert_eq!(api.post("/model/reload", "").json()["changed"], true);
    let anew = api.get("/drift").json();
    assert_ne!(anew["model_version"], drift["model_version"]);
    assert_eq!((&anew["readings"], &anew["anomaly_rate"]), (&json!(0), &Value::Null));
    // What is undefined has no series.
    assert!(!gauges(&api).iter().any(|(name, _)| name.starts_with("turbine_feature_psi")));
    send(&api, &mut Simulator::new(Profile::Training, 0.05, 5).unwrap(), 300);
    let anew = api.get("/drift");
    assert_eq!(anew.json()["readings"], 300);
    assert!(anew.json()["features"].as_array().unwrap().iter().all(|feature| feature["drifting"] == false));
    eventually("the drift against the model before has ended", || api.stderr().contains("drift ended"));
    api.signal("KILL");
    api.wait();
    let api = Api::start(folder.path(), &["--drift-window", "2000"]);
    assert_eq!(api.get("/drift").body, anew.body);
}

#[test]
fn a_model_that_does_not_know_its_training_says_so() {
    let folder = folder_with_model();
    std::fs::copy(repository().join("interop/golden/model.json"), folder.path().join(MODEL_PATH)).unwrap();
    let api = Api::start(folder.path(), &[]);
    let answer = api.get("/drift");
    let drift = answer.json();
    assert_eq!((answer.status, &drift["features"], &drift["expected_rate"]), (200, &json!([]), &Value::Null));
    assert!(drift["problem"].as_str().unwrap().contains("train or import again"), "{drift}");
    assert_eq!(gauges(&api), []);
}

/// What the sender says of drift after so many readings of that profile.
fn notes(api: &Api, folder: &Path, profile: &str) -> Vec<String> {
    let url = api.url("/predict");
    let args =
        ["--api-url", &url, "--count", "1000", "--interval", "0", "--batch", "100", "--quiet", "--profile", profile];
    let sent = run("sender", folder, &args, &[]);
    assert_eq!(sent.code, Some(0), "{}{}", sent.stdout, sent.stderr);
    sent.stdout.lines().filter(|line| line.contains("note:")).map(str::to_owned).collect()
}

#[test]
fn the_sender_notes_what_the_service_finds() {
    let folder = folder_with_model();
    let api = Api::start(folder.path(), &[]);
    assert_eq!(notes(&api, folder.path(), "training"), [] as [&str; 0]);
    let notes = notes(&api, folder.path(), "stream");
    let [note] = &notes[..] else { panic!("{notes:?}") };
    assert!(note.contains("sound_volume (PSI ") && note.contains(", humidity (PSI "), "{note}");
    assert!(!note.contains("temperature"), "{note}");
}
