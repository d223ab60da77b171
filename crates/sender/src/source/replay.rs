//! Recorded rows as readings.

use super::recorded::Recorded;
use super::{Fleet, Outgoing, is_token};
use crate::error::SenderError;
use jiff::Timestamp;
use std::num::NonZeroU64;
use std::path::Path;
use turbine_core::dataset::{DatasetError, Request, Rows, SkippedRows, Table};
use turbine_core::feature::FeatureSet;

/// Recorded readings in the order of the file.
pub struct Replay {
    recorded: Recorded,
    form: String,
    rows: Rows,
}

impl Replay {
    /// Opens the file and finds the columns that the request names.
    ///
    /// # Errors
    /// [`SenderError::Replay`] if the file cannot be read or a column is missing.
    pub fn open(path: &Path, request: Request, fleet: Fleet) -> Result<Self, SenderError> {
        let recorded = Recorded::new(path, &request, fleet);
        let open = || {
            let table = Table::open(intake::stream(path)?, request)?;
            Ok((intake::form(&table), table.rows()?.with_any_value()))
        };
        let opened: Result<(String, Rows), DatasetError> = open();
        let (form, rows) = opened.map_err(|problem| recorded.error(problem))?;
        Ok(Replay { recorded, form, rows })
    }

    /// The columns of the file that may be features: those without another role in the request. For standard input,
    /// which can be read only once, the features that the request names.
    ///
    /// # Errors
    /// Those of [`Replay::open`].
    pub fn columns(path: &Path, request: Request) -> Result<FeatureSet, SenderError> {
        let asked_for = request.features.clone();
        if let (Some(features), true) = (&asked_for, path == Path::new("-")) {
            return Ok(features.clone());
        }
        let request = Request { features: None, ..request };
        let recorded = Recorded::new(path, &request, Fleet::new(NonZeroU64::MIN));
        let columns = || {
            let table = Table::open(intake::stream(path)?, request)?;
            let Request { label, turbine, exclude, .. } = table.request();
            let time = table.time().into_iter().flat_map(|time| [Some(&time.name), time.clock.as_ref()]).flatten();
            let others: Vec<&String> = label.iter().chain(turbine).chain(exclude).chain(time).collect();
            let names = table.names().iter().filter(|name| !others.contains(name));
            Ok(names.cloned().collect::<Vec<String>>())
        };
        let columns: Result<Vec<String>, DatasetError> = columns();
        let columns = columns.map_err(|problem| recorded.error(problem))?;
        FeatureSet::from_names(columns).map_err(|problem| recorded.error(DatasetError::Features(problem)))
    }

    /// What the file was detected as, in one line.
    pub fn form(&self) -> &str {
        &self.form
    }

    /// The features given to [`Replay::open`].
    pub fn features(&self) -> &FeatureSet {
        self.rows.features()
    }

    /// The rows skipped so far because of an empty or non-numeric cell.
    pub fn skipped(&self) -> &SkippedRows {
        self.rows.skipped()
    }

    /// Passes over so many usable rows without making readings of them; how many there were, fewer at the end of the file.
    ///
    /// # Errors
    /// Those of [`Replay::next_row`].
    pub fn pass_over(&mut self, rows: u64) -> Result<u64, SenderError> {
        for passed in 0..rows {
            let Some(row) = self.rows.next() else { return Ok(passed) };
            let row = row.map_err(|problem| self.recorded.error(problem))?;
            self.recorded.pass_over(&row, self.rows.turbines())?;
        }
        Ok(rows)
    }

    /// Reads the recording at `path` once and checks that each turbine of it can be sent to a cluster.
    ///
    /// # Errors
    /// [`SenderError::TurbineToken`], and those of [`Replay::pass_over`].
    pub fn check_turbines(path: &Path, request: Request, fleet: Fleet) -> Result<(), SenderError> {
        let mut rows = Replay::open(path, request, fleet)?;
        rows.pass_over(u64::MAX)?;
        match rows.recorded.ids().iter().find(|id| !is_token(id.as_str())) {
            Some(id) => Err(SenderError::TurbineToken { path: path.to_owned(), id: id.to_string() }),
            None => Ok(()),
        }
    }

