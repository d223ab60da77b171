//! A model goes into service: the model file, read anew.

use super::{Pipeline, Shared};
use crate::events::Event;
use crate::fleet::Fleet;
use std::sync::Arc;
use std::time::Duration;
use turbine_core::model::Model;

/// Why a model did not go into service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// The file cannot be used.
    #[error("{0}")]
    Refused(Arc<str>),
    /// There is nothing to put into service, or it is not the time for it.
    #[error("{0}")]
    Nothing(Arc<str>),
    /// That is no name of a model file.
    #[error("{0}")]
    Name(Arc<str>),
    /// A file cannot be written.
    #[error("the model was not put into service: {0}")]
    NotSaved(Arc<str>),
    /// The readings are scored by other programs, with their model.
    #[error(
        "the readings of this park are scored by the workers of the cluster; put the model into service there, and give \
         this program the same file (--model)"
    )]
    Elsewhere,
    /// Its features are others, and no log can be begun for them.
    #[error("the model was not put into service: {0}")]
    Log(Arc<str>),
}

/// A model that was asked to go into service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// The version in service now.
    pub version: Arc<str>,
    /// The version before; `None` if there was none.
    pub previous: Option<Arc<str>>,
}

impl Reloaded {
    /// Whether another model is in service than before.
    pub fn changed(&self) -> bool {
        self.previous.as_ref() != Some(&self.version)
    }
}

impl Pipeline {
    /// Reads the model file and puts it into service, if it is not already. Requests in flight finish with the model they
    /// began with. A model with other features gets a new log, and turbines start afresh.
    ///
    /// Cancelling is safe: what was begun is finished.
    ///
    /// # Errors
    /// If the file cannot be used; the model before goes on.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let pipeline = self.clone();
        finish(async move {
            let reloaded = pipeline.reload_file().await?;
            // The request confirms that the model before the one taken back is to stay.
            pipeline.0.standing().taken_back = None;
            Ok(reloaded)
        })
        .await
    }

    async fn reload_file(&self) -> Result<Reloaded, ReloadError> {
        let _one_at_a_time = self.0.reloading.lock().await;
        let reloaded = self.try_reload().await;
        match &reloaded {
            Ok(reloaded) if reloaded.changed() => {
                self.0.counters.reloads.inc();
                tracing::info!(model_version = %reloaded.version, "put the model into service");
            }
            Ok(_) => {}
            Err(error) => {
                self.0.counters.refused_reloads.inc();
                let goes_on = self.0.slot.model().map(|model| format!("; the model {} goes on", model.version()));
                let problem = format!("{error}{}", goes_on.unwrap_or_default());
                tracing::error!("{problem}");
                self.0.slot.set_problem(Some(problem.into()));
            }
        }
        reloaded
    }

    async fn try_reload(&self) -> Result<Reloaded, ReloadError> {
        let model = self.0.apart(|shared| shared.slot.read()).await?.map_err(ReloadError::Refused)?;
        self.0.install(model).await
    }

    /// Looks every `period` whether the model file has changed, and puts it into service if so; never if it is zero.
    pub fn watch_model(&self, period: Duration) {
        if period.is_zero() {
            return;
        }
        let pipeline = self.clone();
        tokio::spawn(async move {
            let mut seen = pipeline.0.slot.stamp();
            let mut ticks = tokio::time::interval(period);
            loop {
                ticks.tick().await;
                let stamp = pipeline.0.slot.stamp();
                // A file that is away for a moment has not changed.
                if stamp.is_some() && stamp != seen {
                    seen = stamp;
                    // The outcome is logged, and told by the health.
                    let _ = pipeline.reload_file().await;
                }
            }
        });
    }
}

/// Runs the work to its end even if the caller is cancelled, so that no model is left half in service.
pub(super) async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, ReloadError>> + Send + 'static,
) -> Result<T, ReloadError> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(ReloadError::Refused(error.to_string().into())))
}

impl Shared {
    /// Does the work on a blocking thread.
    pub(super) async fn apart<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, ReloadError> {
        let shared = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.map_err(|error| ReloadError::Refused(error.to_string().into()))
    }

    /// Puts a model into service, if it is not already.
    pub(super) async fn install(self: &Arc<Self>, model: Model) -> Result<Reloaded, ReloadError> {
        let (version, previous) = (Arc::clone(model.version()), self.slot.model());
        let reloaded = Reloaded { version, previous: previous.as_ref().map(|model| Arc::clone(model.version())) };
        if !reloaded.changed() {
            self.slot.set_problem(None);
            return Ok(reloaded);
        }
        if let Some(park) = &self.park {
            park.install(self, model);
            return Ok(reloaded);
        }
        match (self.commits.get(), previous) {
            (Some(commits), Some(previous)) if !previous.features().names().eq(model.features().names()) => {
                let (features, fleet) = (model.features().clone(), Fleet::new(self.config.fleet));
                let begun = commits.exclusively(move |committer| committer.begin_anew(&features, fleet)).await;
                begun.map_err(|error| ReloadError::Log(error.to_string().into()))?;
            }
            (None, _) => {
                let begun = self.apart(move |shared| {
                    shared.open_log(&model).map_err(|error| ReloadError::Log(error.to_string().into()))?;
                    shared.put(model);
                    shared.begin_configured_shadow();
                    Ok(())
                });
                begun.await??;
                return Ok(reloaded);
            }
            _ => {}
        }
        self.put(model);
        Ok(reloaded)
    }

    pub(super) fn put(&self, model: Model) {
        let model = Arc::new(model);
        self.counters.set_model(&model);
        self.shadow.serve(&model, &self.lifecycle);
        let mut standing = self.standing();
        (standing.trial, standing.taken_back) = (None, None);
        drop(standing);
        self.slot.put(Arc::clone(&model));
        self.events.tell(Event::Model { version: Arc::clone(model.version()) });
    }
}
