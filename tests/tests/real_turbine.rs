//! Recorded data: ten-minute averages of one real turbine, with a failing bearing in the second recording.
//!
//! No licence allows redistributing the recordings, so they are not in this repository. They are read from the folder that
//! `TURBINE_DATA` names, else from a folder `data` one level below the parent of this repository. Where there are none,
//! each test says `NOT RUN` on standard error; if `TURBINE_DATA` names a folder without them, the tests fail.

#![allow(clippy::unwrap_used)]

use e2e::{Api, LogFile, Picture, Summary, not_run, repository, roc_auc, run};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const TRAIN: &str = "wind_turbine_train.csv";
const STREAM: &str = "wind_turbine_stream.csv";

const TEN: [&str; 10] = [
    "env_temp",
    "hub_speed",
    "wind_speed",
    "front_bearing_temp",
    "rear_bearing_temp",
    "power",
    "grid_power",
    "bearing_temp_diff",
    "front_temp_rise",
    "rear_temp_rise",
];

/// The folder of the recordings, or `None` with a line on standard error.
fn data(test: &str) -> Option<PathBuf> {
    let holds_both = |folder: &Path| [TRAIN, STREAM].iter().all(|name| folder.join(name).is_file());
    if let Some(folder) = std::env::var_os("TURBINE_DATA").map(PathBuf::from) {
        assert!(holds_both(&folder), "TURBINE_DATA={} does not hold {TRAIN} and {STREAM}", folder.display());
        return Some(folder);
    }
    let neighbours = repository().parent().and_then(|parent| std::fs::read_dir(parent).ok()).into_iter().flatten();
    let found = neighbours.flatten().map(|neighbour| neighbour.path().join("data")).find(|folder| holds_both(folder));
    if found.is_none() {
        not_run(&format!("{test} needs {TRAIN} and {STREAM}; set TURBINE_DATA to their folder"));
    }
    found
}

/// The label by time of each row with a number in all of these columns; read without our own CSV reader.
fn usable(path: &Path, features: &[&str]) -> BTreeMap<String, bool> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let places: Vec<usize> = features.iter().map(|name| place(name)).collect();
    let (time, label) = (place("timestamp"), place("is_fault"));
    let rows = lines.map(|line| line.split(',').collect::<Vec<_>>());
    let numeric = rows.filter(|row| places.iter().all(|&place| row[place].parse::<f64>().is_ok_and(f64::is_finite)));
    numeric.map(|row| (row[time].to_owned(), row[label] == "1")).collect()
}

/// Trains on the first recording, streams the second, draws the log; returns the ROC AUC.
fn whole_path(data: &Path, features: &[&str], mode: &[&str]) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let [train, stream] = [TRAIN, STREAM].map(|name| data.join(name).display().to_string());
    let names = features.join(",");
    let args = ["--data", &train, "--features", &names, "--contamination", "0.005"];
    let trained = run("train", folder.path(), &args, &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);

    let api = Api::start(folder.path(), &[]);
    let url = api.url("/predict");
    let args = ["--api-url", &url, "--replay", &stream, "--label", "is_fault", "--timestamp", "timestamp"];
    let args = [&args[..], &["--interval", "0", "--quiet"], mode].concat();
    let sender = run("sender", folder.path(), &args, &[]);
    assert_eq!(sender.code, Some(0), "{}{}", sender.stdout, sender.stderr);

    // The log holds every usable row once, and no other row.
    let labels = usable(Path::new(&stream), features);
    let log = LogFile::read(&api.log());
    let expected: BTreeMap<&str, usize> = labels.keys().map(|time| (time.as_str(), 1)).collect();
    assert_eq!(log.times(), expected);
    let summary = Summary::of(&sender);
    // 12,835 rows, of which some have an empty cell.
    assert_eq!((summary.count("sent"), summary.count("sent") + summary.count("skipped")), (labels.len(), 12_835));
    let labels: Vec<bool> = log.rows.iter().map(|row| labels[&row.timestamp]).collect();
    summary.agrees(&log, &labels);

    let viz = run("viz", folder.path(), &[], &[]);
    assert_eq!(viz.code, Some(0), "{}", viz.stderr);
    let line = format!("[viz] rows={} anomalies={} ", log.rows.len(), log.anomalies());
    assert!(viz.stdout.contains(&line), "not {line:?}, but {}", viz.stdout);
    for picture in ["anomalies_over_time.png", "anomalies_over_time_from_log.png", "bubble_scatter_pred.png"] {
        assert!(Picture::read(&folder.path().join("outputs").join(picture)).emptiness() < 0.995, "{picture} is empty");
    }
    println!("{} features: {}", features.len(), sender.stdout.trim_end());
    summary.figure("roc_auc")
}

