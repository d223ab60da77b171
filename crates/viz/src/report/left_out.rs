//! Logs beside the one that is drawn: parts with other features, and logs that the service set aside.

use crate::chart::count;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use turbine_core::prediction::{ForeignFile, LogName, LogReader};

/// Names what is not drawn, a line for each kind, and the flag that draws it.
pub fn report(log: &Path, foreign: &[ForeignFile], out: &mut impl Write) -> io::Result<()> {
    if let Some(newest) = foreign.last() {
        let rows = count(foreign.iter().map(|file| file.rows).sum());
        let (path, more) = (newest.path.display(), and_more(foreign.len()));
        writeln!(out, "[viz] left out {rows} rows of other features, in {path}{more}; --log {path} draws them")?;
    }
    let aside = set_aside(log);
    if let Some(newest) = aside.last() {
        let (path, more) = (newest.display(), and_more(aside.len()));
        writeln!(out, "[viz] left out an earlier log with other columns, {path}{more}; --log {path} draws it")?;
    }
    Ok(())
}

fn and_more(files: usize) -> String {
    if files > 1 { format!(" and {} more", files - 1) } else { String::new() }
}

/// The logs that the service set aside because their columns are others, oldest first.
fn set_aside(log: &Path) -> Vec<PathBuf> {
    let name = LogName::new(log);
    let files = (1..).map(|n| name.beside(&format!("set-aside-{n}"))).take_while(|path| path.exists());
    files.filter(|path| LogReader::open(path).is_ok()).collect()
}