    /// The next usable row, with its own time or, without a time column, the time `due`; `None` at the end of the file.
    ///
    /// # Errors
    /// [`SenderError::Replay`] if the rest of the file cannot be read, [`SenderError::TurbineName`] if a turbine's name has
    /// no letter or digit.
    pub fn next_row(&mut self, due: Timestamp) -> Option<Result<Outgoing, SenderError>> {
        let row = match self.rows.next()? {
            Ok(row) => row,
            Err(problem) => return Some(Err(self.recorded.error(problem))),
        };
        Some(self.recorded.reading(self.rows.features(), row, self.rows.turbines(), due))
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("path", &self.recorded.path()).field("form", &self.form).finish_non_exhaustive()
    }
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
        let request = Request { label: label.map(str::to_owned), timestamp: timestamp.map(str::to_owned), ..request() };
        Replay::open(&path, request, Fleet::new(NonZeroU64::new(turbines).unwrap()))
    }

    fn request() -> Request {
        Request { features: Some(FeatureSet::from_names(["b", "a"]).unwrap()), ..Request::default() }
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
        let fleet = Fleet::new(NonZeroU64::MIN);
        let error = Replay::open(Path::new("no/such.csv"), request(), fleet).unwrap_err().to_string();
        assert!(error.contains("no/such.csv: there is no such file; is the path right?"), "{error}");
    }

    #[test]
    fn rows_that_are_passed_over_count_as_if_they_had_been_sent() {
        let mut in_turn = replay("a,b\n1,0\noops,0\n2,0\n3,0\n", None, None, 2).unwrap();
        assert_eq!(in_turn.pass_over(1).unwrap(), 1);
        let next = in_turn.next_row(Timestamp::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!((next.values, next.turbine), (vec![0.0, 2.0], 1));
        assert_eq!((in_turn.pass_over(9).unwrap(), in_turn.skipped().total()), (1, 1));

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fleet.csv");
        std::fs::write(&path, "id,a,b\nWT 1,1,2\nWT 2,3,4\nWT-1,5,6\n").unwrap();
        let request = Request { turbine: Some("id".to_owned()), ..request() };
        let mut named = Replay::open(&path, request, Fleet::new(NonZeroU64::MIN)).unwrap();
        named.pass_over(1).unwrap();
        let mut next = || named.next_row(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(next().unwrap().turbine, 1);
        assert!(next().unwrap_err().to_string().contains("would have one id"));
    }

    #[test]
    fn a_column_names_the_turbines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fleet.csv");
        let replay = |rows: &str| {
            std::fs::write(&path, format!("id,a,b\n{rows}")).unwrap();
            let request = Request { turbine: Some("id".to_owned()), ..request() };
            let mut replay = Replay::open(&path, request, Fleet::new(NonZeroU64::MIN)).unwrap();
            let rows = std::iter::from_fn(|| replay.next_row(Timestamp::UNIX_EPOCH));
            rows.map(|row| row.map_err(|error| error.to_string())).collect::<Result<Vec<_>, _>>()
        };
        let sent = replay("WT 1,1,2\nWT 2,3,4\nWT 1,5,6\n").unwrap();
        assert_eq!(sent.iter().map(|outgoing| outgoing.turbine).collect::<Vec<_>>(), [0, 1, 0]);
        assert!(sent[1].json.ends_with(r#""turbine_id":"WT-2"}"#), "{}", sent[1].json);
        let error = replay("WT 1,1,2\nWT-1,3,4\n").unwrap_err();
        assert!(error.contains("\"WT 1\" and \"WT-1\" would have one id, \"WT-1\""), "{error}");
        let error = replay("---,1,2\n").unwrap_err();
        assert!(error.contains("\"---\" has no letter or digit"), "{error}");
    }
}