#[test]
fn three_features_separate_the_fault() {
    let Some(data) = data("three_features_separate_the_fault") else { return };
    let auc = whole_path(&data, &["bearing_temp_diff", "front_temp_rise", "rear_temp_rise"], &[]);
    assert!(auc >= 0.94, "ROC AUC is {auc}");
}

#[test]
fn ten_features_separate_the_fault() {
    let Some(data) = data("ten_features_separate_the_fault") else { return };
    let auc = whole_path(&data, &TEN, &["--ndjson"]);
    // Most of the ten are unrelated to the bearing; a classic forest alone reaches 0.70.
    assert!(auc >= 0.9, "ROC AUC is {auc}");
}

/// The readings as newline-delimited JSON; of every cell, a share of `gaps` is null.
fn lines(path: &Path, features: &[&str], labels: &BTreeMap<String, bool>, gaps: f64) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = text.lines();
    let header: Vec<&str> = rows.next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let time = place("timestamp");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut lines = String::new();
    for row in rows.map(|row| row.split(',').collect::<Vec<_>>()).filter(|row| labels.contains_key(row[time])) {
        let mut cell = |name: &&str| {
            let is_gap = f64::from(rng.next_u32()) < gaps * f64::from(u32::MAX);
            let value = if is_gap { Value::Null } else { row[place(name)].parse::<f64>().unwrap().into() };
            ((*name).to_owned(), value)
        };
        let mut reading: Map<String, Value> = features.iter().map(&mut cell).collect();
        reading.insert("timestamp".to_owned(), row[time].into());
        reading.insert("turbine_id".to_owned(), "T1".into());
        lines += &(Value::from(reading).to_string() + "\n");
    }
    lines
}

#[test]
fn a_tenth_of_the_cells_missing_costs_little() {
    let Some(data) = data("a_tenth_of_the_cells_missing_costs_little") else { return };
    let folder = tempfile::tempdir().unwrap();
    let [train, stream] = [TRAIN, STREAM].map(|name| data.join(name));
    let names = TEN.join(",");
    let args =
        ["--data", train.to_str().unwrap(), "--label", "is_fault", "--timestamp", "timestamp", "--features", &names];
    let trained = run("train", folder.path(), &args, &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
    let labels = usable(&stream, &TEN);
    let [complete, with_gaps] = [0.0, 0.1].map(|gaps| {
        let outputs = format!("outputs-{gaps}");
        let api = Api::start(folder.path(), &["--missing", "carry", "--outputs", &outputs]);
        let body = lines(&stream, &TEN, &labels, gaps);
        let answer = api.request("POST", "/predict/batch", &[("content-type", "application/x-ndjson")], body);
        let answers: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), labels.len());
        let filled = |answer: &&Value| answer.get("carried").or(answer.get("missing")).is_some();
        let share = answers.iter().filter(filled).count() as f64 / answers.len() as f64;
        // 1 − 0.9¹⁰ = 0.651 of the readings have a gap or more.
        assert!((share - if gaps > 0.0 { 0.651 } else { 0.0 }).abs() < 0.02, "{share}");
        let log = LogFile::read(&folder.path().join(&outputs).join("predictions_log.csv"));
        let expected: BTreeMap<&str, usize> = labels.keys().map(|time| (time.as_str(), 1)).collect();
        assert_eq!(log.times(), expected, "every reading is logged, once");
        let scored: Vec<(f64, bool)> = answers
            .iter()
            .map(|answer| {
                (answer["smoothed_surprisal"].as_f64().unwrap(), labels[answer["timestamp"].as_str().unwrap()])
            })
            .collect();
        roc_auc(&scored)
    });
    println!(
        "ROC AUC of the smoothed surprisal: {complete:.4} complete, {with_gaps:.4} with a tenth of the cells missing"
    );
    assert!((complete - with_gaps).abs() <= 0.02 && complete > 0.9, "{complete} complete, {with_gaps} with gaps");
}
