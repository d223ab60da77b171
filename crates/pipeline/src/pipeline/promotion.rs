//! Promotion and rollback: a file of the folder becomes the model file and goes into service.
//!
//! Files are replaced whole and in such an order that at every moment the model file is a whole model: first what would be
//! lost is kept beside it, then the model file is replaced, then the model goes into service. A process that dies in
//! between starts with the model before or with the new one.

use super::reload::{ReloadError, Reloaded, finish};
use super::{Pipeline, Shared};
use crate::lifecycle::ShadowRole;
use crate::slot::refusal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use turbine_core::atomic_file;
use turbine_core::model::{Model, ModelError};

/// A model and the text of its file.
struct Candidate {
    model: Model,
    bytes: Vec<u8>,
}

impl Candidate {
    fn read(path: &Path) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ModelError::Missing,
            _ => ModelError::Io(error),
        })?;
        let model = Model::from_bytes(&bytes)?;
        Ok(Candidate { model, bytes })
    }
}

impl Pipeline {
    /// Makes a file in the folder of the model file, or the shadow, the model in service and the one that a start loads. The
    /// one before is kept, so that it can be rolled back to.
    ///
    /// Cancelling is safe: what was begun is finished.
    ///
    /// # Errors
    /// If there is nothing to promote, the file cannot be used, or a file cannot be written; the model before goes on.
    pub async fn promote(&self, file: Option<String>) -> Result<Reloaded, ReloadError> {
        self.0.scores_itself()?;
        let pipeline = self.clone();
        finish(async move {
            let _one_at_a_time = pipeline.0.reloading.lock().await;
            let promoted = pipeline.0.promote(file.as_deref()).await;
            pipeline.0.report("promoted", &promoted);
            if let Ok(reloaded) = &promoted
                && reloaded.changed()
            {
                pipeline.0.lifecycle.promotions.inc();
            }
            promoted
        })
        .await
    }

    /// Makes the model before the last promotion the model in service and the one that a start loads. The one that was in
    /// service is kept beside it.
    ///
    /// Cancelling is safe: what was begun is finished.
    ///
    /// # Errors
    /// If there is nothing to go back to, it cannot be used, or a file cannot be written; the model in service goes on.
    pub async fn roll_back(&self) -> Result<Reloaded, ReloadError> {
        self.0.scores_itself()?;
        let pipeline = self.clone();
        finish(async move {
            let _one_at_a_time = pipeline.0.reloading.lock().await;
            let restored = pipeline.0.restore_previous().await;
            pipeline.0.report("rolled back to", &restored);
            if restored.is_ok() {
                pipeline.0.lifecycle.requested_rollbacks.inc();
            }
            restored
        })
        .await
    }
}

impl Shared {
    async fn promote(self: &Arc<Self>, file: Option<&str>) -> Result<Reloaded, ReloadError> {
        let (path, version) = self.candidate(file)?;
        if path == self.folder.previous() {
            return self.restore_previous().await;
        }
        let served = self.slot.model();
        let candidate = self.apart(move |_| Candidate::read(&path).map_err(|error| unusable(&path, &error))).await??;
        if let Some(version) = version.filter(|version| version != candidate.model.version()) {
            let problem = format!(
                "the file of the shadow holds {} now, not {version} that was compared; make it the shadow again, or name it as file",
                candidate.model.version()
            );
            return Err(ReloadError::Nothing(problem.into()));
        }
        // What is in service already is not what was before it.
        let kept_as = served.as_ref().filter(|served| served.version() != candidate.model.version());
        let kept_as = kept_as.map(|_| self.folder.previous());
        let reloaded = self.replace(candidate, kept_as).await?;
        if let Some(previous) = served.filter(|_| reloaded.changed())
            && let Err(error) = self.begin_trial(previous).await
        {
            tracing::error!("the promoted model is not on trial: {error}");
        }
        Ok(reloaded)
    }

    /// The file to be promoted and, if it is the shadow's, the version that was compared.
    fn candidate(&self, file: Option<&str>) -> Result<(PathBuf, Option<Arc<str>>), ReloadError> {
        if let Some(name) = file {
            let path = self.folder.named(name).map_err(|problem| ReloadError::Name(problem.into()))?;
            return Ok((path, None));
        }
        let shadow = self.shadow.get().map(|shadow| shadow.status());
        match shadow.filter(|shadow| shadow.role == ShadowRole::Candidate) {
            Some(shadow) => Ok((shadow.file, Some(shadow.model_version))),
            None => Err(ReloadError::Nothing(
                "there is no shadow to promote; name a file of GET /models as {\"file\": \"NAME.json\"}, or begin a shadow with POST /model/shadow".into(),
            )),
        }
    }

    pub(super) async fn restore_previous(self: &Arc<Self>) -> Result<Reloaded, ReloadError> {
        let path = self.folder.previous();
        let shown = path.display().to_string();
        let read = self.apart(move |_| Candidate::read(&path)).await?;
        let candidate = read.map_err(|error| match error {
            ModelError::Missing => ReloadError::Nothing(
                format!("there is no model to go back to: {shown} is written when a model is promoted").into(),
            ),
            error => unusable(Path::new(&shown), &error),
        })?;
        let served = self.slot.model();
        if served.is_some_and(|served| served.version() == candidate.model.version()) {
            let problem = format!("there is no model to go back to: {shown} is in service already");
            return Err(ReloadError::Nothing(problem.into()));
        }
        let kept_as = self.folder.rolled_back();
        self.replace(candidate, Some(kept_as)).await
    }

    /// Replaces the model file and puts its model into service. What was in service is kept first.
    async fn replace(
        self: &Arc<Self>,
        candidate: Candidate,
        kept_as: Option<PathBuf>,
    ) -> Result<Reloaded, ReloadError> {
        let Candidate { model, bytes } = candidate;
        let before = self
            .apart(move |shared| {
                let before = shared.text_in_service();
                if let Some((path, text)) = kept_as.zip(before.as_ref()) {
                    write(&path, text)?;
                }
                write(shared.slot.path(), &bytes)?;
                Ok(before)
            })
            .await??;
        let installed = self.install(model).await;
        if let (Err(_), Some(before)) = (&installed, before) {
            // What goes on is also what a start loads.
            self.apart(move |shared| write(shared.slot.path(), &before)).await??;
        }
        installed
    }

    /// The text of the model in service: that of the model file if it still holds it, since another program may have written
    /// it in its own way. `None` without a model.
    fn text_in_service(&self) -> Option<Vec<u8>> {
        let served = self.slot.model()?;
        let on_disk = Candidate::read(self.slot.path()).ok().filter(|file| file.model.version() == served.version());
        Some(on_disk.map_or_else(|| served.to_json().into_bytes(), |file| file.bytes))
    }

    fn report(&self, done: &str, outcome: &Result<Reloaded, ReloadError>) {
        match outcome {
            Ok(reloaded) => tracing::info!(model_version = %reloaded.version, "{done} the model"),
            Err(error) => {
                self.counters.refused_reloads.inc();
                tracing::warn!("not {done} a model: {error}");
            }
        }
    }
}

fn unusable(path: &Path, error: &ModelError) -> ReloadError {
    ReloadError::Refused(refusal(path, error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ReloadError> {
    atomic_file::write(path, bytes).map_err(|error| {
        let problem = format!("cannot write {}: {error}; check the folder's permissions and space", path.display());
        ReloadError::NotSaved(problem.into())
    })
}
