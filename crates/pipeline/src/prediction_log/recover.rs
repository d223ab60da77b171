//! Taking up a file that an earlier service left: what a crash tore off its end is cut and kept aside, and a file of
//! other columns is set aside whole. Nothing is deleted.

use super::disk::Disk;
use super::fault::LogFault;
use super::header::{Header, MAX_LINE};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use turbine_core::prediction::LogName;

/// Opens the file at the log's path for appending, if there is one whose rows can be continued.
pub(super) fn take_up(name: &LogName, header: &Header, disk: &dyn Disk) -> Result<Option<File>, LogFault> {
    let path = name.path();
    let file = match OpenOptions::new().read(true).append(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogFault::io("open", path)(error)),
    };
    let metadata = file.metadata().map_err(LogFault::io("look at", path))?;
    if !metadata.is_file() {
        return Err(LogFault::NotAFile(path.to_owned()));
    }
    let first = first_line(&file).map_err(LogFault::io("read", path))?;
    if header.line().starts_with(&first) && !first.ends_with(b"\n") {
        // Empty, or its very header is torn: there is nothing to keep.
        return Ok(None);
    }
    if !first.ends_with(b"\n") || !header.matches(&first) {
        set_aside(name)?;
        return Ok(None);
    }
    let end = end_of_rows(&file, first.len() as u64, metadata.len(), header).map_err(LogFault::io("read", path))?;
    if end < metadata.len() {
        let torn = keep_tail(&file, end, path)?;
        disk.set_len(&file, end).map_err(LogFault::io("cut off the torn end of", path))?;
        tracing::warn!(
            "the last line of the prediction log {} was torn, by a crash or a full disk: its {} bytes are kept in {}",
            path.display(),
            metadata.len() - end,
            torn.display()
        );
    }
    Ok(Some(file))
}

fn first_line(file: &File) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(file).take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}

fn set_aside(name: &LogName) -> Result<(), LogFault> {
    let path = name.path();
    let aside = (1..).map(|n| name.beside(&format!("set-aside-{n}"))).find(|aside| !taken(aside));
    let aside = aside.unwrap_or_else(|| name.beside("set-aside"));
    std::fs::rename(path, &aside).map_err(LogFault::io("set aside", path))?;
    tracing::warn!(
        "the columns of {} are not those of this model's log: it was renamed to {}, and a new log is begun",
        path.display(),
        aside.display()
    );
    Ok(())
}

fn taken(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Copies what stands from `end` on to a file of its own, which it names.
fn keep_tail(mut file: &File, end: u64, path: &Path) -> Result<PathBuf, LogFault> {
    for n in 1_u64.. {
        let torn = path.with_extension(format!("{n}.torn"));
        match File::create_new(&torn) {
            Ok(mut aside) => {
                file.seek(SeekFrom::Start(end))
                    .and_then(|_| io::copy(&mut file, &mut aside))
                    .and_then(|_| aside.sync_all())
                    .map_err(LogFault::io("write", &torn))?;
                return Ok(torn);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(LogFault::io("create", &torn)(error)),
        }
    }
    unreachable!("there are more numbers than files")
}

/// Where the last whole row ends, or the header if there is none: searched from the end, in windows that overlap by
/// more than a line.
fn end_of_rows(mut file: &File, first_row: u64, len: u64, header: &Header) -> io::Result<u64> {
    let mut window = Vec::new();
    let mut high = len;
    loop {
        let low = high.saturating_sub(2 * MAX_LINE).max(first_row);
        window.clear();
        file.seek(SeekFrom::Start(low))?;
        file.take(high - low).read_to_end(&mut window)?;
        if let Some(end) = last_row(&window, low == first_row, header) {
            return Ok(low + end as u64);
        }
        if low == first_row {
            return Ok(first_row);
        }
        high = low + MAX_LINE;
    }
}

/// Where the last whole row of `window` ends. What stands before its first line end is a row only if the window
/// `starts_line`.
fn last_row(window: &[u8], starts_line: bool, header: &Header) -> Option<usize> {
    let mut line_end = window.iter().rposition(|byte| *byte == b'\n')?;
    loop {
        let before = window[..line_end].iter().rposition(|byte| *byte == b'\n');
        let start = match before {
            Some(before) => before + 1,
            None if starts_line => 0,
            None => return None,
        };
        if header.is_row(&window[start..line_end]) {
            return Some(line_end + 1);
        }
        line_end = before?;
    }
}
