//! Finding the last rows of a log without reading all of it.

use super::{LogPosition, log_files};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

const BLOCK: usize = 1 << 20;

/// Where the last `rows` lines of the log at `path` begin, rotated parts included; `None` if it has fewer.
///
/// # Errors
/// If the folder cannot be listed or a file cannot be read.
pub fn last_rows(path: &Path, rows: usize) -> io::Result<Option<LogPosition>> {
    let mut wanted = rows;
    for file in log_files(path)?.into_iter().rev() {
        let mut ends = LineEnds::of(File::open(&file.path)?)?;
        // The line end before the first wanted row is the header's or that of the row before it.
        let mut found = 0;
        while let Some(end) = ends.next_back()? {
            if found == wanted {
                return Ok(Some(LogPosition { sequence: file.sequence, offset: end + 1 }));
            }
            found += 1;
        }
        // One of the line ends was the header's.
        wanted -= found.saturating_sub(1);
    }
    Ok(None)
}

/// The places of a file's line ends, last one first.
struct LineEnds {
    file: File,
    block: Vec<u8>,
    /// Where `block`, of which the bytes from `unseen` on were seen, begins in the file.
    start: u64,
    unseen: usize,
}

impl LineEnds {
    fn of(file: File) -> io::Result<Self> {
        let start = file.metadata()?.len();
        Ok(LineEnds { file, block: Vec::new(), start, unseen: 0 })
    }

    fn next_back(&mut self) -> io::Result<Option<u64>> {
        loop {
            if let Some(place) = self.block[..self.unseen].iter().rposition(|byte| *byte == b'\n') {
                self.unseen = place;
                return Ok(Some(self.start + place as u64));
            }
            if self.start == 0 {
                return Ok(None);
            }
            let length = self.start.min(BLOCK as u64);
            self.start -= length;
            self.block.clear();
            self.file.seek(SeekFrom::Start(self.start))?;
            (&self.file).take(length).read_to_end(&mut self.block)?;
            self.unseen = self.block.len();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{LogReader, PredictionRecord};
    use super::*;

    #[test]
    fn the_last_rows_are_those_a_whole_reading_ends_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        // Rows of 1 to 20,000 over three files, so that a block ends within a file.
        let mut number = 0;
        for (name, rows) in [("log.000001.csv", 3), ("log.000002.csv", 40_000), ("log.csv", 2)] {
            let mut text = "timestamp,a,is_anomaly,anomaly_score,turbine_id,model_version\n".to_owned();
            for _ in 0..rows {
                number += 1;
                text += &format!("2026-01-01T00:00:00Z,{number},0,0.4,T1,v1\n");
            }
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let values = |records: LogReader| -> Vec<f64> {
            records.map(|record: Result<PredictionRecord, _>| record.unwrap().values[0]).collect()
        };
        let all = values(LogReader::open(&path).unwrap());
        assert_eq!(all.len(), 40_005);
        for rows in [0, 1, 2, 3, 30_000, 40_001, 40_002, 40_003, 40_005] {
            let begin = last_rows(&path, rows).unwrap().unwrap();
            assert_eq!(values(LogReader::open_from(&path, begin).unwrap()), all[all.len() - rows..], "{rows}");
        }
        assert_eq!(last_rows(&path, 40_006).unwrap(), None);
        assert_eq!(last_rows(&path, 50_000).unwrap(), None);
    }

    #[test]
    fn a_position_is_where_the_row_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let header = "timestamp,a,is_anomaly,anomaly_score,turbine_id,model_version\n";
        let rows = ["2026-01-01T00:00:00Z,1,0,0.4,T1,v1\n", "torn\n", "2026-01-01T00:00:00Z,2,0,0.4,T1,v1\n"];
        std::fs::write(&path, header.to_owned() + &rows.concat()).unwrap();
        let mut reader = LogReader::open(&path).unwrap();
        assert_eq!(reader.position(), None);
        reader.next().unwrap().unwrap();
        let offset = (header.len() + rows[0].len()) as u64;
        let first = LogPosition { sequence: 1, offset };
        assert_eq!(reader.position(), Some(first));
        // Rotated meanwhile, the position is the same.
        std::fs::rename(&path, folder.path().join("log.000001.csv")).unwrap();
        std::fs::write(&path, header).unwrap();
        let mut rest = LogReader::open_from(&path, first).unwrap();
        assert_eq!(rest.next().unwrap().unwrap().values, [2.0]);
        assert_eq!(
            rest.position(),
            Some(LogPosition { sequence: 1, offset: (header.len() + rows.concat().len()) as u64 })
        );
        assert!(rest.next().is_none());
    }
}
