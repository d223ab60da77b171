//! Drives the real programs: finds them built, runs them in folders of their own, talks to the service.

mod api;
mod fixtures;
mod ledger;
mod load;
mod log_file;
mod picture;
mod programs;
mod raw;
mod sent;

pub use api::{Answered, Api};
pub use fixtures::{ANOMALY, NORMAL, eventually, folder_with_model, not_run, raise_file_limit};
pub use ledger::Ledger;
pub use load::{Refusal, Told, Verdict, load};
pub use log_file::{LogFile, LogRow};
pub use picture::Picture;
pub use programs::{Finished, clean_command, program, repository, run};
pub use raw::{Raw, post, post_large_batch};
pub use sent::{Summary, roc_auc};
