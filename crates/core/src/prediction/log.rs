//! Reading a prediction log back, whatever features it holds and however its last line ended.

use super::{LEADING, LogFile, Prediction, PredictionRecord, TRAILING, VERDICT, Watch, log_files};
use crate::feature::{FeatureError, FeatureSet};
use crate::sensors::{Gaps, SensorSet};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Why a prediction log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no such file.
    #[error(
        "there is no prediction log at {0}: start the API (`cargo run -p api`) and send it readings (`cargo run -p sender`), or name another log"
    )]
    Missing(PathBuf),
    /// The file, or the folder of the set, cannot be read.
    #[error("cannot read the prediction log {path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The first line is not that of a prediction log.
    #[error(
        "{path} is no prediction log: {problem}; its first line should read timestamp,<features>,is_anomaly,anomaly_score"
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with the header.
        problem: String,
    },
}

/// A place between two rows of a log, which stays where it is when the log is rotated.
///
/// Positions compare in the order in which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogPosition {
    /// The sequence number of the file: that of a rotated part, or the one the current file will get.
    pub sequence: u64,
    /// Bytes from the beginning of the file.
    pub offset: u64,
}

/// The rows of one log, oldest file first, in the order in which they were written.
///
/// Rows that are torn or out of shape are skipped and counted. Whole files of the set whose features are not those of the
/// newest file are left out and named.
#[derive(Debug)]
pub struct LogReader {
    features: FeatureSet,
    files: std::vec::IntoIter<LogFile>,
    current: Option<OpenFile>,
    row: csv::StringRecord,
    /// Where in the first file to begin, if not with its first row.
    begin: Option<LogPosition>,
    skipped: u64,
    foreign: Vec<ForeignFile>,
}

/// A file of the set that holds other features than the newest one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFile {
    /// The file, which can be read as a log of its own.
    pub path: PathBuf,
    /// Its lines behind the header.
    pub rows: u64,
}

type Rows = csv::Reader<BufReader<File>>;

#[derive(Debug)]
struct OpenFile {
    file: LogFile,
    /// Bytes of the file before what `rows` reads.
    base: u64,
    rows: Rows,
}

impl LogReader {
    /// Opens the log that is written to `path`, with all its rotated parts.
    ///
    /// # Errors
    /// [`LogError::Missing`] if neither the file nor a part exists, [`LogError::Header`] if the newest is no prediction
    /// log, [`LogError::Io`] if it cannot be read.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        Self::open_at(path, None)
    }

    /// The same, without the rows before `begin`.
    ///
    /// # Errors
    /// As [`LogReader::open`].
    pub fn open_from(path: &Path, begin: LogPosition) -> Result<Self, LogError> {
        Self::open_at(path, Some(begin))
    }

    fn open_at(path: &Path, begin: Option<LogPosition>) -> Result<Self, LogError> {
        let io = |cause| LogError::Io { path: path.to_owned(), cause };
        let mut files = log_files(path).map_err(io)?;
        let newest = files.last().ok_or_else(|| LogError::Missing(path.to_owned()))?;
        let (features, ..) = open_file(&newest.path)?;
        files.retain(|file| begin.is_none_or(|begin| file.sequence >= begin.sequence));
        let (files, row) = (files.into_iter(), csv::StringRecord::new());
        Ok(LogReader { features, files, current: None, row, begin, skipped: 0, foreign: Vec::new() })
    }

    /// The features of the log, by name: a log knows neither units nor ranges.
    pub fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// How many lines were skipped so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The files with other features that were left out so far.
    pub fn foreign(&self) -> &[ForeignFile] {
        &self.foreign
    }

    /// Where the row that was returned last ends; `None` before the first one of a file.
    pub fn position(&self) -> Option<LogPosition> {
        let OpenFile { file, base, rows } = self.current.as_ref()?;
        Some(LogPosition { sequence: file.sequence, offset: base + rows.position().byte() })
    }

    fn open_next(&mut self, file: LogFile) -> Result<(), LogError> {
        let begin = self.begin.filter(|begin| begin.sequence == file.sequence);
        let io = |cause| LogError::Io { path: file.path.clone(), cause };
        let (features, header, mut text) = match open_file(&file.path) {
            Ok(opened) => opened,
            Err(LogError::Header { .. }) => {
                self.skipped += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let base = begin.map_or(header, |begin| begin.offset.max(header));
        if base > header {
            text.seek(SeekFrom::Start(base)).map_err(io)?;
        }
        // No cell of a row is ever quoted, so a stray quote must not swallow the rows behind it.
        let rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).quoting(false).from_reader(text);
        if features == self.features {
            self.current = Some(OpenFile { file, base, rows });
        } else {
            let rows = rows.into_records().count() as u64;
            self.foreign.push(ForeignFile { path: file.path, rows });
        }
        Ok(())
    }
}

