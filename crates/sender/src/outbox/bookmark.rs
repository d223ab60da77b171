//! Where a recording was sent up to, so that the next run goes on there.

use super::prefix::Prefix;
use crate::config::Config;
use crate::source::Position;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The length of the file, unless the URL is very long.
const LENGTH: usize = 512;

/// A small file beside the recording, `.NAME.HOST-PORT.resume`: the position behind the last reading up to which all are
/// answered by that service.
///
/// Rows that were in flight when the sender was killed are sent again; the service recognises them by their time if the
/// recording has a time column.
#[derive(Debug)]
pub struct Bookmark {
    path: PathBuf,
    api_url: String,
    answered: Prefix<Option<Position>>,
    file: Option<File>,
    is_broken: bool,
    reached: Option<Position>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    api_url: String,
    position: Position,
}

impl Bookmark {
    /// The bookmark of the replay, and the position in it if it is one of the same service. `None` for folders, patterns and
    /// standard input, which have no one position.
    pub fn open(config: &Config, replay: &Path) -> Option<(Self, Option<Position>)> {
        if !(config.follow || replay.is_file()) {
            return None;
        }
        let name = replay.file_name()?.to_string_lossy();
        let (host, port, api_url) = config.to.first(&config.api_url)?;
        let host: String = host.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let path = replay.with_file_name(format!(".{name}.{host}-{port}.resume"));
        // A file that cannot be read is one that says nothing.
        let content = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Content>(&text).ok());
        let position = content.filter(|content| content.api_url == api_url).map(|content| content.position);
        Some((
            Bookmark { path, api_url, answered: Prefix::default(), file: None, is_broken: false, reached: None },
            position,
        ))
    }

    /// Where another run goes on, if this one has come further than its beginning.
    pub(super) fn reached(&self) -> Option<Position> {
        self.reached
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that the readings of these numbers are answered; the last of them lies before `position`. A file that cannot be
    /// written is not tried again.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn answered(&mut self, readings: Range<u64>, position: Option<Position>) -> io::Result<()> {
        let Some(Some(position)) = self.answered.add(readings, position) else { return Ok(()) };
        if self.is_broken {
            return Ok(());
        }
        self.reached = Some(position);
        let written = self.write(position);
        if written.is_err() {
            (self.is_broken, self.reached) = (true, None);
        }
        written
    }

    /// Removes it: the recording is at its end.
    pub(super) fn remove(&self) {
        // It may never have been written.
        let _ = std::fs::remove_file(&self.path);
    }

    fn write(&mut self, position: Position) -> io::Result<()> {
        let mut text = serde_json::to_vec(&Content { api_url: self.api_url.clone(), position })?;
        // Always of one length, so that it is overwritten as a whole and never truncated first.
        text.resize(text.len().next_multiple_of(LENGTH), b' ');
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::options().write(true).create(true).truncate(false).open(&self.path)?),
        };
        file.rewind()?;
        file.write_all(&text)
    }
}
