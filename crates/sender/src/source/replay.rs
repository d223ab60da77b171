//! The rows of a CSV.

use super::{Fleet, Outgoing};
use crate::error::SenderError;
use std::fs::File;
use std::path::{Path, PathBuf};
use turbine_core::dataset::{Columns, CsvRow, CsvRows, DatasetError, SkippedRows};
use turbine_core::feature::FeatureSet;
use turbine_core::reading::RawReading;

/// Recorded readings in the order of the file, dealt out to a fleet one by one if there is one.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    rows: CsvRows<File>,
    fleet: Option<Fleet>,
}

impl Replay {
    /// Opens the file and finds the features, and what else is named, among its columns.
    ///
    /// # Errors
    /// [`SenderError::Open`], or [`SenderError::Replay`] that names the column which is missing.
    pub fn open(
        path: &Path,
        features: FeatureSet,
        label: Option<String>,
        timestamp: Option<String>,
        fleet: Option<Fleet>,
    ) -> Result<Self, SenderError> {
        let file = File::open(path).map_err(|problem| SenderError::Open { path: path.to_owned(), problem })?;
        let columns = Columns { features: Some(features.clone()), label, timestamp };
        let rows = CsvRows::new(file, &columns).map_err(|problem| fault(path, &features, problem))?;
        Ok(Replay { path: path.to_owned(), rows, fleet })
    }

    /// Those that were asked for.
    pub fn features(&self) -> &FeatureSet {
        self.rows.features()
    }

    /// The rows left out so far, for an empty or non-numeric cell.
    pub fn skipped(&self) -> &SkippedRows {
        self.rows.skipped()
    }
}

fn fault(path: &Path, features: &FeatureSet, problem: DatasetError) -> SenderError {
    let features = features.names().collect::<Vec<_>>().join(", ");
    SenderError::Replay { path: path.to_owned(), features, problem }
}

impl Iterator for Replay {
    type Item = Result<Outgoing, SenderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let CsvRow { values, label, timestamp } = match self.rows.next()? {
            Ok(row) => row,
            Err(problem) => return Some(Err(fault(&self.path, self.rows.features(), problem))),
        };
        let mut raw = RawReading::from_values(self.rows.features(), &values);
        if let Some(timestamp) = timestamp {
            raw = raw.at(timestamp);
        }
        if let Some(fleet) = &mut self.fleet {
            raw = raw.of_turbine(fleet.take_turn().1);
        }
        Some(Ok(Outgoing::new(&raw, values, label)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::num::NonZeroU64;

    fn replay(csv: &str, label: Option<&str>, timestamp: Option<&str>, turbines: u64) -> Result<Replay, SenderError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.csv");
        std::fs::write(&path, csv).unwrap();
        let features = FeatureSet::from_names(["b", "a"]).unwrap();
        let fleet = NonZeroU64::new(turbines).map(Fleet::new);
        Replay::open(&path, features, label.map(str::to_owned), timestamp.map(str::to_owned), fleet)
    }

    #[test]
    fn rows_are_sent_by_the_models_features_and_unusable_ones_are_counted() {
        let csv = "time,a,x,b,fault\n\
                   2026-01-01T00:00:00Z,1,,2.5,0\n\
                   2026-01-01T00:10:00Z,,7,3,0\n\
                   2026-01-01T00:20:00Z,4,7,oops,0\n\
                   2026-01-01T00:30:00Z,5,7,6,1\n";
        let mut replay = replay(csv, Some("fault"), Some("time"), 2).unwrap();
        let sent: Vec<Outgoing> = replay.by_ref().map(Result::unwrap).collect();
        let json: Vec<&str> = sent.iter().map(|outgoing| outgoing.json.as_str()).collect();
        assert_eq!(
            json,
            [
                r#"{"b":2.5,"a":1.0,"timestamp":"2026-01-01T00:00:00Z","turbine_id":"WT-01"}"#,
                r#"{"b":6.0,"a":5.0,"timestamp":"2026-01-01T00:30:00Z","turbine_id":"WT-02"}"#,
            ]
        );
        assert_eq!(sent.iter().map(|outgoing| outgoing.is_anomaly).collect::<Vec<_>>(), [Some(false), Some(true)]);
        assert_eq!(replay.skipped().by_column().collect::<Vec<_>>(), [("a", 1), ("b", 1)]);
    }

    #[test]
    fn without_label_and_time_only_the_features_are_sent() {
        let sent = replay("a,b\n1,2\n", None, None, 0).unwrap().next().unwrap().unwrap();
        assert_eq!((sent.json.as_str(), sent.is_anomaly), (r#"{"b":2.0,"a":1.0}"#, None));
    }

    #[test]
    fn a_missing_column_is_named_with_what_there_is() {
        for (label, column) in [(None, "b"), (Some("fault"), "fault")] {
            let error = replay("a,c\n1,2\n", label, None, 0).unwrap_err().to_string();
            let expected = format!("there is no column {column:?}; the columns are a, c (the model reads b, a)");
            assert!(error.ends_with(&expected), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let features = FeatureSet::turbine();
        let error = Replay::open(Path::new("no/such.csv"), features, None, None, None).unwrap_err();
        assert!(error.to_string().starts_with("cannot open no/such.csv: "), "{error}");
    }
}
