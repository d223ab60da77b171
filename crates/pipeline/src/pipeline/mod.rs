//! The one way in: check → score → the turbine's state → log → count → tell.

mod drift;
mod follower;
mod handle;
mod health;
mod open;
mod park;
mod promotion;
mod reload;
mod shadow;
mod silence;
mod trial;
mod turbine;

pub use follower::{Changes, Follower, Overview, TurbineToday};
pub use handle::HandleError;
pub use health::Health;
pub use park::Mirror;
pub use reload::{ReloadError, Reloaded};
pub use shadow::{Models, TrialStatus};
pub(crate) use silence::Silences;
pub use trial::RollbackPolicy;
pub use turbine::{HistoryError, TurbineDetail};

use crate::alarms::{Alarm, AlarmFilter, AlarmsProblem, SharedHistory};
use crate::committer::{Arrivals, Committer, Judge, SharedFleet};
use crate::counters::Counters;
use crate::events::{Event, Events};
use crate::fleet::{Fleet, FleetConfig, TurbineStatus};
use crate::group_commit::{CommitError, GroupCommit, Weight};
use crate::history::Histories;
use crate::lifecycle::{LifecycleCounters, ModelFolder, ShadowSlot, Trial};
use crate::park::ParkError;
use crate::prediction_log::{LogConfig, LogFault, LogPolicy, LogTelemetry};
use crate::slot::ModelSlot;
use crate::submission::{Answered, Submission, Why};
use crate::watched::{Gathered, Watch, Watched};
use jiff::Timestamp;
use park::Park;
use prometheus::Registry;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use turbine_core::explain::Scene;
use turbine_core::model::Model;
use turbine_core::prediction::LogError;
use turbine_core::reading::{MissingValues, Reading, TurbineId};

/// How a pipeline works.
#[derive(Debug, Clone)]
pub struct PipelineConfig {
    /// The model file.
    pub model: PathBuf,
    /// The prediction log.
    pub log: LogConfig,
    /// What happens to predictions that cannot be logged.
    pub log_policy: LogPolicy,
    /// Bytes of rows that may wait to be written.
    pub max_queue_bytes: usize,
    /// How much is remembered of turbines.
    pub fleet: FleetConfig,
    /// What becomes of readings that lack values.
    pub missing_values: MissingValues,
    /// The longest time for a row to be written.
    pub time_limit: Duration,
    /// The file of a model that scores the same readings from the start on, for comparison.
    pub shadow: Option<PathBuf>,
    /// When a promoted model is taken back.
    pub rollback: Option<RollbackPolicy>,
}

/// Why a pipeline cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log or the file of alarms cannot be opened.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// The rows that are in it cannot be read.
    #[error(transparent)]
    Rows(#[from] LogError),
}

/// Why readings were not scored and logged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SubmitError {
    /// There is no model.
    #[error("model not loaded")]
    NoModel {
        /// The reason.
        reason: Arc<str>,
    },
    /// The readings are not in the log, and will not be.
    #[error("the prediction was not logged and is not given: {0}")]
    NotLogged(CommitError),
    /// The readings may be in the log, now or soon.
    #[error(
        "it is unknown whether the prediction was logged: {0}; sending the reading again is safe if it names its \
         turbine_id and timestamp"
    )]
    Unknown(CommitError),
    /// A model with other features went into service meanwhile. The readings are not in the log.
    #[error("a model with other features went into service meanwhile; check the reading against /model/info and retry")]
    OtherFeatures,
    /// The readings are scored by other programs, which returned an error or no answer.
    #[error(transparent)]
    Park(#[from] ParkError),
}

/// A handle; clones are the same pipeline.
#[derive(Clone)]
pub struct Pipeline(Arc<Shared>);

