//! A recording on its way through the programs with their defaults: `train`, `api`, `sender --replay`, the log, `evaluate`.

use crate::api::Api;
use crate::log_file::LogFile;
use crate::programs::{Finished, run};
use crate::sent::roc_auc;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Two CSV files with the columns `timestamp` and `is_fault`: one to train on, one to replay.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Mostly normal running.
    pub train: PathBuf,
    /// With faults.
    pub stream: PathBuf,
    /// The sensors that the model reads; empty = all columns that have no other role.
    pub features: Vec<&'static str>,
}

impl Recording {
    /// The label by time of each row of the stream with a number in all of these columns; read without our own CSV reader.
    ///
    /// # Panics
    /// If the file cannot be read or lacks a column.
    pub fn labels(&self, features: &[&str]) -> BTreeMap<String, bool> {
        let text = std::fs::read_to_string(&self.stream).expect("the recording can be read");
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
        let place =
            |name: &str| header.iter().position(|column| *column == name).unwrap_or_else(|| panic!("no {name}"));
        let places: Vec<usize> = features.iter().map(|name| place(name)).collect();
        let (time, label) = (place("timestamp"), place("is_fault"));
        let rows = lines.map(|line| line.split(',').collect::<Vec<_>>());
        let numeric =
            rows.filter(|row| places.iter().all(|&place| row[place].parse::<f64>().is_ok_and(f64::is_finite)));
        numeric.map(|row| (row[time].to_owned(), row[label] == "1")).collect()
    }
}

/// Trains on the first file with `train_args` beside the defaults, replays the second with `sender_args`, and returns the
/// service, its log, and what the sender said.
///
/// # Panics
/// If a program fails.
pub fn replayed(
    folder: &Path,
    recording: &Recording,
    train_args: &[&str],
    sender_args: &[&str],
) -> (Api, LogFile, Finished) {
    let names = recording.features.join(",");
    let [train, stream] = [&recording.train, &recording.stream].map(|path| path.display().to_string());
    let mut args = vec!["--data", &train, "--label", "is_fault", "--timestamp", "timestamp"];
    if !names.is_empty() {
        args.extend(["--features", &names]);
    }
    let trained = run("train", folder, &[&args, train_args].concat(), &[]);
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);

    let api = Api::start(folder, &[]);
    let url = api.url("/predict");
    let args = ["--api-url", &url, "--replay", &stream, "--label", "is_fault", "--timestamp", "timestamp"];
    let args = [&args[..], &["--interval", "0", "--quiet"], sender_args].concat();
    let sender = run("sender", folder, &args, &[]);
    assert_eq!(sender.code, Some(0), "{}{}", sender.stdout, sender.stderr);
    let log = LogFile::read(&api.log());
    (api, log, sender)
}

/// Asserts that `evaluate`, given the model in `folder`, says of every row of the stream what the log says.
///
/// # Panics
/// If a row is missing, or differs by more than 1e-12 or in its alarm.
pub fn evaluate_agrees(folder: &Path, recording: &Recording, log: &LogFile) {
    let stream = recording.stream.display().to_string();
    let args = ["--data", &stream, "--label", "is_fault", "--timestamp", "timestamp", "--readings", "readings.csv"];
    let evaluated = run("evaluate", folder, &args, &[]);
    assert_eq!(evaluated.code, Some(0), "{}", evaluated.stderr);
    let mut csv = csv::Reader::from_path(folder.join("readings.csv")).expect("evaluate writes the readings");
    let rows: Vec<HashMap<String, String>> = csv.deserialize().collect::<Result<_, _>>().expect("rows under a header");
    assert_eq!(rows.len(), log.rows.len());
    for (said, logged) in rows.iter().zip(&log.rows) {
        assert_eq!((&said["timestamp"], said["in_alarm"] == "1"), (&logged.timestamp, logged.in_alarm));
        let figures = [
            ("anomaly_score", Some(logged.anomaly_score)),
            ("surprisal", logged.surprisal),
            ("smoothed_surprisal", logged.smoothed_surprisal),
        ];
        for (name, logged) in figures {
            let logged = logged.unwrap_or_else(|| panic!("the log has no {name} of {said:?}"));
            let said: f64 = said[name].parse().unwrap_or_else(|_| panic!("{name} of {said:?}"));
            assert!((said - logged).abs() <= 1e-12, "{name}: evaluate says {said}, the log says {logged}");
        }
    }
}

/// How the alarms of a log do against labels, row by row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlarmFigures {
    /// Of the smoothed surprisal.
    pub roc_auc: f64,
    /// Of the rows in alarm.
    pub f1: f64,
    /// Share of the rows labelled normal that are in alarm.
    pub normal_time: f64,
    /// Alarms that were raised at a row labelled normal.
    pub false_alarms: usize,
}

impl AlarmFigures {
    /// Those of a log with a label a row.
    ///
    /// # Panics
    /// If a row has no smoothed surprisal.
    pub fn of(log: &LogFile, labels: &[bool]) -> Self {
        assert_eq!(log.rows.len(), labels.len());
        let rows = || log.rows.iter().zip(labels);
        let count =
            |in_alarm, label| rows().filter(|(row, is)| row.in_alarm == in_alarm && **is == label).count() as f64;
        let (found, false_ones, missed) = (count(true, true), count(true, false), count(false, true));
        let scores: Vec<(f64, bool)> =
            rows().map(|(row, is)| (row.smoothed_surprisal.expect("the model is calibrated"), *is)).collect();
        let before = std::iter::once(false).chain(log.rows.iter().map(|row| row.in_alarm));
        let raised = rows().zip(before).filter(|((row, _), before)| row.in_alarm && !before);
        AlarmFigures {
            roc_auc: roc_auc(&scores),
            f1: 2.0 * found / (2.0 * found + false_ones + missed),
            normal_time: false_ones / (false_ones + count(false, false)),
            false_alarms: raised.filter(|((_, is), _)| !**is).count(),
        }
    }
}
