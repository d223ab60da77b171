//! Recorded rows as readings.

use super::{Fleet, Outgoing, Phase, encode};
use crate::error::SenderError;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use turbine_core::dataset::{DatasetError, Request, Row, Rows, SkippedRows, Table};
use turbine_core::feature::FeatureSet;
use turbine_core::reading::{RawReading, TurbineId};

/// The longest id of a turbine.
const MOST_ID_CHARS: usize = 64;

/// Recorded readings in the order of the file, of the turbines that a column names or, without one, of those of a fleet in
/// turn.
pub struct Replay {
    path: PathBuf,
    form: String,
    rows: Rows,
    turbines: Turbines,
}

/// Whose readings the rows are.
#[derive(Debug)]
enum Turbines {
    InTurn(Fleet),
    /// By the column; the ids so far.
    Named(Vec<TurbineId>),
}

impl Replay {
    /// Opens the file and finds the columns that the request names.
    ///
    /// # Errors
    /// [`SenderError::Replay`] if the file cannot be read or a column is missing.
    pub fn open(path: &Path, request: Request, fleet: Fleet) -> Result<Self, SenderError> {
        let features = request.features.clone();
        let turbines = match request.turbine {
            Some(_) => Turbines::Named(Vec::new()),
            None => Turbines::InTurn(fleet),
        };
        let open = || {
            let table = Table::open(intake::stream(path)?, request)?;
            Ok((intake::form(&table), table.rows()?.with_any_value()))
        };
        let opened: Result<(String, Rows), DatasetError> = open();
        let (form, rows) = opened.map_err(|problem| replay_error(path, features.as_ref(), problem))?;
        Ok(Replay { path: path.to_owned(), form, rows, turbines })
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

    /// The next usable row, with its own time or, without a time column, the time `due`; `None` at the end of the file.
    ///
    /// # Errors
    /// [`SenderError::Replay`] if the rest of the file cannot be read, [`SenderError::TurbineName`] if a turbine's name has
    /// no letter or digit.
    pub fn next_row(&mut self, due: Timestamp) -> Option<Result<Outgoing, SenderError>> {
        let Row { values, label, timestamp, turbine } = match self.rows.next()? {
            Ok(row) => row,
            Err(problem) => return Some(Err(replay_error(&self.path, Some(self.rows.features()), problem))),
        };
        let (turbine, turbine_id) = match (&mut self.turbines, turbine) {
            (Turbines::InTurn(fleet), _) => fleet.next_turbine(),
            (Turbines::Named(ids), turbine) => {
                let turbine = turbine.unwrap_or_default();
                if turbine == ids.len() {
                    match id(&self.rows.turbines()[turbine], ids) {
                        Some(Ok(id)) => ids.push(id),
                        Some(Err(other)) => {
                            let name = |index: usize| self.rows.turbines()[index].clone();
                            let problem =
                                DatasetError::TurbineTwice(name(other), name(turbine), ids[other].to_string());
                            return Some(Err(replay_error(&self.path, Some(self.rows.features()), problem)));
                        }
                        None => {
                            let name = self.rows.turbines()[turbine].clone();
                            return Some(Err(SenderError::TurbineName { path: self.path.clone(), name }));
                        }
                    }
                }
                (turbine, &ids[turbine])
            }
        };
        let time = timestamp.unwrap_or(due);
        let json = encode(&RawReading::from_values(self.rows.features(), &values).at(time).of_turbine(turbine_id));
        let phase = label.map(|is_fault| if is_fault { Phase::Event } else { Phase::Normal });
        Some(Ok(Outgoing { json, values, is_anomaly: label, phase, turbine, time }))
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("path", &self.path).field("form", &self.form).finish_non_exhaustive()
    }
}

/// The id of the turbine with this name: what an id cannot contain becomes a dash. `None` if nothing is left; the index of
/// the other turbine if it has the id already.
fn id(name: &str, ids: &[TurbineId]) -> Option<Result<TurbineId, usize>> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let text: String = name.chars().map(safe).take(MOST_ID_CHARS).collect();
    let id: TurbineId = text.trim_start_matches(['.', '_', '-']).parse().ok()?;
    Some(ids.iter().position(|other| *other == id).map_or(Ok(id), Err))
}

fn replay_error(path: &Path, features: Option<&FeatureSet>, problem: DatasetError) -> SenderError {
    let features = features.into_iter().flat_map(FeatureSet::names).collect::<Vec<_>>().join(", ");
    SenderError::Replay { path: path.to_owned(), features, problem: Box::new(problem) }
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
