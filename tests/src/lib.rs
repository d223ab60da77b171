//! Drives the real programs: builds them, runs them in folders of their own, talks to the service.

mod api;
mod browser;
mod delivery;
mod event_reader;
mod fixtures;
mod ledger;
mod load;
mod log_file;
mod nats_cluster;
mod picture;
mod programs;
mod raw;
mod receiver;
mod recording;
mod sent;
mod slow_disk;
mod turbines;

pub use api::{Answered, Api};
pub use browser::Browser;
pub use delivery::{Address, Delivered, Form, Stamped, deliver, duplicates};
pub use event_reader::{EventReader, StreamEvent};
pub use fixtures::{
    ANOMALY, MODEL_PATH, NORMAL, eventually, folder_with_model, model_file, not_run, raise_file_limit,
    train_other_features, train_worse_model,
};
pub use ledger::Ledger;
pub use load::{Refusal, Told, Verdict, load};
pub use log_file::{LogFile, LogRow};
pub use nats_cluster::NatsCluster;
pub use picture::Picture;
pub use programs::{Finished, clean_command, program, repository, run};
pub use raw::{Raw, post, post_large_batch};
pub use receiver::{Notification, Receiver, Reply};
pub use recording::{AlarmFigures, Recording, evaluate_agrees, replayed};
pub use sent::{Summary, roc_auc};
pub use slow_disk::SlowDisk;
pub use turbines::{TurbineState, assert_is_fold, assert_state_survives, turbines};
