//! Finds the rows of one turbine and time in a log of any length: remembers of each stretch of a file which times its rows
//! have, so that only stretches of the right time are read.

use super::frame::floor;
use jiff::Timestamp;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{LogError, LogFile, PredictionRecord, log_files, log_header};
use turbine_core::reading::TurbineId;

/// Bytes of a file that are remembered and read together.
const STRETCH: u64 = 256 << 10;

/// Bytes that tell a file from others of the same name: at least the time of the first row.
const MARK: u64 = 64;

/// How often the files are looked up again if the log is rotated meanwhile.
const ATTEMPTS: usize = 3;

/// What is remembered of a log's files, by their sequence numbers, which stay when a file is rotated.
#[derive(Debug, Default)]
pub(super) struct LogIndex {
    files: HashMap<u64, FileIndex>,
}

#[derive(Debug, Default)]
struct FileIndex {
    /// How the first row begins.
    mark: Vec<u8>,
    stretches: Vec<Stretch>,
}

/// Whole rows of a file.
#[derive(Debug, Clone)]
struct Stretch {
    bytes: Range<u64>,
    /// Their times, in seconds; empty if no row has one.
    seconds: Range<i64>,
}

/// Which rows are wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    /// `None` for those that name no turbine.
    pub(super) turbine: &'a Option<TurbineId>,
    /// In seconds since 1970.
    pub(super) seconds: Range<i64>,
}

impl LogIndex {
    /// Hands on the rows that are wanted of the log at `path`, whose newest file has these features, newest file first.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn scan(
        &mut self,
        path: &Path,
        features: &FeatureSet,
        wanted: &Wanted<'_>,
        mut each: impl FnMut(PredictionRecord),
    ) -> Result<(), LogError> {
        let list = || log_files(path).map_err(|cause| LogError::Io { path: path.to_owned(), cause });
        // Opened files stay what they are; a file that is rotated between listing and opening would be missed.
        let mut files = list()?;
        let mut opened = Vec::new();
        for _ in 0..ATTEMPTS {
            opened = open_all(&files);
            let now = list()?;
            if now == files {
                break;
            }
            files = now;
        }
        self.files.retain(|sequence, _| files.iter().any(|file| file.sequence == *sequence));
        for (file, open) in opened.into_iter().rev() {
            let io = |cause| LogError::Io { path: file.path.clone(), cause };
            let open = open.map_err(io)?;
            match log_header(&file.path, &open) {
                Ok((found, length)) if found.names().eq(features.names()) => {
                    let index = self.files.entry(file.sequence).or_default();
                    index.scan(open, length, features, wanted, &mut each).map_err(io)?;
                }
                // The log's reader passes over such files too.
                Ok(_) => {}
                Err(error) => tracing::debug!("{} is no part of the log: {error}", file.path.display()),
            }
        }
        Ok(())
    }
}

fn open_all(files: &[LogFile]) -> Vec<(LogFile, io::Result<File>)> {
    files.iter().map(|file| (file.clone(), File::open(&file.path))).collect()
}

impl FileIndex {
    fn scan(
        &mut self,
        mut file: File,
        header: u64,
        features: &FeatureSet,
        wanted: &Wanted<'_>,
        each: &mut impl FnMut(PredictionRecord),
    ) -> io::Result<()> {
        let length = file.metadata()?.len();
        let mark = read(&mut file, header..length.min(header + MARK))?;
        let end = self.stretches.last().map_or(header, |last| last.bytes.end);
        // A file grows at its end only; otherwise it is another one.
        if end > length || !mark.starts_with(&self.mark) {
            self.stretches.clear();
        }
        if mark.len() as u64 == MARK {
            self.mark = mark;
        }
        for stretch in &self.stretches {
            if overlap(&stretch.seconds, &wanted.seconds) {
                let text = read(&mut file, stretch.bytes.clone())?;
                wanted.hand_on(&text, &stretch.seconds, features, each);
            }
        }
        // Rows behind the stretches: those of a whole one are remembered.
        let mut begin = self.stretches.last().map_or(header, |last| last.bytes.end);
        while begin < length {
            let mut text = read(&mut file, begin..length.min(begin + STRETCH))?;
            let is_whole = text.len() as u64 == STRETCH;
            let Some(line_end) = text.iter().rposition(|byte| *byte == b'\n') else { break };
            text.truncate(line_end + 1);
            let bytes = begin..begin + text.len() as u64;
            begin = bytes.end;
            let seconds = seconds(&text);
            wanted.hand_on(&text, &seconds, features, each);
            if is_whole && !self.mark.is_empty() {
                self.stretches.push(Stretch { bytes, seconds });
            }
        }
        Ok(())
    }
}

fn overlap(a: &Range<i64>, b: &Range<i64>) -> bool {
    a.start < b.end && b.start < a.end
}

fn read(file: &mut File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(range.end.saturating_sub(range.start)).unwrap_or_default());
    file.seek(SeekFrom::Start(range.start))?;
    file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn rows(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

fn time(row: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(row.split(|byte| *byte == b',').next()?).ok()?.parse().ok()
}

/// From the first to the last second of any row.
fn seconds(text: &[u8]) -> Range<i64> {
    rows(text).filter_map(time).map(floor).fold(0..0, |range, second| {
        if range.is_empty() { second..second + 1 } else { range.start.min(second)..range.end.max(second + 1) }
    })
}

impl Wanted<'_> {
    /// Hands on the rows of a text that are wanted; all rows are of these seconds.
    fn hand_on(
        &self,
        text: &[u8],
        seconds: &Range<i64>,
        features: &FeatureSet,
        each: &mut impl FnMut(PredictionRecord),
    ) {
        if !overlap(seconds, &self.seconds) {
            return;
        }
        let all = seconds.start >= self.seconds.start && seconds.end <= self.seconds.end;
        let mine = rows(text).filter(|row| self.is_turbine(row, features));
        let records = mine.filter_map(|row| parse(row, features));
        records.filter(|record| all || self.seconds.contains(&floor(record.timestamp))).for_each(each);
    }

    /// Most rows are those of other turbines.
    fn is_turbine(&self, row: &[u8], features: &FeatureSet) -> bool {
        // Behind the time, the features, the verdict and the score.
        let turbine = row.split(|byte| *byte == b',').nth(features.len() + 3).unwrap_or_default();
        turbine == self.turbine.as_ref().map_or("", TurbineId::as_str).as_bytes()
    }
}

/// The record of a row, if it is whole.
fn parse(row: &[u8], features: &FeatureSet) -> Option<PredictionRecord> {
    let row = std::str::from_utf8(row).ok()?;
    let cells: Vec<&str> = row.trim_end_matches('\r').split(',').collect();
    PredictionRecord::parse(&cells.into(), features)
}