/// Locks are taken in this order: `reloading`, the writer of `commits`, `history`, `fleet`. Of the others no second one is
/// taken while one is held.
///
/// A commit holds the writer throughout, and `history` and `fleet` only while it judges readings and folds rows. Events,
/// rows for histories and watched turbines, and the shadow's rows are handed over without waiting for their consumers.
struct Shared {
    config: PipelineConfig,
    slot: ModelSlot,
    /// Made with the first model, whose features are the log's.
    commits: OnceLock<GroupCommit<Committer>>,
    /// `Some` if other programs score the readings; then nothing is committed here.
    park: Option<Park>,
    fleet: SharedFleet,
    history: SharedHistory,
    alarms_problem: AlarmsProblem,
    counters: Arc<Counters>,
    log_telemetry: LogTelemetry,
    events: Events,
    watched: Watched,
    histories: Histories,
    folder: ModelFolder,
    shadow: ShadowSlot,
    lifecycle: LifecycleCounters,
    standing: Mutex<Standing>,
    /// One model goes into service at a time.
    reloading: tokio::sync::Mutex<()>,
}

/// What goes on about the model in service.
#[derive(Clone, Default)]
struct Standing {
    /// The rule may still take the model back.
    trial: Option<Trial>,
    /// Why the last model was taken back, until another goes into service.
    taken_back: Option<Arc<str>>,
    /// Why there is no shadow although one is wanted.
    shadow_problem: Option<Arc<str>>,
}

impl Pipeline {
    /// A pipeline with that model, or without one for that reason. Opens the prediction log of the model's features and
    /// takes in what its rows say of the turbines.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the log cannot be opened or read.
    pub fn open(
        config: PipelineConfig,
        model: Result<Model, Arc<str>>,
        registry: &Registry,
    ) -> Result<Self, OpenError> {
        let shared = Shared::new(config, registry);
        match model {
            Ok(model) => {
                shared.open_log(&model)?;
                shared.put(model);
                shared.begin_configured_shadow();
            }
            Err(reason) => shared.slot.set_problem(Some(reason)),
        }
        let shared = Arc::new(shared);
        silence::watch(&shared);
        Ok(Pipeline(shared))
    }

    /// The model in service.
    ///
    /// # Errors
    /// [`SubmitError::NoModel`].
    pub fn model(&self) -> Result<Arc<Model>, SubmitError> {
        self.0.slot.model().ok_or_else(|| SubmitError::NoModel { reason: self.0.slot.problem().unwrap_or_default() })
    }

    /// What becomes of readings that lack values: how they are to be checked.
    pub fn missing_values(&self) -> MissingValues {
        self.0.config.missing_values
    }

    /// Scores readings that were checked against the features of `model`, for [`Pipeline::submit`]: the part that takes
    /// processor time.
    pub fn score(&self, model: Arc<Model>, readings: Vec<Reading>) -> Submission {
        Submission::score(model, readings)
    }

    /// Logs scored readings, all or none, and says of each what is in the log, in order. A reading that names its turbine
    /// and its time and was logged before is not logged again.
    ///
    /// It may be cancelled at any point; then the readings are logged whole or not at all.
    ///
    /// # Errors
    /// A [`SubmitError`], which says whether they may be in the log.
    pub async fn submit(&self, submission: Submission) -> Result<Vec<Answered>, SubmitError> {
        if submission.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(park) = &self.0.park {
            return Ok(park.submit(submission, self.0.config.time_limit).await?);
        }
        let Some(commits) = self.0.commits.get() else { return Err(SubmitError::OtherFeatures) };
        let spare = (self.0.config.log_policy == LogPolicy::BestEffort).then(|| Box::new(submission.clone()));
        let weight = weight(&submission);
        let receipt = match commits.queue(submission, weight) {
            Ok(queued) => queued.receipt(self.0.config.time_limit).await,
            Err(refusal) => Err(refusal),
        };
        match (receipt, spare) {
            (Ok(receipt), _) => receipt.ok_or(SubmitError::OtherFeatures),
            (Err(_), Some(submission)) => Ok(self.0.answer_unlogged(*submission)),
            (Err(error @ CommitError::Unknown(_)), None) => Err(SubmitError::Unknown(error)),
            (Err(error), None) => Err(SubmitError::NotLogged(error)),
        }
    }

