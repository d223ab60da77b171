#![allow(clippy::unwrap_used)]

use super::*;
use std::io::Write;
use std::num::NonZeroU64;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A file that grows, its follower, and what that says.
struct Growing {
    _folder: TempDir,
    path: PathBuf,
    follow: Follow,
    notes: UnboundedReceiver<String>,
}

impl Growing {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let features = FeatureSet::from_names(["a"]).unwrap();
        let request = Request { features: Some(features.clone()), finds_times: true, ..Request::default() };
        let fleet = Fleet::new(NonZeroU64::new(2).unwrap());
        let (note, notes) = unbounded_channel();
        let follow = Follow::new(&path, features, request, fleet, None, note);
        Growing { _folder: folder, path, follow, notes }
    }

    fn append(&self, text: &str) {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// The readings that have come.
    fn readings(&mut self) -> Result<Vec<Outgoing>, String> {
        let mut readings = Vec::new();
        while self.follow.is_ready() {
            let row = self.follow.next_row(Timestamp::UNIX_EPOCH).unwrap();
            readings.push(row.map_err(|error| error.to_string())?);
        }
        Ok(readings)
    }

    fn said(&mut self) -> String {
        std::iter::from_fn(|| self.notes.try_recv().ok()).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn rows_are_handed_on_once_while_the_form_is_not_settled_and_after() {
    let mut file = Growing::new();
    file.append("a,b\n");
    let mut sent = Vec::new();
    for i in 0..50 {
        // Every tenth row is unusable.
        file.append(&if i % 10 == 9 { "oops,1\n".to_owned() } else { format!("{i},1\n") });
        sent.extend(file.readings().unwrap());
    }
    let expected: Vec<f64> = (0..50).filter(|i| i % 10 != 9).map(f64::from).collect();
    assert_eq!(sent.iter().map(|sent| sent.values[0]).collect::<Vec<_>>(), expected);
    let positions: Vec<u64> = sent.iter().map(|sent| sent.position.unwrap().readings).collect();
    assert_eq!(positions, (1..=45).collect::<Vec<u64>>());
    let turbines: Vec<usize> = sent.iter().map(|sent| sent.turbine).collect();
    assert_eq!(turbines, (0..45).map(|i| i % 2).collect::<Vec<usize>>(), "in turn");
    assert_eq!(file.follow.skipped().by_column().collect::<Vec<_>>(), [("a", 5)]);
    assert_eq!(file.said().matches("read as").count(), 1, "the form is said once");
    // Another file of that name has a form of its own.
    std::fs::write(&file.path, "a;b\n7;oops\noops;8\n").unwrap();
    assert_eq!(file.readings().unwrap().iter().map(|sent| sent.values[0]).collect::<Vec<_>>(), [7.0]);
    assert_eq!(file.follow.skipped().by_column().collect::<Vec<_>>(), [("a", 6)]);
}

#[test]
fn times_that_the_first_rows_cannot_tell_wait_for_one_that_does() {
    let mut file = Growing::new();
    file.append("time,a\n01/02/2026 00:00,1\n");
    assert_eq!(file.readings(), Ok(vec![]));
    assert!(file.said().contains("waiting for more lines to tell its form by"));
    file.append("02/02/2026 00:00,2\n");
    assert_eq!((file.readings(), file.said()), (Ok(vec![]), String::new()));
    file.append("13/02/2026 00:00,3\n");
    let times: Vec<String> = file.readings().unwrap().iter().map(|sent| sent.time.to_string()).collect();
    assert_eq!(times, ["2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", "2026-02-13T00:00:00Z"]);
}

#[test]
fn a_head_of_words_is_passed_over_although_it_comes_line_by_line() {
    let mut file = Growing::new();
    let mut sent = Vec::new();
    for line in ["Export of plant 7\n", "WT 23\n", "\n", "a;b\n", "1,5;2\n", "2,5;3\n", "3,5;4\n"] {
        file.append(line);
        sent.extend(file.readings().unwrap());
    }
    assert_eq!(sent.iter().map(|sent| sent.values[0]).collect::<Vec<_>>(), [1.5, 2.5, 3.5]);
}

#[test]
fn a_file_that_stays_unreadable_is_an_error_once_its_form_is_settled() {
    let mut file = Growing::new();
    file.append("b,c\n");
    for i in 2..SETTLING_LINES {
        file.append("1,2\n");
        assert_eq!(file.readings(), Ok(vec![]), "{i} lines");
    }
    file.append("1,2\n");
    assert!(file.readings().unwrap_err().contains("there is no column \"a\""));
}

#[test]
fn a_file_that_is_replaced_before_it_could_be_read_is_named() {
    let mut file = Growing::new();
    file.append("b,c\n1,2\n");
    assert_eq!(file.readings(), Ok(vec![]));
    std::fs::write(&file.path, "a\n1\n").unwrap();
    assert_eq!(file.readings().unwrap().len(), 1);
    let said = file.said();
    assert!(said.contains("there is no column \"a\"") && said.contains("none of its lines was sent"), "{said}");
}