impl Iterator for LogReader {
    type Item = Result<PredictionRecord, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(OpenFile { file, rows, .. }) = &mut self.current else {
                let file = self.files.next()?;
                if let Err(error) = self.open_next(file) {
                    return Some(Err(error));
                }
                continue;
            };
            match rows.read_record(&mut self.row) {
                Ok(false) => self.current = None,
                Err(error) if error.is_io_error() => {
                    let path = file.path.clone();
                    self.current = None;
                    return Some(Err(LogError::Io { path, cause: error.into() }));
                }
                Ok(true) => match PredictionRecord::parse(&self.row, &self.features) {
                    Some(record) => return Some(Ok(record)),
                    None => self.skipped += 1,
                },
                Err(_) => self.skipped += 1,
            }
        }
    }
}

/// The features of a file, how long its header is, and the file from its first row on.
fn open_file(path: &Path) -> Result<(FeatureSet, u64, BufReader<File>), LogError> {
    let io = |cause| LogError::Io { path: path.to_owned(), cause };
    let mut file = File::open(path).map_err(io)?;
    let (features, header) = log_header(path, &file)?;
    file.seek(SeekFrom::Start(header)).map_err(io)?;
    Ok((features, header, BufReader::new(file)))
}

/// The features of a file of a log, which was opened at `path` and is read from where it is, and how many bytes its header
/// has.
///
/// # Errors
/// [`LogError::Header`] if it is no prediction log, [`LogError::Io`] if it cannot be read.
pub fn log_header(path: &Path, file: &File) -> Result<(FeatureSet, u64), LogError> {
    let io = |cause| LogError::Io { path: path.to_owned(), cause };
    let mut header = Vec::new();
    // No header is longer than this, and a file that is no log need not be read whole to say so.
    BufReader::new(file.take(64 * 1024)).read_until(b'\n', &mut header).map_err(io)?;
    let features = features_of(&header).map_err(|problem| LogError::Header { path: path.to_owned(), problem })?;
    Ok((features, header.len() as u64))
}

fn features_of(line: &[u8]) -> Result<FeatureSet, String> {
    let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(line);
    let mut header = csv::StringRecord::new();
    if !csv.read_record(&mut header).map_err(|error| error.to_string())? {
        return Err("it is empty".to_owned());
    }
    let columns: Vec<&str> = header.iter().collect();
    let verdict = columns
        .windows(VERDICT.len())
        .position(|pair| pair == VERDICT)
        .ok_or("it has no columns is_anomaly,anomaly_score")?;
    if columns[0] != LEADING[0] {
        return Err(format!("its first column is {:?}", columns[0]));
    }
    FeatureSet::from_names(columns[1..verdict].iter().copied()).map_err(|error: FeatureError| error.to_string())
}

