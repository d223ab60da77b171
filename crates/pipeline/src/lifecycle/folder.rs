//! The model files beside the one in service.

use super::shadow::{ShadowRole, ShadowStatus};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use turbine_core::detector::DetectorKind;
use turbine_core::model::Model;

/// Where a model file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// The model file, and its content is in service.
    InService,
    /// The model file, which was replaced: a reload puts it into service.
    Pending,
    /// It scores the same readings for comparison.
    Shadow,
    /// What was in service before the last promotion: a rollback puts it into service.
    Previous,
    /// What the last rollback took out of service.
    RolledBack,
    /// It can be made the shadow or be promoted.
    Available,
    /// It can be promoted; that begins a new log, since it reads other features than the model in service.
    OtherFeatures,
    /// It cannot be used.
    Unusable,
}

/// A file in the folder of the model file.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedModel {
    /// Its name in the folder.
    pub file: String,
    /// Where it stands.
    pub state: FileState,
    /// When it was written; UTC.
    pub modified: Option<Timestamp>,
    /// Its length in bytes.
    pub bytes: u64,
    /// Why it cannot be used.
    pub problem: Option<Arc<str>>,
    /// What is in it, if it can be used.
    pub model: Option<ModelSummary>,
}

/// What a list says of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSummary {
    /// Its version.
    pub model_version: Arc<str>,
    /// What scores readings.
    pub detector: DetectorKind,
    /// Its features, in order.
    pub feature_names: Vec<String>,
    /// Readings it was fitted to; 0 if not known.
    pub training_rows: u64,
}

/// The folder of the model file. What was read of a file is remembered until the file changes.
pub(crate) struct ModelFolder {
    model: PathBuf,
    read: Mutex<HashMap<String, Read>>,
}

/// What was read of a file that had this time and length.
struct Read {
    modified: SystemTime,
    bytes: u64,
    content: Result<ModelSummary, Arc<str>>,
}

/// What the files of a list are compared with.
#[derive(Default)]
pub(crate) struct FolderStanding {
    pub(crate) in_service: Option<Arc<Model>>,
    pub(crate) shadow: Option<ShadowStatus>,
}

impl ModelFolder {
    pub(crate) fn new(model: PathBuf) -> Self {
        ModelFolder { model, read: Mutex::default() }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.model.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
    }

    /// The file of that name.
    ///
    /// # Errors
    /// If it is not the name of a file that is listed.
    pub(crate) fn named(&self, name: &str) -> Result<PathBuf, String> {
        let is_name = Path::new(name).file_name() == Some(OsStr::new(name)) && !name.contains(['/', '\\']);
        if is_name && is_model_file(name) {
            Ok(self.path().join(name))
        } else {
            Err(format!(
                "file must be the name of a .json file in {}, without a folder, got {name:?}; GET /models lists them",
                self.path().display()
            ))
        }
    }

    /// What was in service before the last promotion.
    pub(crate) fn previous(&self) -> PathBuf {
        self.beside("previous")
    }

    /// What the last rollback took out of service.
    pub(crate) fn rolled_back(&self) -> PathBuf {
        self.beside("rolled-back")
    }

    fn beside(&self, mark: &str) -> PathBuf {
        let stem = self.model.file_stem().unwrap_or_default().to_string_lossy();
        self.model.with_file_name(format!("{stem}.{mark}.json"))
    }

    /// The model files by name. Files that changed since the last time are read and proved, so it takes a while.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn list(&self, standing: &FolderStanding) -> io::Result<Vec<ListedModel>> {
        let mut listed = Vec::new();
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in std::fs::read_dir(self.path())? {
            let entry = entry?;
            let Ok(file) = entry.file_name().into_string() else { continue };
            // A file that is gone meanwhile is not listed.
            let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
            if !(metadata.is_file() && is_model_file(&file)) {
                continue;
            }
            let (modified, bytes) = (metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len());
            let is_current = known.get(&file).is_some_and(|read| read.modified == modified && read.bytes == bytes);
            if !is_current {
                let content = summary(&entry.path());
                known.insert(file.clone(), Read { modified, bytes, content });
            }
            let content = known[&file].content.clone();
            listed.push(ListedModel {
                state: self.state(&entry.path(), content.as_ref().ok(), standing),
                file,
                modified: Timestamp::try_from(modified).ok(),
                bytes,
                problem: content.as_ref().err().cloned(),
                model: content.ok(),
            });
        }
        known.retain(|name, _| listed.iter().any(|model| model.file == *name));
        listed.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(listed)
    }

    fn state(&self, path: &Path, model: Option<&ModelSummary>, standing: &FolderStanding) -> FileState {
        let Some(model) = model else { return FileState::Unusable };
        let in_service = standing.in_service.as_ref();
        let is = |other: &Path| path.file_name() == other.file_name();
        let is_candidate = |shadow: &&ShadowStatus| shadow.role == ShadowRole::Candidate && is(&shadow.file);
        let shadow = standing.shadow.as_ref().filter(is_candidate);
        let fits = |served: &&Arc<Model>| served.features().names().eq(model.feature_names.iter().map(String::as_str));
        match in_service {
            Some(served) if is(&self.model) && *served.version() == model.model_version => FileState::InService,
            _ if is(&self.model) => FileState::Pending,
            _ if shadow.is_some_and(|shadow| shadow.model_version == model.model_version) => FileState::Shadow,
            _ if is(&self.previous()) => FileState::Previous,
            _ if is(&self.rolled_back()) => FileState::RolledBack,
            Some(served) if !fits(&served) => FileState::OtherFeatures,
            _ => FileState::Available,
        }
    }
}

