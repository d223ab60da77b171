//! The rows of a growing file as readings.

use super::position::Position;
use super::tail::{News, Tail};
use super::{Fleet, Outgoing, replayed};
use crate::error::SenderError;
use jiff::Timestamp;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use turbine_core::dataset::{Columns, CsvRow, CsvRows, DatasetError, SkippedRows};
use turbine_core::feature::FeatureSet;

/// How often it is looked whether the file has grown.
const POLL: Duration = Duration::from_millis(200);

/// The readings of a file that grows, from its beginning and for ever. The first line of each file is its header.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    columns: Columns,
    features: FeatureSet,
    fleet: Fleet,
    tail: Tail,
    header: Vec<u8>,
    /// The rows that have come and are not taken.
    rows: Option<CsvRows<Cursor<Vec<u8>>>>,
    next: Option<Result<CsvRow, SenderError>>,
    /// Readings taken from the present file.
    taken: u64,
    /// Readings of the present file that an earlier run has taken.
    known: u64,
    skipped: SkippedRows,
    notes: UnboundedSender<String>,
}

impl Follow {
    /// Follows the file, from `position` on if that is found. What becomes of the file is said to `notes`.
    pub fn new(
        path: &Path,
        features: FeatureSet,
        label: Option<String>,
        timestamp: Option<String>,
        fleet: Fleet,
        position: Option<Position>,
        notes: UnboundedSender<String>,
    ) -> Self {
        let (tail, is_found) = Tail::new(path, position);
        if position.is_some() && !is_found {
            // Fails once the receiver is gone; notes are informational.
            let _ = notes.send(format!("{} is another file by now; reading it from its beginning", path.display()));
        }
        Follow {
            path: path.to_owned(),
            columns: Columns { features: Some(features.clone()), label, timestamp },
            features,
            fleet,
            tail,
            header: Vec::new(),
            rows: None,
            next: None,
            taken: 0,
            known: position.filter(|_| is_found).map_or(0, |position| position.readings),
            skipped: SkippedRows::default(),
            notes,
        }
    }

    /// The features given to [`Follow::new`].
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// The rows skipped so far because of an empty or non-numeric cell.
    pub fn skipped(&self) -> SkippedRows {
        let mut skipped = self.skipped.clone();
        if let Some(rows) = &self.rows {
            skipped.merge(rows.skipped());
        }
        skipped
    }

    /// Whether it goes on where an earlier run was.
    pub fn is_resumed(&self) -> bool {
        self.known > 0
    }

    /// Waits a moment before it is worth while to look again.
    pub async fn wait(&self) {
        tokio::time::sleep(POLL).await;
    }

    /// Whether there is a row to be taken, looking at the file if none is left.
    pub fn is_ready(&mut self) -> bool {
        while self.next.is_none() {
            match self.rows.as_mut().and_then(Iterator::next) {
                Some(Ok(_)) if self.known > 0 => {
                    self.known -= 1;
                    self.taken += 1;
                    self.fleet.next_turbine();
                }
                Some(row) => self.next = Some(row.map_err(|problem| self.replay_error(problem))),
                None => match self.look() {
                    Ok(true) => {}
                    Ok(false) => return false,
                    Err(error) => self.next = Some(Err(error)),
                },
            }
        }
        true
    }

    /// The next row, with its own time or, without a time column, the time `due`; `None` if there is none yet.
    ///
    /// # Errors
    /// If the file cannot be read or is not a table with the features' columns.
    pub fn next_row(&mut self, due: Timestamp) -> Option<Result<Outgoing, SenderError>> {
        let row = match self.next.take()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        self.taken += 1;
        let (file, bytes) = self.tail.place()?;
        let position = Position { file, readings: self.taken, bytes };
        Some(Ok(Outgoing { position: Some(position), ..replayed(&self.features, &mut self.fleet, row, due) }))
    }

    /// Takes in what has become of the file; false if nothing has.
    fn look(&mut self) -> Result<bool, SenderError> {
        let open = |problem| SenderError::Open { path: self.path.clone(), problem };
        let note = match self.tail.look().map_err(open)? {
            News::None => return Ok(false),
            News::Lines(lines) => {
                self.take_in(lines)?;
                return Ok(true);
            }
            News::Gone(note) => Some(note),
            News::Beginning(note) => {
                self.header.clear();
                self.taken = 0;
                self.known = 0;
                note
            }
        };
        note.map(|note| self.notes.send(note));
        Ok(true)
    }

    fn take_in(&mut self, mut lines: Vec<u8>) -> Result<(), SenderError> {
        if self.header.is_empty() {
            let end = lines.iter().position(|&byte| byte == b'\n').map_or(lines.len(), |end| end + 1);
            self.header.extend_from_slice(&lines[..end]);
        } else {
            lines.splice(0..0, self.header.iter().copied());
        }
        let rows = CsvRows::new(Cursor::new(lines), &self.columns).map_err(|problem| self.replay_error(problem))?;
        if let Some(before) = self.rows.replace(rows) {
            self.skipped.merge(before.skipped());
        }
        Ok(())
    }

    fn replay_error(&self, problem: DatasetError) -> SenderError {
        let features = self.features.names().collect::<Vec<_>>().join(", ");
        SenderError::Replay { path: self.path.clone(), features, problem }
    }
}
