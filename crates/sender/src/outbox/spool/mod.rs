//! Readings on disk until they are answered.

mod appender;

use super::prefix::Prefix;
use crate::error::SenderError;
use crate::source::{Outgoing, Position};
use appender::Appender;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The first line of every spool, so that no other file is taken for one.
const HEADER: &str = "{\"turbine_spool\":1}\n";

/// From this size on, in bytes, a file of which half is answered is written anew.
const COMPACT_FROM: u64 = 1 << 20;

/// A line of the file. Lines are only appended, so a crash can tear the last one and no other; see [`Appender`] for failed
/// writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry<R> {
    /// A reading that is to be sent.
    Reading(R),
    /// So many of the file's readings are answered, from its beginning.
    Answered(u64),
    /// The recording was read up to here.
    Position(#[serde(deserialize_with = "Position::of_this_version")] Option<Position>),
}

/// A file of readings in the order in which they are to be sent. A reading is written before it is sent for the first time,
/// with its turbine and its time, so that the service recognises one that is sent again.
///
/// What is written survives the death of the sender; a loss of power may cost the last seconds.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: Appender<File>,
    /// Stands behind the last reading that was taken.
    reader: BufReader<File>,
    /// Numbers of readings since the spool was opened: those that were appended, …
    appended: u64,
    /// … those that were taken to be sent, …
    taken: u64,
    /// … those that are answered, …
    answered: Prefix<()>,
    /// … and those that are no longer in the file.
    dropped: u64,
    position: Option<Position>,
    /// From this length on the file is written anew.
    compact_from: u64,
    /// Held as long as the spool is open.
    lock: File,
    lock_path: PathBuf,
}

impl Spool {
    /// Opens the spool at `path`, or makes it. A torn last line is cut off.
    ///
    /// # Errors
    /// [`SenderError::Spool`] if another sender uses it, if it is no spool, or if it cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, SenderError> {
        let fail = |problem: io::Error| SenderError::Spool { path: path.to_owned(), problem };
        let lock_path = sibling(path, "lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&lock_path).map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(fail(io::Error::other("another sender uses it"))),
            Err(TryLockError::Error(problem)) => return Err(fail(problem)),
        }
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(fail)?;
        let found = scan(&file).map_err(fail)?;
        file.set_len(found.whole).map_err(fail)?;
        let mut file = Appender::new(file, found.whole);
        if found.whole == 0 {
            file.append(HEADER.as_bytes()).map_err(fail)?;
        }
        let reader = reader_behind(path, found.answered).map_err(fail)?;
        let mut answered = Prefix::default();
        answered.add(0..found.answered, ());
        Ok(Spool {
            path: path.to_owned(),
            file,
            reader,
            appended: found.readings,
            taken: found.answered,
            answered,
            dropped: 0,
            position: found.position,
            compact_from: COMPACT_FROM,
            lock,
            lock_path,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Readings that are not answered.
    pub fn pending(&self) -> u64 {
        self.appended - self.answered.end()
    }

    /// Readings that are not taken.
    pub(super) fn waiting(&self) -> u64 {
        self.appended - self.taken
    }

    /// How far the recording was read.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Writes readings, with one write.
    pub(super) fn append(&mut self, readings: &[Outgoing]) -> io::Result<()> {
        let mut lines = Vec::new();
        for reading in readings {
            push(&mut lines, &Entry::Reading(reading))?;
        }
        self.file.append(&lines)?;
        self.appended += readings.len() as u64;
        // Only now: the next run must not go on behind readings that are not in the file.
        self.position = readings.iter().rev().find_map(|reading| reading.position).or(self.position);
        Ok(())
    }

    /// The next readings, up to so many, and the number of the first.
    pub(super) fn take(&mut self, max: usize) -> io::Result<(u64, Vec<Outgoing>)> {
        let first = self.taken;
        let mut readings = Vec::new();
        let mut line = String::new();
        while readings.len() < max && self.taken < self.appended {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::Error::other("it became shorter while it was read"));
            }
            if let Entry::Reading(reading) = serde_json::from_str(&line)? {
                readings.push(reading);
                self.taken += 1;
            }
        }
        Ok((first, readings))
    }