/// Whether a file of this name is listed. A file that is being written has another name.
fn is_model_file(name: &str) -> bool {
    name.ends_with(".json") && !name.starts_with('.')
}

fn summary(path: &Path) -> Result<ModelSummary, Arc<str>> {
    let model = Model::load(path).map_err(|error| Arc::from(error.to_string()))?;
    Ok(ModelSummary {
        model_version: Arc::clone(model.version()),
        detector: model.detector().kind(),
        feature_names: model.features().names().map(str::to_owned).collect(),
        training_rows: model.training().rows,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use turbine_core::simulation::training_set;
    use turbine_core::training::{TrainingParams, train};

    fn model(seed: u64) -> Model {
        train(&training_set(500, 0.05, seed), &TrainingParams::default()).unwrap().model
    }

    #[test]
    fn only_names_in_the_folder_are_taken() {
        let folder = ModelFolder::new("models/a.json".into());
        assert_eq!(folder.named("b.json"), Ok("models/b.json".into()));
        for bad in ["", ".", "..", "../b.json", "/b.json", "x/b.json", "x\\b.json", "b.txt", ".b.json", "b.json/"] {
            let error = folder.named(bad).unwrap_err();
            assert!(error.contains(&format!("{bad:?}")) && error.contains("models"), "{error}");
        }
        assert_eq!(folder.previous(), Path::new("models/a.previous.json"));
        assert_eq!(ModelFolder::new("a.json".into()).path(), Path::new("."));
    }

    #[test]
    fn files_are_read_again_only_when_they_change() {
        let temporary = tempfile::tempdir().unwrap();
        let path = |name: &str| temporary.path().join(name);
        let (served, other) = (model(1), model(2));
        served.save(&path("a.json")).unwrap();
        other.save(&path("b.json")).unwrap();
        std::fs::write(path("c.json"), "garbage").unwrap();
        std::fs::write(path(".d.json.tmp"), "not listed").unwrap();
        std::fs::create_dir(path("e.json")).unwrap();
        let folder = ModelFolder::new(path("a.json"));
        let standing = FolderStanding { in_service: Some(Arc::new(served.clone())), shadow: None };
        let states = || -> Vec<(String, FileState)> {
            folder.list(&standing).unwrap().into_iter().map(|model| (model.file, model.state)).collect()
        };
        let expected = |files: &[(&str, FileState)]| -> Vec<(String, FileState)> {
            files.iter().map(|(file, state)| ((*file).to_owned(), *state)).collect()
        };
        let all = [("a.json", FileState::InService), ("b.json", FileState::Available), ("c.json", FileState::Unusable)];
        assert_eq!(states(), expected(&all));
        let listed = folder.list(&standing).unwrap();
        assert!(listed[2].problem.as_ref().unwrap().contains("not whole JSON"), "{:?}", listed[2]);
        assert_eq!(listed[1].model.as_ref().unwrap().model_version, *other.version());

        // What is remembered of a file is shown for as long as its time and its length are the same.
        let written = std::fs::metadata(path("c.json")).unwrap().modified().unwrap();
        std::fs::write(path("c.json"), "garbag2").unwrap();
        std::fs::File::options().write(true).open(path("c.json")).unwrap().set_modified(written).unwrap();
        assert!(Arc::ptr_eq(
            listed[2].problem.as_ref().unwrap(),
            folder.list(&standing).unwrap()[2].problem.as_ref().unwrap()
        ));

        other.save(&path("a.json")).unwrap();
        std::fs::rename(path("b.json"), path("a.previous.json")).unwrap();
        std::fs::remove_file(path("c.json")).unwrap();
        let all = [("a.json", FileState::Pending), ("a.previous.json", FileState::Previous)];
        assert_eq!(states(), expected(&all));
    }
}
