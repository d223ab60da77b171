//! The models beside the one in service, and the shadow among them.

use super::reload::{ReloadError, finish};
use super::{Pipeline, Shared, Standing};
use crate::lifecycle::{Beginning, FolderStanding, ListedModel, Shadow, ShadowRole, ShadowStatus};
use crate::slot::refusal;
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use turbine_core::model::Model;

/// The models beside the one in service.
#[derive(Debug, Clone, PartialEq)]
pub struct Models {
    /// The folder of the model file.
    pub folder: PathBuf,
    /// The model in service.
    pub in_service: Option<Arc<str>>,
    /// The files in the folder, by name.
    pub models: Vec<ListedModel>,
    /// The model that scores the same readings.
    pub shadow: Option<ShadowStatus>,
    /// The promoted model that the rule may still take back.
    pub trial: Option<TrialStatus>,
    /// Why the rule took the last promoted model back, until another goes into service or a reload confirms it.
    pub taken_back: Option<Arc<str>>,
}

/// A promoted model that the rule may still take back.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialStatus {
    /// The promoted model.
    pub model_version: Arc<str>,
    /// The rule.
    pub rule: String,
    /// Until when it holds; UTC.
    pub until: Timestamp,
}

impl Pipeline {
    /// The models beside the one in service. Files that changed since the last time are read and proved, so it takes a while
    /// and should be called on a blocking thread.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn models(&self) -> io::Result<Models> {
        let shadow = self.0.shadow.get().map(|shadow| shadow.status());
        let standing = FolderStanding { in_service: self.0.slot.model(), shadow };
        let models = self.0.folder.list(&standing)?;
        let Standing { trial, taken_back, .. } = self.0.standing().clone();
        let trial = trial.zip(self.0.config.rollback);
        Ok(Models {
            folder: self.0.folder.path().to_owned(),
            in_service: standing.in_service.map(|model| Arc::clone(model.version())),
            models,
            shadow: standing.shadow,
            trial: trial.map(|(trial, policy)| TrialStatus {
                model_version: trial.version,
                rule: policy.rule.to_string(),
                until: trial.until,
            }),
            taken_back,
        })
    }

    /// Has a model of that file in the folder of the model file score the same readings as the one in service, from now on.
    /// It takes the place of the shadow before.
    ///
    /// Cancelling is safe: what was begun is finished.
    ///
    /// # Errors
    /// If the file cannot be used, its features are others, or a promoted model is still compared with the one before.
    pub async fn set_shadow(&self, file: &str) -> Result<ShadowStatus, ReloadError> {
        self.0.scores_itself()?;
        let path = self.0.folder.named(file).map_err(|problem| ReloadError::Name(problem.into()))?;
        let shared = Arc::clone(&self.0);
        finish(async move {
            let _one_at_a_time = shared.reloading.lock().await;
            shared.not_during_trial()?;
            shared.apart(move |shared| shared.begin_shadow(path)).await?
        })
        .await
    }

    /// Ends the shadow, and says which version it was; `None` if there was none.
    ///
    /// # Errors
    /// If a promoted model is still compared with the one before.
    pub async fn end_shadow(&self) -> Result<Option<Arc<str>>, ReloadError> {
        self.0.scores_itself()?;
        let _one_at_a_time = self.0.reloading.lock().await;
        self.0.not_during_trial()?;
        self.0.standing().shadow_problem = None;
        let ended = self.0.shadow.get().map(|shadow| Arc::clone(shadow.model().version()));
        self.0.shadow.put(None, &self.0.lifecycle);
        if let Some(version) = &ended {
            tracing::info!(model_version = %version, "ended the shadow");
        }
        Ok(ended)
    }
}

impl Shared {
    /// Begins the shadow of the configuration. A service without its shadow does everything else.
    pub(super) fn begin_configured_shadow(&self) {
        let Some(path) = self.config.shadow.clone() else { return };
        if let Err(error) = self.begin_shadow(path) {
            tracing::error!("no shadow: {error}");
            self.standing().shadow_problem = Some(format!("no shadow: {error}").into());
        }
    }

    fn begin_shadow(&self, path: PathBuf) -> Result<ShadowStatus, ReloadError> {
        let model = Model::load(&path).map_err(|error| ReloadError::Refused(refusal(&path, &error)))?;
        let served =
            self.slot.model().ok_or_else(|| ReloadError::Nothing("no model is in service to compare with".into()))?;
        check_shadow(&path, &model, &served)?;
        let beginning = Beginning {
            model: Arc::new(model),
            file: path,
            role: ShadowRole::Candidate,
            against: Arc::clone(served.version()),
            states: Vec::new(),
            max_turbines: self.config.fleet.max_turbines,
        };
        let status = self.set_shadow(beginning)?;
        tracing::info!(model_version = %status.model_version, "the shadow {} scores along", status.file.display());
        self.standing().shadow_problem = None;
        Ok(status)
    }

    pub(super) fn set_shadow(&self, beginning: Beginning) -> Result<ShadowStatus, ReloadError> {
        let begun = Shadow::begin(beginning, self.lifecycle.clone());
        let shadow =
            begun.map_err(|error| ReloadError::NotSaved(format!("no thread for the shadow: {error}").into()))?;
        let status = shadow.status();
        self.shadow.put(Some(shadow), &self.lifecycle);
        Ok(status)
    }

    fn not_during_trial(&self) -> Result<(), ReloadError> {
        match &self.standing().trial {
            None => Ok(()),
            Some(trial) => Err(ReloadError::Nothing(
                format!(
                    "the model before {} is the shadow until {}, as --rollback-if asks for; wait, promote or roll back",
                    trial.version, trial.until
                )
                .into(),
            )),
        }
    }
}

/// Refuses a shadow that could not be compared.
fn check_shadow(path: &Path, model: &Model, served: &Model) -> Result<(), ReloadError> {
    let path = path.display();
    if model.version() == served.version() {
        let problem = format!("the model {} of {path} is in service already; name another file", model.version());
        return Err(ReloadError::Nothing(problem.into()));
    }
    if !model.features().names().eq(served.features().names()) {
        let names = |model: &Model| model.features().names().collect::<Vec<_>>().join(", ");
        let problem = format!(
            "the model file {path} reads {}, the model in service {}: a shadow needs the same features in the same order; train it on those, or put it into service with /model/promote",
            names(model),
            names(served)
        );
        return Err(ReloadError::Refused(problem.into()));
    }
    Ok(())
}
