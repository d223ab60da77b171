//! Train, serve, stream, draw with the real programs, for the default turbine and for others.

#![allow(clippy::unwrap_used)]

use e2e::{Api, Finished, LogFile, NORMAL, Picture, Summary, folder_with_model, run};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const PICTURES: [&str; 3] = ["anomalies_over_time.png", "anomalies_over_time_from_log.png", "bubble_scatter_pred.png"];

/// Every mode of sending.
const WAYS: [&[&str]; 6] = [
    &[],
    &["--concurrency", "4"],
    &["--batch", "7"],
    &["--batch", "7", "--concurrency", "3"],
    &["--ndjson"],
    &["--ndjson", "--batch", "50"],
];

fn succeeded(program: &str, folder: &Path, args: &[&str]) -> Finished {
    let finished = run(program, folder, args, &[]);
    assert_eq!(finished.code, Some(0), "{program} {args:?}: {}{}", finished.stdout, finished.stderr);
    finished
}

fn send(api: &Api, folder: &Path, args: &[&str]) -> Finished {
    let url = api.url("/predict");
    succeeded("sender", folder, &[&["--api-url", &url, "--interval", "0"], args].concat())
}

/// Draws the log, compares the printed figures with it, and checks the pictures coarsely.
fn draw(folder: &Path, log: &LogFile) {
    let viz = succeeded("viz", folder, &[]);
    let (rows, anomalies) = (log.rows.len(), log.anomalies());
    let rate = 100.0 * anomalies as f64 / rows as f64;
    let line = format!("[viz] rows={rows} anomalies={anomalies} rate={rate:.2}%");
    assert!(viz.stdout.lines().any(|said| said == line), "not {line:?}, but {}", viz.stdout);
    PICTURES.iter().for_each(|name| looks_like_a_chart(&folder.join("outputs").join(name)));
}

fn looks_like_a_chart(path: &Path) {
    let picture = Picture::read(path);
    let shown = path.display();
    assert!(picture.width >= 600 && picture.height >= 300, "{shown}: {}×{}", picture.width, picture.height);
    assert!(picture.emptiness() < 0.995, "{shown} is empty");
    assert!(picture.colours.len() > 30, "{shown} has {} colours", picture.colours.len());
    let white = picture.of(0x00ff_ffff) as f64 / f64::from(picture.width * picture.height);
    assert!(white > 0.3, "{shown} has no white background");
}

#[test]
fn simulated_readings_arrive_once_in_every_mode() {
    let mut expected: Option<Vec<String>> = None;
    for way in WAYS {
        let folder = folder_with_model();
        let api = Api::start(folder.path(), &[]);
        let args = ["--count", "400", "--anom-rate", "0.2", "--seed", "7", "--turbines", "3"];
        let sender = send(&api, folder.path(), &[&args, way].concat());
        let log = LogFile::read(&api.log());
        let summary = Summary::of(&sender);
        assert_eq!(["sent", "failed", "unsent", "skipped"].map(|name| summary.count(name)), [400, 0, 0, 0], "{way:?}");
        assert_eq!(summary.count("detected") + summary.count("false_alarms"), log.anomalies(), "{way:?}");
        // A fifth of 400 is 80; the standard deviation is 8.
        assert!((40..120).contains(&summary.count("injected")), "{way:?}: {summary:?}");
        assert!(summary.figure("roc_auc") > 0.95, "{way:?}: {summary:?}");

        let lines: Vec<&str> = sender.stdout.lines().filter(|line| line.starts_with("[200] ")).collect();
        assert_eq!(lines.len(), 400, "{way:?}");
        let said = lines.iter().filter(|line| line.contains("anom=True ")).count();
        assert_eq!(said, log.anomalies(), "{way:?}");

        // One seed sends the same readings in every mode; concurrent requests may be logged in another order.
        let mut readings: Vec<String> =
            log.rows.iter().map(|row| format!("{:?} {}", row.values, row.turbine_id)).collect();
        readings.sort();
        assert_eq!(expected.get_or_insert(readings.clone()), &readings, "{way:?}");
        for turbine in ["WT-01", "WT-02", "WT-03"] {
            let rows = log.rows.iter().filter(|row| row.turbine_id == turbine).count();
            assert!((133..=134).contains(&rows), "{way:?}: {rows} of {turbine}");
        }
        assert_eq!(api.counters()["predictions_total"], 400);
        draw(folder.path(), &log);
    }
}

/// A simulated recording: its CSV, and the label of every usable row by time.
struct Recording {
    csv: String,
    labels: BTreeMap<String, bool>,
    unusable: usize,
}