impl PredictionRecord {
    /// The record of a row of a log of these features, if the row is whole: a crash can tear the last line, a disk can
    /// damage any.
    pub fn parse(row: &csv::StringRecord, features: &FeatureSet) -> Option<Self> {
        let n_features = features.len();
        let finite = |cell: &str| cell.parse::<f64>().ok().filter(|value| value.is_finite());
        let least = LEADING.len() + n_features + VERDICT.len();
        // Logs end with the score, with the model, with the alarm, or with what was not measured.
        let whole = [least, least + 2, least + 5].contains(&row.len()) || row.len() >= least + TRAILING.len();
        if !whole {
            return None;
        }
        let timestamp = row[0].parse().ok()?;
        let values = row.iter().skip(1).take(n_features).map(finite).collect::<Option<_>>()?;
        let is_anomaly = match &row[n_features + 1] {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let anomaly_score = finite(&row[n_features + 2])?;
        let turbine_id = row.get(least).filter(|cell| !cell.is_empty()).map(str::parse).transpose().ok()?;
        let model_version = row.get(least + 1).unwrap_or_default().into();
        let decades = |place: usize| match row.get(least + place) {
            None | Some("") => Some(None),
            Some(cell) => finite(cell).map(Some),
        };
        let in_alarm = match row.get(least + 4) {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => return None,
        };
        let watch = Watch { surprisal: decades(2)?, smoothed_surprisal: decades(3)?, in_alarm };
        let sensors = |place: usize| SensorSet::parse(row.get(least + place).unwrap_or_default(), features);
        let gaps = Gaps { carried: sensors(5)?, missing: sensors(6)? };
        let prediction = Prediction { anomaly_score, is_anomaly };
        Some(PredictionRecord { timestamp, values, prediction, turbine_id, model_version, watch, gaps })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::write;

    const HEADER: &str = "timestamp,a,b,is_anomaly,anomaly_score,turbine_id,model_version\n";

    fn read(path: &Path) -> (Vec<PredictionRecord>, u64) {
        let mut reader = LogReader::open(path).unwrap();
        let records = reader.by_ref().collect::<Result<_, _>>().unwrap();
        (records, reader.skipped())
    }

    #[test]
    fn whole_rows_are_read_and_damaged_ones_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let rows = [
            "2026-01-01T00:00:00Z,1.5,2,0,0.4,T1,v1",
            "2026-01-01T00:00:01Z,1.5,2,1,0.7,,v1",
            "not a time,1.5,2,1,0.7,,v1",
            "2026-01-01T00:00:02Z,nan,2,1,0.7,,v1",
            "2026-01-01T00:00:03Z,1.5,2,2,0.7,,v1",
            "2026-01-01T00:00:04Z,1.5,2,1,0.7,T1",
            "2026-01-01T00:00:05Z,1.5,2,\"torn in the middle",
            "2026-01-01T00:00:06Z,1.5,2,0,0.5,,v1",
            "2026-01-01T00:00:07Z,1.",
        ];
        write(&path, HEADER.to_owned() + &rows.join("\n")).unwrap();
        let (records, skipped) = read(&path);
        assert_eq!((records.len(), skipped), (3, 6));
        assert_eq!(records[0].values, [1.5, 2.0]);
        assert_eq!(records[0].prediction, Prediction { anomaly_score: 0.4, is_anomaly: false });
        assert_eq!(records[0].turbine_id.as_ref().unwrap().as_str(), "T1");
        assert!(records[1].prediction.is_anomaly && records[1].turbine_id.is_none());
        assert_eq!(&*records[1].model_version, "v1");
    }

    #[test]
    fn a_log_of_the_original_has_no_trailing_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        write(&path, "timestamp,a,is_anomaly,anomaly_score\n2026-01-01T00:00:00Z,1,1,0.6\n").unwrap();
        let (records, skipped) = read(&path);
        assert_eq!((records.len(), skipped, &*records[0].model_version), (1, 0, ""));
    }

    #[test]
    fn the_parts_of_a_set_are_read_in_order_and_foreign_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let row = |minute: u8| format!("2026-01-01T00:0{minute}:00Z,1,2,0,0.4,,\n");
        write(folder.path().join("log.000001.csv"), HEADER.to_owned() + &row(1)).unwrap();
        write(folder.path().join("log.000002.csv"), "timestamp,x,is_anomaly,anomaly_score\nr\nr\n").unwrap();
        write(folder.path().join("log.000003.csv"), HEADER.to_owned() + &row(3)).unwrap();
        write(&path, HEADER.to_owned() + &row(4)).unwrap();
        let mut reader = LogReader::open(&path).unwrap();
        let records: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();
        let minutes: Vec<i64> = records.iter().map(|record| record.timestamp.as_second() / 60 % 60).collect();
        assert_eq!((minutes, reader.skipped()), (vec![1, 3, 4], 0));
        assert_eq!(reader.foreign(), [ForeignFile { path: folder.path().join("log.000002.csv"), rows: 2 }]);
    }

    #[test]
    fn what_is_no_log_is_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        assert!(LogReader::open(&path).unwrap_err().to_string().contains("cargo run -p sender"));
        for (text, expected) in [
            ("", "it is empty"),
            ("a,b\n1,2\n", "no columns is_anomaly,anomaly_score"),
            ("time,a,is_anomaly,anomaly_score\n", "its first column is \"time\""),
            ("timestamp,is_anomaly,anomaly_score\n", "0 features are given"),
        ] {
            write(&path, text).unwrap();
            let error = LogReader::open(&path).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("log.csv"), "{error}");
        }
    }
}
