//! Recorded data: ten-minute averages of one real turbine, with a failing bearing in the second recording.
//!
//! No licence allows redistributing the recordings, so they are not in this repository. They are read from the folder that
//! `TURBINE_DATA` names, else from a folder `data` one level below the parent of this repository. Where there are none,
//! each test says `NOT RUN` on standard error; if `TURBINE_DATA` names a folder without them, the tests fail.

#![allow(clippy::unwrap_used)]

use e2e::{
    AlarmFigures, Api, LogFile, Picture, Recording, Summary, evaluate_agrees, not_run, replayed, repository, roc_auc,
    run,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const TRAIN: &str = "wind_turbine_train.csv";
const STREAM: &str = "wind_turbine_stream.csv";

const SEVEN: [&str; 7] =
    ["env_temp", "hub_speed", "wind_speed", "front_bearing_temp", "rear_bearing_temp", "power", "grid_power"];
const THREE: [&str; 3] = ["bearing_temp_diff", "front_temp_rise", "rear_temp_rise"];

/// False alarms a day that the rate is set to, and how many more the rest of the recording may show.
const RATE: f64 = 0.5;
const RATE_TOLERANCE: f64 = 3.0;

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

/// The labels of the rows of a log of these features, which holds every usable row once, and no other row.
fn labels(recording: &Recording, features: &[&str], log: &LogFile) -> Vec<bool> {
    let labels = recording.labels(features);
    let expected: BTreeMap<&str, usize> = labels.keys().map(|time| (time.as_str(), 1)).collect();
    assert_eq!(log.times(), expected);
    log.rows.iter().map(|row| labels[&row.timestamp]).collect()
}

/// What the defaults must reach.
struct Expected {
    least_auc: f64,
    least_f1: f64,
    most_normal_time: f64,
}

/// With no flag of the detector or the alarm: train on the first recording, replay the second, measure the log, compare
/// `evaluate` with it, draw it. `selected` is empty for all columns of the file, which are `features`.
fn defaults_reach(test: &str, selected: &[&'static str], features: &[&str], mode: &[&str], expected: &Expected) {
    let Some(data) = data(test) else { return };
    let recording = Recording { train: data.join(TRAIN), stream: data.join(STREAM), features: selected.to_vec() };
    let folder = tempfile::tempdir().unwrap();
    let (_api, log, sender) = replayed(folder.path(), &recording, &[], mode);
    let labels = labels(&recording, features, &log);
    let summary = Summary::of(&sender);
    // 12,835 rows, of which some have an empty cell.
    assert_eq!((summary.count("sent"), summary.count("sent") + summary.count("skipped")), (labels.len(), 12_835));
    summary.agrees(&log, &labels);

    let figures = AlarmFigures::of(&log, &labels);
    println!("{} features: {figures:?}", features.len());
    assert!(figures.roc_auc >= expected.least_auc, "{figures:?}");
    assert!(figures.f1 >= expected.least_f1, "{figures:?}");
    assert!(figures.normal_time <= expected.most_normal_time, "{figures:?}");
    assert!(figures.false_alarms <= 10, "{figures:?}");
    evaluate_agrees(folder.path(), &recording, &log);

    let viz = run("viz", folder.path(), &[], &[]);
    assert_eq!(viz.code, Some(0), "{}", viz.stderr);
    let line = format!("[viz] rows={} anomalies={} ", log.rows.len(), log.anomalies());
    assert!(viz.stdout.contains(&line), "not {line:?}, but {}", viz.stdout);
    for picture in ["anomalies_over_time", "anomalies_over_time_from_log", "bubble_scatter_pred", "turbines_over_time"]
    {
        let path = folder.path().join(format!("outputs/{picture}.png"));
        assert!(Picture::read(&path).emptiness() < 0.995, "{picture} is empty");
    }
}

#[test]
fn ten_features_find_the_fault() {
    let ten = [&SEVEN[..], &THREE].concat();
    let expected = Expected { least_auc: 0.96, least_f1: 0.91, most_normal_time: 0.03 };
    defaults_reach("ten_features_find_the_fault", &[], &ten, &["--ndjson"], &expected);
}

#[test]
fn seven_sensors_as_recorded_find_the_fault() {
    let expected = Expected { least_auc: 0.95, least_f1: 0.88, most_normal_time: 0.03 };
    defaults_reach("seven_sensors_as_recorded_find_the_fault", &SEVEN, &SEVEN, &["--batch", "100"], &expected);
}

#[test]
fn three_features_find_the_fault() {
    let expected = Expected { least_auc: 0.965, least_f1: 0.94, most_normal_time: 0.02 };
    defaults_reach("three_features_find_the_fault", &THREE, &THREE, &[], &expected);
}

/// A rate of false alarms that the first 60 % of the normal rows are calibrated to, counted on the rest.
#[test]
fn false_alarms_are_as_many_as_asked_for() {
    let Some(data) = data("false_alarms_are_as_many_as_asked_for") else { return };
    let text = std::fs::read_to_string(data.join(TRAIN)).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    let (first, rest) = rows.split_at(rows.len() * 6 / 10);
    for features in [&[][..], &SEVEN, &THREE] {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, rows: &[&str]| {
            let path = folder.path().join(name);
            std::fs::write(&path, [&[header], rows].concat().join("\n") + "\n").unwrap();
            path
        };
        let recording =
            Recording { train: file("first.csv", first), stream: file("rest.csv", rest), features: features.to_vec() };
        let rate = RATE.to_string();
        let (_api, log, _) = replayed(folder.path(), &recording, &["--false-alarms-per-day", &rate], &["--ndjson"]);
        let in_alarm: Vec<bool> = log.rows.iter().map(|row| row.in_alarm).collect();
        let raised = usize::from(in_alarm[0]) + in_alarm.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        let days = log.rows.len() as f64 / 144.0;
        println!("{features:?}: {raised} false alarms in {days:.1} days");
        assert!(raised as f64 <= RATE_TOLERANCE * RATE * days, "{raised} in {days} days");
    }
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
    let ten = [&SEVEN[..], &THREE].concat();
    let names = ten.join(",");
    let args =
        ["--data", train.to_str().unwrap(), "--label", "is_fault", "--timestamp", "timestamp", "--features", &names];
    let trained = run("train", folder.path(), &args, &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
    let recording = Recording { train: train.clone(), stream: stream.clone(), features: ten.clone() };
    let labels = recording.labels(&ten);
    let [complete, with_gaps] = [0.0, 0.1].map(|gaps| {
        let outputs = format!("outputs-{gaps}");
        let api = Api::start(folder.path(), &["--missing", "carry", "--outputs", &outputs]);
        let body = lines(&stream, &ten, &labels, gaps);
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
