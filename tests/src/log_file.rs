//! A strict reader of the prediction log: any deviation from its format fails the test.

use std::collections::BTreeMap;
use std::path::Path;
use turbine_core::prediction::log_files;

/// One file of a prediction log.
#[derive(Debug)]
pub struct LogFile {
    /// The columns.
    pub header: Vec<String>,
    /// The rows, oldest first.
    pub rows: Vec<LogRow>,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// The time as written.
    pub timestamp: String,
    /// One value per feature.
    pub values: Vec<f64>,
    /// The verdict.
    pub is_anomaly: bool,
    /// The score.
    pub anomaly_score: f64,
    /// The turbine; empty if there is none.
    pub turbine_id: String,
    /// The model.
    pub model_version: String,
    /// In decades; `None` if the model is not calibrated.
    pub surprisal: Option<f64>,
    /// In decades; `None` if the model is not calibrated.
    pub smoothed_surprisal: Option<f64>,
    /// Whether the turbine's alarm was on after the reading.
    pub in_alarm: bool,
}

impl LogFile {
    /// Reads a log.
    ///
    /// # Panics
    /// If there is no file, its last line is torn, a line has another number of cells than the header, a time is not UTC, a
    /// verdict or an alarm is neither 0 nor 1, or a number is not finite.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.ends_with('\n'), "the last line is torn: {:?}", text.lines().last());
        let mut csv = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
        let header: Vec<String> = csv.headers().expect("a header").iter().map(str::to_owned).collect();
        let place = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no {name}"));
        let (verdict, score) = (place("is_anomaly"), place("anomaly_score"));
        let (turbine, version) = (place("turbine_id"), place("model_version"));
        let (surprisal, smoothed, alarm) = (place("surprisal"), place("smoothed_surprisal"), place("in_alarm"));
        assert_eq!((header[0].as_str(), score), ("timestamp", verdict + 1));
        let rows = csv.records().map(|record| {
            let record = record.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let number = |text: &str| {
                let number: f64 = text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number: {record:?}"));
                assert!(number.is_finite(), "{record:?}");
                number
            };
            let time: jiff::Timestamp = record[0].parse().unwrap_or_else(|error| panic!("{record:?}: {error}"));
            assert_eq!(time.to_string(), record[0], "the time is not UTC");
            assert!([verdict, alarm].iter().all(|&flag| matches!(&record[flag], "0" | "1")), "{record:?}");
            let decades = |text: &str| (!text.is_empty()).then(|| number(text));
            LogRow {
                timestamp: record[0].to_owned(),
                values: record.iter().skip(1).take(verdict - 1).map(number).collect(),
                is_anomaly: &record[verdict] == "1",
                anomaly_score: number(&record[score]),
                turbine_id: record[turbine].to_owned(),
                model_version: record[version].to_owned(),
                surprisal: decades(&record[surprisal]),
                smoothed_surprisal: decades(&record[smoothed]),
                in_alarm: &record[alarm] == "1",
            }
        });
        let rows = rows.collect();
        LogFile { header, rows }
    }

    /// The rows of the log at `path` and of its rotated parts, oldest first.
    ///
    /// # Panics
    /// As [`LogFile::read`].
    pub fn rows_of_set(path: &Path) -> Vec<LogRow> {
        let files = log_files(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        files.iter().flat_map(|file| LogFile::read(&file.path).rows).collect()
    }

    /// The number of rows by event time.
    pub fn times(&self) -> BTreeMap<&str, usize> {
        let mut times = BTreeMap::new();
        for row in &self.rows {
            *times.entry(row.timestamp.as_str()).or_default() += 1;
        }
        times
    }

    /// The number of anomalies.
    pub fn anomalies(&self) -> usize {
        self.rows.iter().filter(|row| row.is_anomaly).count()
    }
}
