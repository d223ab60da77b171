//! The pipeline in front of a park whose readings other programs score.

mod mirror;
mod submit;

pub use mirror::Mirror;

use super::{Pipeline, PipelineConfig, ReloadError, Shared, silence};
use crate::alarms::History;
use crate::committer::SharedFleet;
use crate::fleet::Fleet;
use crate::park::{ParkError, ParkLog, Waiting};
use prometheus::Registry;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use turbine_core::model::Model;

/// The other programs' log, and the requests that wait for outcomes.
pub(super) struct Park {
    pub(super) log: Arc<dyn ParkLog>,
    waiting: Waiting,
    /// Reason why the state may be out of date.
    problem: Mutex<Option<Arc<str>>>,
    /// Whether the state is that of the log, for a model of its features. Before, readings are refused: an answer could be
    /// missed, and a feature that the model here does not have would be dropped.
    is_read: AtomicBool,
    /// Held while rows are applied and while the model is replaced, so that the rows and the model have the same
    /// features. Locked before the history and the fleet.
    folding: Mutex<()>,
}

impl Pipeline {
    /// Opens a pipeline whose readings other programs score and whose rows come from `log`, through the [`Mirror`]. It
    /// writes no files. Without a model it has no turbines, and reports the reason.
    ///
    /// Must be called within a tokio runtime.
    pub fn open_park(
        config: PipelineConfig,
        model: Result<Model, Arc<str>>,
        registry: &Registry,
        log: Arc<dyn ParkLog>,
    ) -> (Self, Mirror) {
        let park = Park {
            log,
            waiting: Waiting::default(),
            problem: Mutex::new(Some("not connected to the cluster yet".into())),
            is_read: AtomicBool::new(false),
            folding: Mutex::default(),
        };
        let fleet = empty_fleet(&config);
        let shared = Shared { park: Some(park), fleet: SharedFleet::new(fleet), ..Shared::new(config, registry) };
        match model {
            Ok(model) => shared.put(model),
            Err(reason) => shared.slot.set_problem(Some(reason)),
        }
        let shared = Arc::new(shared);
        silence::watch(&shared);
        let pipeline = Pipeline(shared);
        (pipeline.clone(), Mirror::new(pipeline))
    }

    /// Reason why the state of the turbines may be out of date; `None` if it is current.
    pub fn outdated(&self) -> Option<Arc<str>> {
        let park = self.0.park.as_ref()?;
        park.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Park {
    /// Puts a model into service. If its features differ, discards the state of all turbines.
    pub(super) fn install(&self, shared: &Shared, model: Model) {
        let _folding = self.folding();
        let served = shared.slot.model();
        if served.is_none_or(|served| !served.features().names().eq(model.features().names())) {
            *shared.history.write() = History::default();
            shared.histories.begin_anew();
            *shared.fleet.write() = empty_fleet(&shared.config);
            self.is_read.store(false, Relaxed);
        }
        shared.put(model);
    }

    /// Why no readings can be handed in; `None` if they can.
    fn refusal(&self) -> Option<ParkError> {
        if self.is_read.load(Relaxed) {
            return None;
        }
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reason = problem.as_deref().unwrap_or("the records of the cluster are being read");
        Some(ParkError::NotTaken(reason.to_owned()))
    }

    fn folding(&self) -> MutexGuard<'_, ()> {
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Refuses a change of the model if other programs score.
    pub(super) fn scores_itself(&self) -> Result<(), ReloadError> {
        if self.park.is_some() { Err(ReloadError::Elsewhere) } else { Ok(()) }
    }
}

/// A fleet without a limit on turbines, as the log has the state of every one.
fn empty_fleet(config: &PipelineConfig) -> Fleet {
    let fleet = Fleet::unbounded(config.fleet.drift_window);
    let before = Fleet::unbounded(1);
    fleet.with_confirmed_silence(&before)
}
