//! A file of alarms from before people's actions were kept gets the columns for them.

use crate::prediction_log::LogFault;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use turbine_core::alarm_log::{AlarmFormat, AlarmRows, Opened};
use turbine_core::atomic_file;

/// Adds the columns to each row up to the last whole one. The file is replaced as a whole, or left as it is; a file that
/// has the columns is not touched.
pub(super) fn upgrade(path: &Path) -> Result<(), LogFault> {
    upgraded(path)
        .and_then(|text| match text {
            Some(text) => atomic_file::write(path, &text),
            None => Ok(()),
        })
        .map_err(LogFault::io("upgrade", path))
}

fn upgraded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Opened::Rows(mut rows) = AlarmRows::open(BufReader::new(File::open(path)?))? else { return Ok(None) };
    let format = rows.format();
    if format == AlarmFormat::WithActions {
        return Ok(None);
    }
    rows.by_ref().try_for_each(|row| row.map(drop))?;
    let mut lines = BufReader::new(File::open(path)?.take(rows.whole())).split(b'\n');
    lines.next();
    let mut text = AlarmFormat::WithActions.header();
    for line in lines {
        text.extend_from_slice(&line?);
        text.extend_from_slice(format.missing_cells().as_bytes());
        text.push(b'\n');
    }
    Ok(Some(text))
}
