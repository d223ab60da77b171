//! A park of turbines with two sensors: its model, its readings, and what one undisturbed service says of them.

use e2e::{Api, MODEL_PATH, run};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const INTERVAL: SignedDuration = SignedDuration::from_mins(10);

/// The most readings of a request.
const BATCH: usize = 4_000;

/// So many turbines, each with so many readings.
#[derive(Debug, Clone, Copy)]
pub struct Park {
    pub turbines: usize,
    pub rounds: usize,
}

/// What is known when all readings are scored.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The rows of the prediction log by turbine, in order.
    pub rows: BTreeMap<String, Vec<String>>,
    /// All that is known of each turbine.
    pub turbines: BTreeMap<String, Value>,
    /// The alarms by id and event, `raised` or `cleared`.
    pub alarms: BTreeMap<(String, String), Value>,
    /// The readings that were rejected, in order.
    pub rejected: Vec<Value>,
}

impl Park {
    pub fn name(turbine: usize) -> String {
        format!("WT-{turbine}")
    }

    /// The reading of a turbine in a round: as [`Park::values`], and now and then of the time before.
    pub fn reading(turbine: usize, round: usize) -> String {
        let [a, b] = values(round + 31 * turbine);
        let late = if round % 97 == 50 { 2 } else { 0 };
        let timestamp = begin() + INTERVAL * (round - late) as i32;
        json!({"turbine_id": Self::name(turbine), "timestamp": timestamp.to_string(), "a": a, "b": b}).to_string()
    }

    pub fn readings(self) -> usize {
        self.turbines * self.rounds
    }

    /// What one service makes of the readings.
    pub fn undisturbed(self, model: &Path) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let api = Api::start(folder.path(), &["--model", model.to_str().unwrap(), "--dedupe-window", "0"]);
        let pairs = (0..self.rounds).flat_map(|round| (0..self.turbines).map(move |turbine| (turbine, round)));
        let readings: Vec<String> = pairs.map(|(turbine, round)| Self::reading(turbine, round)).collect();
        for batch in readings.chunks(BATCH) {
            let answered = api.post("/predict/batch", format!("{{\"readings\":[{}]}}", batch.join(",")));
            assert_eq!(answered.status, 200, "{}", answered.body);
        }
        let log = api.log();
        assert!(api.terminate().success());
        let mut outcome = Outcome::default();
        let text = std::fs::read_to_string(&log).unwrap();
        for row in text.lines().skip(1) {
            // timestamp, a, b, is_anomaly, anomaly_score, turbine_id, …
            let turbine = row.split(',').nth(5).unwrap().to_owned();
            outcome.rows.entry(turbine).or_default().push(row.to_owned());
        }
        let snapshot = std::fs::read_to_string(log.with_file_name("turbines.snapshot")).unwrap();
        let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
        for entry in snapshot["snapshot"]["turbines"].as_array().unwrap() {
            outcome.turbines.insert(entry[0].as_str().unwrap().to_owned(), entry[1].clone());
        }
        let mut alarms = csv::Reader::from_path(log.with_file_name("alarms.csv")).unwrap();
        for row in alarms.records().map(Result::unwrap) {
            let cleared = Some(&row[4]).filter(|cell| !cell.is_empty());
            let alarm = json!({
                "id": row[0], "turbine_id": row[2], "raised": row[3], "cleared": cleared,
                "peak": row[5].parse::<f64>().unwrap(), "peaked": row[6], "model_version": row[7],
                "why": serde_json::from_str::<Value>(&row[8]).unwrap(),
            });
            let before = outcome.alarms.insert((row[0].to_owned(), row[1].to_owned()), alarm);
            assert_eq!(before, None);
        }
        outcome
    }
}

impl Park {
    /// The readings of these turbines as a recording, round by round, with a column that labels the faults.
    pub fn recording(self, turbines: Range<usize>) -> String {
        let row = |turbine: usize, round: usize| {
            let reading: Value = serde_json::from_str(&Self::reading(turbine, round)).unwrap();
            let text = |key: &str| reading[key].as_str().unwrap().to_owned();
            let is_fault = (100..130).contains(&((round + 31 * turbine) % 200));
            let (a, b) = (reading["a"].as_f64().unwrap(), reading["b"].as_f64().unwrap());
            format!("{},{},{a},{b},{}\n", text("timestamp"), text("turbine_id"), u8::from(is_fault))
        };
        let rounds = (0..self.rounds).flat_map(|round| turbines.clone().map(move |turbine| row(turbine, round)));
        "timestamp,turbine,a,b,fault\n".to_owned() + &rounds.collect::<String>()
    }
}

fn begin() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn noise(i: usize) -> f64 {
    (i * 7_919 % 1_009) as f64 / 1_009.0
}

/// The sensors `a` and `b` in reading number `i`: normal, a fault, normal, and `b` held.
fn values(i: usize) -> [f64; 2] {
    let a = (i as f64 / 20.0).sin() + 0.2 * noise(i);
    let b = a + 0.2 * noise(3 * i + 1);
    match i % 200 {
        100..130 => [a, b + 8.0],
        160..200 => [a, 0.25],
        _ => [a, b],
    }
}

/// A folder with a model of the park, and the model's path.
pub fn trained() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let row = |i: usize| {
        let [a, b] = values(i * 200 + i % 100);
        format!("{},{a},{b}\n", begin() + INTERVAL * i as i32)
    };
    let csv = "timestamp,a,b\n".to_owned() + &(0..1_500).map(row).collect::<String>();
    std::fs::write(folder.path().join("data.csv"), csv).unwrap();
    let args = ["--data", "data.csv", "--timestamp", "timestamp", "--n-estimators", "20", "--model", MODEL_PATH];
    let trained = run("train", folder.path(), &args, &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
    let model = folder.path().join(MODEL_PATH);
    (folder, model)
}