    /// The same, with a separate result for each reading.
    pub async fn submit_each(&self, submission: Submission) -> Vec<Result<Answered, SubmitError>> {
        if let Some(park) = &self.0.park {
            let each = park.submit_each(submission, self.0.config.time_limit).await;
            return each.into_iter().map(|answered| answered.map_err(SubmitError::from)).collect();
        }
        let readings = submission.len();
        match self.submit(submission).await {
            Ok(answered) => answered.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); readings],
        }
    }

    /// Why an answered reading is as surprising as it is: its sensors by their share, largest first. `None` unless the
    /// submission asked for it, and if the model cannot say.
    pub fn explain(&self, model: &Model, answered: &Answered) -> Option<Vec<Why>> {
        let scene = Scene { values: &answered.record.values, smoothed: answered.smoothed.as_deref()? };
        Some(Why::all(model, &model.explain(scene)?))
    }

    /// The state of up to `limit` turbines whose names come after `after`, by name.
    pub fn turbines(&self, after: Option<&str>, limit: usize) -> Vec<TurbineStatus> {
        let Some(model) = self.0.slot.model() else { return Vec::new() };
        self.0.fleet.read().list(after, limit, &model, Timestamp::now())
    }

    /// Alarms, newest first: the running ones, and the last 10,000 past ones. Takes some microseconds for each running one,
    /// whose sensors are ranked as it is listed.
    pub fn alarms(&self, filter: &AlarmFilter) -> Vec<Arc<Alarm>> {
        let Some(model) = self.0.slot.model() else { return Vec::new() };
        let listed = {
            let history = self.0.history.read();
            let fleet = self.0.fleet.read();
            history.select(fleet.alarms(), filter)
        };
        listed.into_iter().map(|(alarm, handling)| alarm.explained(&model, handling)).collect()
    }

    /// Of the last 10,000 past alarms, those after the last one that is known, or all, in the order in which they were cleared.
    pub fn cleared_alarms(&self, is_known: impl Fn(&Alarm) -> bool) -> Vec<Arc<Alarm>> {
        self.0.history.read().after(is_known)
    }

    /// Events from now on.
    pub fn follow(&self) -> tokio::sync::broadcast::Receiver<Event> {
        self.0.events.follow()
    }

    /// Gathers the rows of a turbine, for [`Pipeline::take_watched`], until the handle is dropped; `None` stands for readings
    /// that name no turbine.
    pub fn watch(&self, turbine: Option<TurbineId>) -> Watch {
        self.0.watched.watch(turbine)
    }

    /// The rows of watched turbines that were logged since they were taken last.
    pub fn take_watched(&self) -> Vec<(Option<TurbineId>, Gathered)> {
        self.0.watched.take()
    }

    /// What was counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// The model slot.
    pub fn slot(&self) -> &ModelSlot {
        &self.0.slot
    }

    /// Refuses further readings, writes those that were accepted, saves the turbines' state, and closes the log.
    ///
    /// # Errors
    /// If readings that were answered before they were written could not be.
    pub async fn close(&self) -> Result<(), CommitError> {
        match self.0.commits.get() {
            Some(commits) => commits.close().await,
            None => Ok(()),
        }
    }
}

impl Shared {
    fn new(config: PipelineConfig, registry: &Registry) -> Self {
        Shared {
            slot: ModelSlot::new(config.model.clone()),
            commits: OnceLock::new(),
            park: None,
            fleet: SharedFleet::new(Fleet::new(config.fleet)),
            history: SharedHistory::default(),
            alarms_problem: AlarmsProblem::default(),
            counters: Arc::new(Counters::new(registry)),
            log_telemetry: LogTelemetry::new(registry),
            events: Events::default(),
            watched: Watched::default(),
            histories: Histories::default(),
            folder: ModelFolder::new(config.model.clone()),
            shadow: ShadowSlot::default(),
            lifecycle: LifecycleCounters::new(registry),
            standing: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
            config,
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What [`LogPolicy::BestEffort`] answers to readings that are not in the log; they leave no trace in the state.
    fn answer_unlogged(&self, submission: Submission) -> Vec<Answered> {
        self.counters.unlogged.inc_by(submission.len() as u64);
        let fleet = self.fleet.read();
        Judge::new(&fleet, Arrivals::begin()).all(submission).into_iter().map(|judged| judged.answered).collect()
    }
}

/// About how much the rows of a submission add to the queue.
fn weight(submission: &Submission) -> Weight {
    // A time, a score, a turbine and a version take about 100 bytes, a value about 20.
    let row = 100 + 20 * submission.model.features().len();
    Weight { rows: submission.len() as u64, bytes: row * submission.len() }
}