    /// Notes that the readings of these numbers are answered.
    pub(super) fn answered(&mut self, readings: Range<u64>) -> io::Result<()> {
        if self.answered.add(readings, ()).is_none() {
            return Ok(());
        }
        let mut line = Vec::new();
        push(&mut line, &Entry::<&Outgoing>::Answered(self.answered.end() - self.dropped))?;
        self.file.append(&line)?;
        let in_file = self.appended - self.dropped;
        if self.pending() <= in_file / 2 && self.file.len() >= self.compact_from {
            let new = sibling(&self.path, "new");
            self.compact_from = match self.compact(&new) {
                Ok(()) => COMPACT_FROM,
                Err(_) => {
                    // The file is as good as before, only longer. Another attempt may find room.
                    let _ = std::fs::remove_file(&new);
                    2 * self.file.len()
                }
            };
        }
        Ok(())
    }

    /// Removes the file, if all is answered: nothing is left to be gone on with.
    pub(super) fn remove(self) -> io::Result<()> {
        if self.pending() == 0 {
            std::fs::remove_file(&self.path)?;
            std::fs::remove_file(&self.lock_path)?;
        }
        drop(self.lock);
        Ok(())
    }

    /// Replaces the file by one without the readings that are answered, written at `new` first. On an error all is as before.
    fn compact(&mut self, new: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(new)?);
        out.write_all(HEADER.as_bytes())?;
        if self.position.is_some() {
            let mut line = Vec::new();
            push(&mut line, &Entry::<&Outgoing>::Position(self.position))?;
            out.write_all(&line)?;
        }
        let mut rest = reader_behind(&self.path, self.answered.end() - self.dropped)?;
        let mut line = String::new();
        while rest.read_line(&mut line)? > 0 {
            if is_reading(&line) {
                out.write_all(line.as_bytes())?;
            }
            line.clear();
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let file = OpenOptions::new().append(true).open(new)?;
        let len = file.metadata()?.len();
        let reader = reader_behind(new, self.taken - self.answered.end())?;
        // Last, so that what is appended never goes to the file that was replaced.
        std::fs::rename(new, &self.path)?;
        (self.file, self.reader) = (Appender::new(file, len), reader);
        self.dropped = self.answered.end();
        Ok(())
    }
}

/// What a file holds.
#[derive(Debug, Default)]
struct Found {
    readings: u64,
    answered: u64,
    position: Option<Position>,
    /// The length of its whole lines.
    whole: u64,
}

fn scan(file: &File) -> io::Result<Found> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let mut found = Found::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        if found.whole == 0 {
            if !HEADER.as_bytes().starts_with(&line) {
                return Err(io::Error::other("it is no spool; name another file"));
            }
        } else if line.ends_with(b"\n") {
            match serde_json::from_slice(&line) {
                Ok(Entry::Reading(Outgoing { position, .. })) => {
                    found.readings += 1;
                    found.position = position.or(found.position);
                }
                Ok(Entry::Answered(readings)) if readings <= found.readings => found.answered = readings,
                Ok(Entry::Position(position)) => found.position = position.or(found.position),
                Ok(_) | Err(_) => {
                    let at = found.whole;
                    return Err(io::Error::other(format!("it is damaged at byte {at}; move it away and start anew")));
                }
            }
        }
        if !line.ends_with(b"\n") {
            return Ok(found);
        }
        found.whole += line.len() as u64;
    }
}

/// A reader of the file at `path` behind its first `readings`.
fn reader_behind(path: &Path, readings: u64) -> io::Result<BufReader<File>> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut left = readings;
    while left > 0 {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            break;
        }
        left -= u64::from(is_reading(&line));
    }
    Ok(reader)
}

fn is_reading(line: &str) -> bool {
    line.starts_with("{\"reading\":")
}

fn push(lines: &mut Vec<u8>, entry: &Entry<&Outgoing>) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, entry)?;
    lines.push(b'\n');
    Ok(())
}

fn sibling(path: &Path, mark: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.{mark}"))
}

#[cfg(test)]
mod tests;
