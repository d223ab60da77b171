//! The rows of a CSV as readings.

use super::{Fleet, Outgoing, replayed};
use crate::error::SenderError;
use jiff::Timestamp;
use std::fs::File;
use std::path::{Path, PathBuf};
use turbine_core::dataset::{Columns, CsvRows, DatasetError, SkippedRows};
use turbine_core::feature::FeatureSet;

/// Recorded readings in the order of the file, assigned to the turbines of a fleet in turn.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    rows: CsvRows<File>,
    fleet: Fleet,
}

impl Replay {
    /// Opens the file and finds the columns of the features, of the label and of the time.
    ///
    /// # Errors
    /// [`SenderError::Open`], or [`SenderError::Replay`] if a column is missing.
    pub fn open(
        path: &Path,
        features: FeatureSet,
        label: Option<String>,
        timestamp: Option<String>,
        fleet: Fleet,
    ) -> Result<Self, SenderError> {
        let file = File::open(path).map_err(|problem| SenderError::Open { path: path.to_owned(), problem })?;
        let columns = Columns { features: Some(features.clone()), label, timestamp };
        let rows = CsvRows::new(file, &columns).map_err(|problem| replay_error(path, &features, problem))?;
        Ok(Replay { path: path.to_owned(), rows, fleet })
    }

    /// The features given to [`Replay::open`].
    pub fn features(&self) -> &FeatureSet {
        self.rows.features()
    }

    /// The rows skipped so far because of an empty or non-numeric cell.
    pub fn skipped(&self) -> &SkippedRows {
        self.rows.skipped()
    }

    /// The next usable row, with its own time or, without a time column, the time `due`; `None` at the end of the file.
    ///
    /// # Errors
    /// [`SenderError::Replay`] if the rest of the file cannot be read.
    pub fn next_row(&mut self, due: Timestamp) -> Option<Result<Outgoing, SenderError>> {
        let row = match self.rows.next()? {
            Ok(row) => row,
            Err(problem) => return Some(Err(replay_error(&self.path, self.rows.features(), problem))),
        };
        Some(Ok(replayed(self.rows.features(), &mut self.fleet, row, due)))
    }
}

fn replay_error(path: &Path, features: &FeatureSet, problem: DatasetError) -> SenderError {
    let features = features.names().collect::<Vec<_>>().join(", ");
    SenderError::Replay { path: path.to_owned(), features, problem }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Phase;
    use super::*;
    use std::num::NonZeroU64;

    fn replay(csv: &str, label: Option<&str>, timestamp: Option<&str>, turbines: u64) -> Result<Replay, SenderError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.csv");
        std::fs::write(&path, csv).unwrap();
        let features = FeatureSet::from_names(["b", "a"]).unwrap();
        let fleet = Fleet::new(NonZeroU64::new(turbines).unwrap());
        Replay::open(&path, features, label.map(str::to_owned), timestamp.map(str::to_owned), fleet)
    }

    #[test]
    fn rows_carry_the_models_features_and_unusable_ones_are_counted() {
        let csv = "time,a,x,b,fault\n\
                   2026-01-01T00:00:00Z,1,,2.5,0\n\
                   2026-01-01T00:10:00Z,,7,3,0\n\
                   2026-01-01T00:20:00Z,4,7,oops,0\n\
                   2026-01-01T00:30:00Z,5,7,6,1\n";
        let mut replay = replay(csv, Some("fault"), Some("time"), 2).unwrap();
        let due = Timestamp::UNIX_EPOCH;
        let sent: Vec<Outgoing> = std::iter::from_fn(|| replay.next_row(due)).map(Result::unwrap).collect();
        let json: Vec<&str> = sent.iter().map(|outgoing| outgoing.json.as_str()).collect();
        assert_eq!(
            json,
            [
                r#"{"b":2.5,"a":1.0,"timestamp":"2026-01-01T00:00:00Z","turbine_id":"WT-01"}"#,
                r#"{"b":6.0,"a":5.0,"timestamp":"2026-01-01T00:30:00Z","turbine_id":"WT-02"}"#,
            ]
        );
        assert_eq!(sent.iter().map(|outgoing| outgoing.is_anomaly).collect::<Vec<_>>(), [Some(false), Some(true)]);
        assert_eq!(
            sent.iter().map(|outgoing| outgoing.phase).collect::<Vec<_>>(),
            [Some(Phase::Normal), Some(Phase::Event)]
        );
        assert_eq!((sent[1].turbine, sent[1].time.to_string().as_str()), (1, "2026-01-01T00:30:00Z"));
        assert_eq!(replay.skipped().by_column().collect::<Vec<_>>(), [("a", 1), ("b", 1)]);
    }

    #[test]
    fn a_row_without_a_time_carries_the_time_it_is_due() {
        let due = "2026-02-01T00:00:00Z".parse().unwrap();
        let sent = replay("a,b\n1,2\n", None, None, 1).unwrap().next_row(due).unwrap().unwrap();
        let json = r#"{"b":2.0,"a":1.0,"timestamp":"2026-02-01T00:00:00Z","turbine_id":"WT-01"}"#;
        assert_eq!((sent.json.as_str(), sent.is_anomaly, sent.phase, sent.time), (json, None, None, due));
    }

    #[test]
    fn a_missing_column_is_named_with_the_existing_ones() {
        for (label, column) in [(None, "b"), (Some("fault"), "fault")] {
            let error = replay("a,c\n1,2\n", label, None, 1).unwrap_err().to_string();
            let expected = format!("there is no column {column:?}; the columns are a, c (the model's features: b, a)");
            assert!(error.ends_with(&expected), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let (features, fleet) = (FeatureSet::turbine(), Fleet::new(NonZeroU64::MIN));
        let error = Replay::open(Path::new("no/such.csv"), features, None, None, fleet).unwrap_err();
        assert!(error.to_string().starts_with("cannot open no/such.csv: "), "{error}");
    }
}
