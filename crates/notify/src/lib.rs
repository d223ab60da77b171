//! Tells people and programs of alarms, by webhooks and by Alertmanager.
//!
//! What is told follows from a comparison of the alarms in the pipeline with the account of what a receiver was told, which
//! is kept on disk. Events say when to compare and nothing more, so nothing is lost if one is missed, or by a restart or a
//! crash. Each receiver has its own account, task and messages.

mod account;
mod alertmanager;
mod courier;
mod link;
mod message;
mod note;
mod pace;
mod spool;
mod standing;
mod target;
mod text;
mod transport;
mod webhook;

#[cfg(test)]
mod samples;

pub use link::{Link, LinkError};
pub use target::{Form, Target, TargetError};

use account::{Account, Composition};
use courier::{Courier, Parts};
use jiff::{SignedDuration, Timestamp};
use pipeline::Pipeline;
use prometheus::Registry;
use sha2::{Digest, Sha256};
use spool::Spool;
use standing::{Counters, Standing};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use transport::Http;
use webhook::Sender;

/// The most alarms that a message to people says something of.
const NAMED_IN_CHAT: usize = 10;

/// The receivers, and how they are notified.
#[derive(Debug, Clone, Default)]
pub struct NotifyConfig {
    /// The receivers.
    pub targets: Vec<Target>,
    /// How often people are reminded of an alarm while it is running; `None` = never.
    pub every: Option<Duration>,
    /// Where the service's page is reached, if that is to be told.
    pub link: Option<Link>,
    /// The folder of the accounts.
    pub folder: PathBuf,
}

/// Why notifications cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Two receivers are the same.
    #[error("the receiver at {0} is named twice; name it once")]
    Twice(String),
    /// The account of a receiver cannot be read.
    #[error("cannot read {path}: {problem}; make it readable, or move it away to begin anew", path = .path.display())]
    Spool {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: std::io::Error,
    },
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The tasks that tell; clones are handles on the same.
#[derive(Clone, Default)]
pub struct Notifications(Arc<Tasks>);

#[derive(Default)]
struct Tasks {
    standings: Vec<Arc<Standing>>,
    tasks: Vec<AbortHandle>,
}

impl Notifications {
    /// Begins to tell of the alarms of a pipeline, with counters in `registry`; does nothing without a receiver.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A [`NotifyError`] if a receiver cannot be set up.
    pub fn start(config: NotifyConfig, pipeline: &Pipeline, registry: &Registry) -> Result<Self, NotifyError> {
        let NotifyConfig { targets, every, link, folder } = config;
        if targets.is_empty() {
            return Ok(Notifications::default());
        }
        let counters = Counters::new(registry);
        let source = Arc::new(pipeline.clone());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let sender = Arc::new(Sender { host, link });
        let (mut couriers, mut standings, mut spools) = (Vec::new(), Vec::new(), Vec::new());
        for target in targets {
            let spool = Spool::new(&folder, &target.key());
            if spools.contains(&spool.path().to_owned()) {
                return Err(NotifyError::Twice(target.host()));
            }
            spools.push(spool.path().to_owned());
            let account = spool.load();
            let account = account.map_err(|problem| NotifyError::Spool { path: spool.path().to_owned(), problem })?;
            let (form, key) = (target.form(), target.key());
            let standing = Arc::new(counters.standing(&target.host()));
            standings.push(Arc::clone(&standing));
            let (prefix, seed) = unique(&key);
            couriers.push(Courier::new(Parts {
                source: Arc::clone(&source),
                spool,
                account: account.unwrap_or_else(|| Account::new(prefix)),
                form,
                composition: composition(form, every),
                sender: Arc::clone(&sender),
                standing,
                transport: Http::new(target)?,
                seed,
            }));
        }
        for path in spool::of_others(&folder, &spools) {
            let path = path.display();
            tracing::info!("{path} is of a receiver that is no longer named: name it again, or delete the file");
        }
        let tasks = couriers.into_iter().map(|courier| tokio::spawn(courier.run()).abort_handle()).collect();
        Ok(Notifications(Arc::new(Tasks { standings, tasks })))
    }

    /// What is wrong and how to mend it.
    pub fn problems(&self) -> Vec<String> {
        self.0.standings.iter().flat_map(|standing| standing.problems()).collect()
    }

    /// Ends at once. What was not delivered is by the next start.
    pub fn stop(&self) {
        self.0.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn composition(form: Form, every: Option<Duration>) -> Composition {
    match form {
        Form::Webhook => {
            let every = every.and_then(|every| SignedDuration::try_from(every).ok());
            Composition { named: NAMED_IN_CHAT, splits: false, every }
        }
        // Alertmanager reminds people by its own `repeat_interval`.
        Form::Alertmanager => Composition { named: alertmanager::MAX_ALERTS, splits: true, every: None },
    }
}

/// What the ids of a new account's messages begin with, and a seed: another one with each start.
fn unique(key: &str) -> (String, u64) {
    let digest = Sha256::digest(format!("{key} {}", Timestamp::now().as_nanosecond()));
    let prefix = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    (prefix, digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte)))
}