/// `rows` readings ten minutes apart; every 20th is an anomaly, every 37th has a cell that is not a number.
fn recording(features: &[String], rows: u32, seed: u64) -> Recording {
    let mut state = seed;
    let mut uniform = || {
        // A linear congruential generator with the constants of Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut recording =
        Recording { csv: format!("when,note,{},fault\n", features.join(",")), labels: BTreeMap::new(), unusable: 0 };
    let start: jiff::Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    for i in 0..rows {
        let time = (start + jiff::SignedDuration::from_mins(10 * i64::from(i))).to_string();
        let is_anomaly = i % 20 == 13;
        let mut cells: Vec<String> = (0..features.len())
            .map(|j| {
                // The sum of four uniform numbers is nearly normal.
                let normal = (0..4).map(|_| uniform()).sum::<f64>() - 2.0;
                let shift = if is_anomaly { 3.0 } else { 0.0 };
                format!("{:.4}", 10.0 * j as f64 + normal + shift)
            })
            .collect();
        if i % 37 == 5 {
            cells[i as usize % features.len()] = if i % 2 == 0 { String::new() } else { "n/a".to_owned() };
            recording.unusable += 1;
        } else {
            recording.labels.insert(time.clone(), is_anomaly);
        }
        let label = u8::from(is_anomaly);
        writeln!(recording.csv, "{time},\"a, b\",{},{label}", cells.join(",")).unwrap();
    }
    recording
}

/// Asserts that the log holds every usable row of a recording once, and no other row.
fn assert_every_row_once(log: &LogFile, recording: &Recording) {
    let expected: BTreeMap<&str, usize> = recording.labels.keys().map(|time| (time.as_str(), 1)).collect();
    assert_eq!(log.times(), expected);
}

#[test]
fn a_turbine_with_other_features_works_end_to_end() {
    let features = ["oil_temp", "rotor.speed", "vibration-x", "current", "Pitch 2"].map(str::to_owned);
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (recording(&features, 800, 1), recording(&features, 500, 2));
    std::fs::write(folder.path().join("old.csv"), &old.csv).unwrap();
    std::fs::write(folder.path().join("new.csv"), &new.csv).unwrap();
    let names = features.join(",");
    let columns = ["--label", "fault", "--timestamp", "when"];
    let args = ["--data", "old.csv", "--features", &names, "--threshold", "best-f1", "--n-estimators", "50"];
    succeeded("train", folder.path(), &[&args[..], &columns].concat());
    for picture in ["metrics_table", "histograms", "heatmaps_grid", "learning_dashboard_2x2", "score_distributions"] {
        looks_like_a_chart(&folder.path().join(format!("outputs/{picture}.png")));
    }

    for way in WAYS {
        let _ = std::fs::remove_file(folder.path().join("outputs/predictions_log.csv"));
        let api = Api::start(folder.path(), &[]);
        let sender = send(&api, folder.path(), &[&["--replay", "new.csv"], &columns[..], way].concat());
        let log = LogFile::read(&api.log());
        assert_eq!(log.header[1..6], features, "{way:?}");
        assert_every_row_once(&log, &new);
        let summary = Summary::of(&sender);
        assert_eq!(summary.count("skipped"), new.unusable, "{way:?}");
        let labels: Vec<bool> = log.rows.iter().map(|row| new.labels[&row.timestamp]).collect();
        summary.agrees(&log, &labels);
        assert!(summary.figure("roc_auc") > 0.99, "{way:?}: {summary:?}");
        draw(folder.path(), &log);
    }

    let api = Api::start(folder.path(), &[]);
    let info = api.get("/model/info").json();
    assert_eq!(info["feature_names"], serde_json::json!(features));
    let schema = &api.get("/openapi.json").json()["components"]["schemas"]["Reading"];
    assert!(features.iter().all(|feature| schema["properties"].get(feature).is_some()), "{schema}");
    let refused = api.post("/predict", NORMAL);
    assert_eq!(refused.status, 400);
    let faults =
        refused.json()["faults"].as_array().unwrap().iter().map(|fault| fault["field"].clone()).collect::<Vec<_>>();
    assert_eq!(faults, features);
}

#[test]
fn sixty_four_features_are_accepted_and_sixty_five_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let features: Vec<String> = (0..65).map(|i| format!("sensor_{i:02}")).collect();
    let recorded = recording(&features[..64], 400, 3);
    std::fs::write(folder.path().join("data.csv"), &recorded.csv).unwrap();
    let columns = ["--label", "fault", "--timestamp", "when"];
    let names = features[..64].join(",");
    let args = ["--data", "data.csv", "--features", &names, "--n-estimators", "30"];
    succeeded("train", folder.path(), &[&args, &columns[..]].concat());
    let api = Api::start(folder.path(), &[]);
    let sender = send(&api, folder.path(), &[&["--replay", "data.csv", "--ndjson"], &columns[..]].concat());
    let log = LogFile::read(&api.log());
    assert_every_row_once(&log, &recorded);
    let labels: Vec<bool> = log.rows.iter().map(|row| recorded.labels[&row.timestamp]).collect();
    Summary::of(&sender).agrees(&log, &labels);
    draw(folder.path(), &log);
    drop(api);

    std::fs::write(folder.path().join("data.csv"), recording(&features, 100, 3).csv).unwrap();
    let names = features.join(",");
    let args = ["--data", "data.csv", "--features", &names, "--model", "none.json"];
    let refused = run("train", folder.path(), &[&args, &columns[..]].concat(), &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("64") && refused.stderr.contains("65"), "{}", refused.stderr);
    assert!(!folder.path().join("none.json").exists());
}

#[test]
fn a_feature_name_that_a_spreadsheet_could_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["=1+1", "+a", "-a", "@a", "timestamp", "turbine_id", "is_anomaly"] {
        let features = [name, "b"].map(str::to_owned);
        std::fs::write(folder.path().join("data.csv"), recording(&features, 200, 1).csv).unwrap();
        let args = ["--data", "data.csv", "--features", &format!("{name},b"), "--model", "none.json"];
        let refused = run("train", folder.path(), &args, &[]);
        assert_ne!(refused.code, Some(0), "{name}: {}", refused.stdout);
        assert!(refused.stderr.contains(name.trim()), "{name}: {}", refused.stderr);
        assert!(!folder.path().join("none.json").exists());
    }
}
