//! The state of each turbine: as the service reports it, and folded independently from the log.

use crate::api::Api;
use crate::log_file::{LogFile, LogRow};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What `GET /turbines` says of one turbine.
#[derive(Debug, Clone, PartialEq)]
pub struct TurbineState {
    /// `None` for all readings without a turbine.
    pub turbine_id: Option<String>,
    /// The latest time of its readings.
    pub last_reading: String,
    /// How many of its readings are logged.
    pub readings: u64,
    /// How many of them are anomalies.
    pub anomalies: u64,
    /// The score of the reading with the latest time.
    pub anomaly_score: f64,
    /// The model that gave this score.
    pub model_version: String,
}

impl TurbineState {
    fn of(value: &Value) -> Self {
        let missing = |name: &str| format!("no {name}: {value}");
        let text = |name: &str| value[name].as_str().unwrap_or_else(|| panic!("{}", missing(name))).to_owned();
        let count = |name: &str| value[name].as_u64().unwrap_or_else(|| panic!("{}", missing(name)));
        let number = |name: &str| value[name].as_f64().unwrap_or_else(|| panic!("{}", missing(name)));
        assert!(value.get("turbine_id").is_some(), "no turbine_id: {value}");
        TurbineState {
            turbine_id: value["turbine_id"].as_str().map(str::to_owned),
            last_reading: text("last_reading"),
            readings: count("readings"),
            anomalies: count("anomalies"),
            anomaly_score: number("anomaly_score"),
            model_version: text("model_version"),
        }
    }
}

/// All turbines, read in pages of `limit`.
///
/// # Panics
/// If a page is refused, longer than asked for, followed by another although it is not full, or not sorted.
pub fn turbines(api: &Api, limit: usize) -> Vec<TurbineState> {
    let mut all: Vec<TurbineState> = Vec::new();
    let mut path = format!("/turbines?limit={limit}");
    loop {
        let answer = api.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let page = answer.json();
        let turbines = page["turbines"].as_array().unwrap_or_else(|| panic!("{path}: no turbines: {page}"));
        all.extend(turbines.iter().map(TurbineState::of));
        match page.get("next") {
            None => break,
            Some(next) => {
                assert_eq!(turbines.len(), limit, "{path}: a page that is not full is followed by another");
                let next = next.as_str().unwrap_or_else(|| panic!("{path}: next is not a turbine: {next}"));
                path = format!("/turbines?limit={limit}&after={next}");
            }
        }
        assert!(turbines.len() <= limit, "{path}: {} turbines", turbines.len());
    }
    // `None` comes first.
    assert!(all.is_sorted_by(|a, b| a.turbine_id < b.turbine_id), "turbines are not sorted or come twice");
    all
}

/// Asserts that the state of all turbines is the fold over the log in `folder`.
///
/// # Panics
/// If they differ.
pub fn assert_is_fold(turbines: &[TurbineState], folder: &Path) {
    let rows = LogFile::rows_of_set(&folder.join("outputs/predictions_log.csv"));
    let mut by_turbine: BTreeMap<Option<&str>, Vec<&LogRow>> = BTreeMap::new();
    for row in &rows {
        let turbine = Some(row.turbine_id.as_str()).filter(|id| !id.is_empty());
        by_turbine.entry(turbine).or_default().push(row);
    }
    let known: Vec<Option<&str>> = turbines.iter().map(|turbine| turbine.turbine_id.as_deref()).collect();
    assert_eq!(known, by_turbine.keys().copied().collect::<Vec<_>>(), "known on the left, in the log on the right");
    for (turbine, rows) in turbines.iter().zip(by_turbine.values()) {
        let time = |row: &LogRow| row.timestamp.parse::<jiff::Timestamp>().expect("a log's times are checked");
        let latest = rows.iter().map(|row| time(row)).max().expect("a turbine has a row");
        // Of several readings of the latest time any may be shown.
        let shown = TurbineState {
            readings: rows.len() as u64,
            anomalies: rows.iter().filter(|row| row.is_anomaly).count() as u64,
            ..turbine.clone()
        };
        assert_eq!(*turbine, shown, "the log holds {rows:?}");
        let is_shown = |row: &&&LogRow| {
            let shown = (&turbine.last_reading, turbine.anomaly_score, &turbine.model_version);
            time(row) == latest && shown == (&row.timestamp, row.anomaly_score, &row.model_version)
        };
        assert!(rows.iter().find(is_shown).is_some(), "{turbine:?} is not the latest of {rows:?}");
    }
}

/// Asserts that the state of all turbines is the fold over the log, and the same after restarts: with the snapshot, without it,
/// and after `kill -9`. Returns the service that was started last.
///
/// # Panics
/// If the state differs, or no snapshot is written at shutdown.
pub fn assert_state_survives(api: Api, folder: &Path, args: &[&str]) -> Api {
    let expected = turbines(&api, 1_000);
    assert_is_fold(&expected, folder);
    let snapshot = folder.join("outputs/turbines.snapshot");

    assert_eq!(api.terminate().code(), Some(0));
    assert!(snapshot.is_file(), "shutdown writes no snapshot");
    let api = Api::start(folder, args);
    assert_eq!(turbines(&api, 1_000), expected, "after a restart with the snapshot");

    assert_eq!(api.terminate().code(), Some(0));
    std::fs::remove_file(&snapshot).expect("shutdown writes a snapshot");
    let api = Api::start(folder, args);
    assert_eq!(turbines(&api, 1_000), expected, "after a restart without the snapshot");

    api.signal("KILL");
    api.wait();
    let api = Api::start(folder, args);
    assert_eq!(turbines(&api, 1_000), expected, "after kill -9");
    api
}
