//! The rows of a growing file as readings.

mod kind;

use super::position::Position;
use super::recorded::Recorded;
use super::tail::{News, Tail};
use super::{Fleet, Outgoing};
use crate::error::SenderError;
use jiff::Timestamp;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use turbine_core::dataset::{DatasetError, Request, Row, Rows, SkippedRows, Source, Table};
use turbine_core::feature::FeatureSet;

/// How often it is looked whether the file has grown.
const POLL: Duration = Duration::from_millis(200);

/// Lines of a file, with which its form is settled. With fewer it is detected again with each further one: the first rows may
/// not tell day from month, or may be a head of words. As many as are looked at in a stream.
const SETTLING_LINES: usize = 20;

/// The readings of a file that grows, from its beginning and for ever. The form of each file is detected from its first
/// lines.
pub struct Follow {
    recorded: Recorded,
    request: Request,
    features: FeatureSet,
    tail: Tail,
    beginning: Beginning,
    /// The rows that have come and are not taken.
    rows: Option<Rows>,
    next: Option<Result<Row, SenderError>>,
    /// Readings taken from the present file.
    taken: u64,
    /// So many of `rows` were taken before the form was detected anew.
    again: u64,
    /// Readings of the present file that an earlier run has taken.
    known: u64,
    skipped: SkippedRows,
    notes: UnboundedSender<String>,
}

impl Follow {
    /// Whether the path can be followed: it names a file of plain text, or one that is not there yet.
    ///
    /// # Errors
    /// [`SenderError::NotFollowed`].
    pub fn check(path: &Path) -> Result<(), SenderError> {
        kind::unfit(path).map_or(Ok(()), |kind| Err(SenderError::NotFollowed { path: path.to_owned(), kind }))
    }

    /// Follows the file, from `position` on if that is found. What becomes of the file is said to `notes`.
    pub fn new(
        path: &Path,
        features: FeatureSet,
        request: Request,
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
            recorded: Recorded::new(path, &request, fleet),
            request,
            features,
            tail,
            beginning: Beginning::default(),
            rows: None,
            next: None,
            taken: 0,
            again: 0,
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
                Some(Ok(_)) if self.again > 0 => self.again -= 1,
                Some(Ok(row)) if self.known > 0 => {
                    self.known -= 1;
                    self.taken += 1;
                    let names = self.rows.as_ref().map_or(&[][..], Rows::turbines);
                    self.next = self.recorded.pass_over(&row, names).err().map(Err);
                }
                Some(row) => self.next = Some(row.map_err(|problem| self.recorded.error(problem))),
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
        let position = self.tail.position(self.taken)?;
        let names = self.rows.as_ref().map_or(&[][..], Rows::turbines);
        let reading = self.recorded.reading(&self.features, row, names, due);
        Some(reading.map(|reading| Outgoing { position: Some(position), ..reading }))
    }

    /// Takes in what has become of the file; false if nothing has.
    fn look(&mut self) -> Result<bool, SenderError> {
        let name = || self.recorded.path().display().to_string();
        let open = |problem| self.recorded.error(DatasetError::Open { name: name(), problem });
        let note = match self.tail.look().map_err(open)? {
            News::None => return Ok(false),
            News::Lines(lines) => {
                self.take_in(lines)?;
                return Ok(true);
            }
            News::Gone(note) => Some(note),
            News::Beginning(note) => {
                if let Beginning::Unsettled { problem: Some(problem), .. } = std::mem::take(&mut self.beginning) {
                    let _ = self.notes.send(format!("{problem}; none of its lines was sent"));
                }
                if let Some(before) = self.rows.take() {
                    self.skipped.merge(before.skipped());
                }
                (self.taken, self.again, self.known) = (0, 0, 0);
                note
            }
        };
        note.map(|note| self.notes.send(note));
        Ok(true)
    }

    fn take_in(&mut self, lines: Vec<u8>) -> Result<(), SenderError> {
        match std::mem::take(&mut self.beginning) {
            Beginning::Settled { header, request } => {
                let (_, rows) = self.read([header.as_slice(), &lines].concat(), &request)?;
                self.beginning = Beginning::Settled { header, request };
                self.again = 0;
                if let Some(before) = self.rows.replace(rows) {
                    self.skipped.merge(before.skipped());
                }
                Ok(())
            }
            Beginning::Unsettled { text, said, .. } => self.detect([text, lines].concat(), said),
        }
    }

    /// Detects the form of the file by all of its lines so far.
    fn detect(&mut self, text: Vec<u8>, said: String) -> Result<(), SenderError> {
        let lines = text.iter().filter(|&&byte| byte == b'\n').count();
        if lines < 2 {
            // Nothing can be said of the form of a header alone.
            self.beginning = Beginning::Unsettled { text, said, problem: None };
            return Ok(());
        }
        let (form, rows) = match self.read(text.clone(), &self.request) {
            Ok(read) => read,
            Err(error) if lines < SETTLING_LINES => {
                let problem = error.to_string();
                if said != problem {
                    let _ = self.notes.send(format!("{problem}; waiting for more lines to tell its form by"));
                }
                self.beginning = Beginning::Unsettled { text, said: problem.clone(), problem: Some(problem) };
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if said != form.words {
            let _ = self.notes.send(form.words.clone());
        }
        self.again = self.taken;
        // Those before were rows of the same lines: what they skipped is skipped again.
        self.rows = Some(rows);
        self.beginning = if lines < SETTLING_LINES {
            Beginning::Unsettled { text, said: form.words, problem: None }
        } else {
            let header = text.split_inclusive(|&byte| byte == b'\n').nth(form.head_lines).unwrap_or_default();
            Beginning::Settled { header: header.to_vec(), request: Box::new(form.settled) }
        };
        Ok(())
    }

    fn read(&self, text: Vec<u8>, request: &Request) -> Result<(Form, Rows), SenderError> {
        let name = self.recorded.path().display().to_string();
        let open = || {
            let table = Table::open(Source::bytes(name, text), request.clone())?;
            let form = Form { words: intake::form(&table), head_lines: table.head_lines(), settled: table.settled() };
            Ok((form, table.rows()?.with_any_value()))
        };
        let opened: Result<_, DatasetError> = open();
        opened.map_err(|problem| self.recorded.error(problem))
    }
}

/// What lines were detected as.
struct Form {
    /// In one line.
    words: String,
    /// Lines before the header.
    head_lines: usize,
    /// What is wanted, with what was detected.
    settled: Request,
}

/// What is known of the beginning of the present file.
enum Beginning {
    /// Its first lines, too few to settle its form.
    Unsettled {
        text: Vec<u8>,
        /// What was said of its form last.
        said: String,
        /// Why nothing is read of it so far, if so.
        problem: Option<String>,
    },
    Settled {
        /// The line with the names of the columns.
        header: Vec<u8>,
        /// What is wanted, with what was detected.
        request: Box<Request>,
    },
}

impl Default for Beginning {
    fn default() -> Self {
        Beginning::Unsettled { text: Vec::new(), said: String::new(), problem: None }
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow")
            .field("path", &self.recorded.path())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
