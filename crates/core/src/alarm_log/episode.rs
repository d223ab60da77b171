//! What became of each alarm.

use super::id::AlarmId;
use super::row::{ActionKind, AlarmEvent};
use super::rows::{AlarmRows, Opened};
use crate::reading::TurbineId;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a file of alarms cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AlarmLogError {
    /// It cannot be read.
    #[error("cannot read the file of alarms {path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Its first line is another.
    #[error(
        "{0} is no file of alarms: its first line should begin with id,event,turbine_id,raised; name another file or move this one away"
    )]
    Foreign(PathBuf),
}

/// One alarm, as its rows in the file of alarms leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmEpisode {
    /// The turbine; `None` for readings that name none.
    pub turbine_id: Option<TurbineId>,
    /// The time of the reading that raised it; UTC.
    pub raised: Timestamp,
    /// The time of the reading that cleared it; UTC. `None` while it is running, and if the file does not say.
    pub cleared: Option<Timestamp>,
    /// Whether somebody marked it as a false alarm, and nobody took that back: the turbine was running normally.
    pub is_false: bool,
}

/// The alarms in the file at `path` (`alarms.csv` beside the prediction log), by turbine and time. A service that never
/// raised an alarm has no such file, so none are found if it does not exist.
///
/// # Errors
/// If it cannot be read, or is no file of alarms.
pub fn alarm_episodes(path: &Path) -> Result<Vec<AlarmEpisode>, AlarmLogError> {
    let io = |cause| AlarmLogError::Io { path: path.to_owned(), cause };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let rows = match AlarmRows::open(BufReader::new(file)).map_err(io)? {
        Opened::Rows(rows) => rows,
        Opened::Unfinished => return Ok(Vec::new()),
        Opened::Foreign => return Err(AlarmLogError::Foreign(path.to_owned())),
    };
    let mut episodes = BTreeMap::new();
    for row in rows {
        let row = row.map_err(io)?;
        let (cleared, is_false) = episodes.entry(row.id).or_insert((None, false));
        match row.event {
            AlarmEvent::Changed(state) => *cleared = state.cleared.or(*cleared),
            AlarmEvent::Handled(action) => match action.kind {
                ActionKind::MarkedFalse => *is_false = true,
                ActionKind::UnmarkedFalse => *is_false = false,
                _ => {}
            },
        }
    }
    let episode =
        |(AlarmId { turbine_id, raised }, (cleared, is_false))| AlarmEpisode { turbine_id, raised, cleared, is_false };
    Ok(episodes.into_iter().map(episode).collect())
}
