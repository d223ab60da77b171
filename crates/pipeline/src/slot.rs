//! The model in service, swapped whole.

use arc_swap::ArcSwapOption;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use turbine_core::model::{Model, ModelError};

/// The place of the model that scores.
///
/// A request takes the model once and finishes with it, whatever is put into the slot meanwhile.
pub struct ModelSlot {
    path: PathBuf,
    model: ArcSwapOption<Model>,
    /// Why the file at `path` is not in service, if it is not.
    problem: Mutex<Option<Arc<str>>>,
}

impl ModelSlot {
    /// An empty slot for the model file at `path`.
    pub fn new(path: PathBuf) -> Self {
        ModelSlot { path, model: ArcSwapOption::empty(), problem: Mutex::new(None) }
    }

    /// The model file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model in service.
    pub fn model(&self) -> Option<Arc<Model>> {
        self.model.load_full()
    }

    /// Why the file is not in service, if it is not.
    pub fn problem(&self) -> Option<Arc<str>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The time and length of the file, which change when it is replaced; `None` if it is not there.
    pub(crate) fn stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Reads and proves the file, aside from the model in service. Takes as long as reading a file and scoring a few
    /// readings.
    ///
    /// # Errors
    /// Why the file cannot be used, with its name and the remedy.
    pub fn read(&self) -> Result<Model, Arc<str>> {
        Model::load(&self.path).map_err(|error| refusal(&self.path, &error))
    }

    /// Puts a model into service.
    pub(crate) fn put(&self, model: Arc<Model>) {
        self.model.store(Some(model));
        self.set_problem(None);
    }

    pub(crate) fn set_problem(&self, problem: Option<Arc<str>>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

/// Why a model file cannot be used, with its name.
pub(crate) fn refusal(path: &Path, error: &ModelError) -> Arc<str> {
    format!("the model file {} cannot be used: {error}", path.display()).into()
}
