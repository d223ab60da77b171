//! From a reading to a logged prediction, whichever front end brought it: no transport in here.
//!
//! A front end takes [`Pipeline::model`], parses what arrived into readings checked against its features, has them scored
//! ([`Pipeline::score`]), submits them ([`Pipeline::submit`]) and answers. Everything behind that is the same for all:
//! repeated readings, the turbines' state, the log and its promise, the counters, the events.
//!
//! The log is the truth: what the service remembers of a turbine is a fold over its rows ([`fleet`]).

pub mod alarms;
pub mod counters;
pub mod decode;
pub mod drift;
pub mod events;
pub mod fleet;
pub mod group_commit;
pub mod history;
pub mod lifecycle;
pub mod park;
pub mod prediction_log;

pub mod late_timeout;

mod committer;
mod happening;
mod missing;
mod partition;
mod pipeline;
mod slot;
mod submission;
mod watched;

pub use happening::Happening;
pub use missing::Missing;
pub use partition::{Batch, BatchLog, Partition};
pub use pipeline::{
    Changes, Follower, HandleError, Health, HistoryError, Mirror, Models, OpenError, Overview, Pipeline,
    PipelineConfig, ReloadError, Reloaded, RollbackPolicy, SubmitError, TrialStatus, TurbineDetail, TurbineToday,
};
pub use prediction_log::{LogConfig, LogPolicy, LogSync};
pub use slot::ModelSlot;
pub use submission::{Answered, Submission, Why};
pub use watched::{Gathered, MAX_GATHERED, Watch};
