//! The file of alarms, `alarms.csv` beside the prediction log: its rows, and how they are read back.
//!
//! A row says that an alarm was raised or cleared, which the prediction log implies, or what a person did with it, which
//! nothing else says.

mod episode;
mod id;
mod line;
mod row;
mod rows;

#[cfg(test)]
mod tests;

pub use episode::{AlarmEpisode, AlarmLogError, alarm_episodes};
pub use id::{AlarmId, AlarmIdError};
pub use line::{Line, LineError};
pub use row::{ActionKind, AlarmAction, AlarmEvent, AlarmFormat, AlarmRow, AlarmState, CommentText, PersonName};
pub use rows::{AlarmRows, Opened};
