//! The model file: one JSON object.
//!
//! ```json
//! {"format": "turbine-iforest", "format_version": 2, "model_version": "m0123456789ab", "model": {…}}
//! ```
//!
//! `model_version` is an `m` and the first 12 hexadecimal digits of the SHA-256 of the text of `model` as it stands in the
//! file, so that it names the content and betrays an edit; with the `m` no program takes it for a number. Nothing in the
//! file depends on the time, the machine or the threads.
//!
//! Version 1 has neither `neighbours`, `calibration`, `monitor` nor `expectation`, and its `model_version` may lack the `m`.
//! Such a model scores as it always did; it knows no surprisals and raises no alarms. A file without `drift` says nothing of
//! how the readings it was trained on were distributed.

use super::error::{ModelError, invalid};
use super::format::{FORMAT, FORMAT_VERSION};
use super::{FeatureSummary, GoldenSet, Model, ModelParams, ModelParts, TrainingSummary, golden};
use crate::atomic_file;
use crate::detector::{Calibration, Detector, DetectorKind, Neighbours, NeighboursData};
use crate::drift;
use crate::explain::Expectation;
use crate::feature::FeatureSet;
use crate::forest::{Forest, ForestData};
use crate::monitor::{Monitor, MonitorSettings};
use crate::scaler::StandardScaler;
use crate::threshold::{ThresholdMethod, check_contamination};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: String,
    format_version: u64,
    model_version: String,
    #[serde(borrow)]
    model: &'a RawValue,
}

/// `model`, as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    features: FeatureSet,
    params: ModelParams,
    scaler: StandardScaler,
    threshold: f64,
    training: TrainingSummary,
    golden: GoldenSet,
    forest: ForestData,
    #[serde(default)]
    calibration: Option<Calibrations>,
    #[serde(default)]
    neighbours: Option<NeighboursData>,
    #[serde(default)]
    monitor: Option<MonitorSettings>,
    #[serde(default)]
    expectation: Option<Expectation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift: Option<drift::Reference>,
}

/// From scores to surprisals.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calibrations {
    /// Of the forest's score.
    forest: Calibration,
    /// Of the neighbours' distance; without neighbours there is none.
    distance: Option<Calibration>,
}

impl Model {
    /// Puts a model together and proves it.
    ///
    /// # Errors
    /// [`ModelError::Invalid`] if the parts do not fit each other.
    pub fn new(parts: ModelParts) -> Result<Self, ModelError> {
        check(&parts)?;
        let version = version_of(&text_of(&parts)).into();
        Ok(Self::of_checked(parts, version))
    }

    fn of_checked(parts: ModelParts, version: Arc<str>) -> Self {
        let spread = FeatureSummary::spread(&parts.training.features);
        Model { parts, version, spread }
    }

    /// Reads the text of a model file and proves all of it: shape, numbers, every path of every tree, the golden readings,
    /// the version.
    ///
    /// # Errors
    /// A [`ModelError`] that names the field and the remedy.
    pub fn from_json(json: &str) -> Result<Self, ModelError> {
        let envelope = open(json)?;
        let body = &mut serde_json::Deserializer::from_str(envelope.model.get());
        let body: Body = serde_path_to_error::deserialize(body).map_err(|error| {
            let field = if error.path().iter().len() == 0 { "model".to_owned() } else { error.path().to_string() };
            ModelError::Invalid { field, problem: format!("cannot be read: {}", error.into_inner()) }
        })?;
        let parts = body.into_parts()?;
        check(&parts)?;
        let version = version_of(envelope.model.get());
        let first_format = envelope.format_version == 1 && version[1..] == envelope.model_version;
        if version != envelope.model_version && !first_format {
            let problem =
                format!("is {:?}, but the content's is {version:?}: the file was edited", envelope.model_version);
            return Err(invalid("model_version", problem));
        }
        Ok(Self::of_checked(parts, version.into()))
    }

    /// The text of the model file. A model that another program wrote may get another version, since the version is that
    /// of the text.
    pub fn to_json(&self) -> String {
        let text = text_of(&self.parts);
        let version = version_of(&text);
        format!(
            "{{\"format\":\"{FORMAT}\",\"format_version\":{FORMAT_VERSION},\"model_version\":\"{version}\",\"model\":{text}}}\n"
        )
    }

    /// Reads and proves the model file at `path`.
    ///
    /// # Errors
    /// As [`Model::from_json`], and [`ModelError::Missing`] or [`ModelError::Io`]. The caller names the file.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let bytes = fs::read(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ModelError::Missing,
            _ => ModelError::Io(error),
        })?;
        Model::from_bytes(&bytes)
    }

    /// Proves the bytes of a model file.
    ///
    /// # Errors
    /// As [`Model::from_json`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let json = str::from_utf8(bytes).map_err(|_| invalid("model", "is not UTF-8 text".to_owned()))?;
        Model::from_json(json)
    }

    /// Writes the model file at `path`: whole or not at all, also if the machine stops meanwhile.
    ///
    /// # Errors
    /// [`ModelError::Io`]; a file that was there before is then as it was.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder)
            .and_then(|()| atomic_file::write(path, self.to_json().as_bytes()))
            .map_err(ModelError::Io)
    }
}

fn open(json: &str) -> Result<Envelope<'_>, ModelError> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        format: serde_json::Value,
        #[serde(default)]
        format_version: serde_json::Value,
    }
    let foreign = |found: String| ModelError::Foreign { found };
    let head: Head = match serde_json::from_str(json) {
        Ok(head) => head,
        Err(error) if error.is_data() => return Err(foreign("missing".to_owned())),
        Err(error) => return Err(ModelError::NotJson(error)),
    };
    if head.format != FORMAT {
        return Err(foreign(if head.format.is_null() { "missing".to_owned() } else { head.format.to_string() }));
    }
    match head.format_version.as_u64() {
        Some(version) if (1..=FORMAT_VERSION).contains(&version) => {}
        Some(found) if found > FORMAT_VERSION => return Err(ModelError::Newer { found }),
        _ => return Err(invalid("format_version", format!("is {}, not 1 to {FORMAT_VERSION}", head.format_version))),
    }
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json))
        .map_err(|error| invalid(&error.path().to_string(), format!("cannot be read: {}", error.into_inner())))
}

impl Body {
    /// Puts the parts together, as far as they fit each other.
    fn into_parts(self) -> Result<ModelParts, ModelError> {
        let Body { features, params, scaler, threshold, training, golden, forest, .. } = self;
        let n = features.len();
        let forest = Forest::try_from(forest).map_err(|error| invalid("forest", error.to_string()))?;
        for (field, length) in [("scaler.mean", scaler.mean().len()), ("scaler.std", scaler.std().len())] {
            if length != n {
                return Err(invalid(field, format!("has {length} entries for {n} features")));
            }
        }
        if forest.n_features() != n {
            return Err(invalid("forest.n_features", format!("is {} for {n} features", forest.n_features())));
        }
        let scaler = scaler.checked().map_err(|error| invalid("scaler", format!("is unusable: {error}")))?;
        let neighbours = self.neighbours.map(|data| neighbours_of(data, n)).transpose()?;
        let calibration = self.calibration.map(Calibrations::checked).transpose()?;
        let detector = match (neighbours, calibration) {
            (None, None) => Detector::forest(scaler, forest, None),
            (None, Some(Calibrations { forest: calibration, distance: None })) => {
                Detector::forest(scaler, forest, Some(calibration))
            }
            (None, Some(Calibrations { distance: Some(_), .. })) => {
                return Err(invalid("calibration.distance", "is there without neighbours".to_owned()));
            }
            (Some(neighbours), Some(Calibrations { forest: calibration, distance: Some(distance) })) => {
                Detector::forest_and_neighbours(scaler, forest, calibration, neighbours, distance)
            }
            (Some(_), _) => {
                let problem = "is missing, and neighbours do not score without it".to_owned();
                return Err(invalid("calibration.distance", problem));
            }
        };
        let monitor = Monitor::new(self.monitor.unwrap_or_else(MonitorSettings::unknown))
            .map_err(|error| invalid(&format!("monitor.{}", error.field), error.problem))?;
        let (expectation, drift) = (self.expectation, self.drift);
        Ok(ModelParts { features, params, detector, threshold, training, golden, monitor, expectation, drift })
    }
}

impl Calibrations {
    fn checked(self) -> Result<Self, ModelError> {
        let checked = |part: &str, calibration: Calibration| {
            calibration
                .checked()
                .map_err(|error| invalid(&format!("calibration.{part}.{}", error.field), error.problem))
        };
        Ok(Calibrations {
            forest: checked("forest", self.forest)?,
            distance: self.distance.map(|distance| checked("distance", distance)).transpose()?,
        })
    }
}

fn neighbours_of(data: NeighboursData, n_features: usize) -> Result<Neighbours, ModelError> {
    let neighbours =
        Neighbours::try_from(data).map_err(|error| invalid(&format!("neighbours.{}", error.field), error.problem))?;
    if neighbours.n_features() != n_features {
        let problem = format!("has {} entries for {n_features} features", neighbours.n_features());
        return Err(invalid("neighbours.mean", problem));
    }
    Ok(neighbours)
}

fn check(parts: &ModelParts) -> Result<(), ModelError> {
    let ModelParts { features, params, detector, threshold, training, monitor, expectation, drift, .. } = parts;
    let forest = detector.isolation_forest();
    let n = features.len();
    check_share(params)?;
    if !(0.0..1.0).contains(threshold) {
        return Err(invalid("threshold", format!("is {threshold}; it must be 0 to 1")));
    }
    for (field, stated, actual) in [
        ("forest.n_features", n, forest.n_features()),
        ("params.n_estimators", params.n_estimators, forest.n_estimators()),
        ("params.sample_size", params.sample_size, forest.sample_size()),
        ("params.extension_level", params.extension_level, forest.extension_level()),
    ] {
        if stated != actual {
            return Err(invalid(field, format!("does not agree: {stated} is stated, the forest has {actual}")));
        }
    }
    if detector.kind() == DetectorKind::ForestAndNeighbours && forest.extension_level() != 0 {
        let problem = format!("is {}, but with neighbours the forest is classic: 0", forest.extension_level());
        return Err(invalid("forest.extension_level", problem));
    }
    let longest_unchanged = monitor.settings().longest_unchanged.len();
    if ![0, n].contains(&longest_unchanged) {
        return Err(invalid("monitor.longest_unchanged", format!("has {longest_unchanged} entries for {n} features")));
    }
    if let Some(expectation) = expectation {
        expectation.check(n).map_err(|problem| invalid("expectation.precision", problem))?;
    }
    if let Some(drift) = drift {
        drift.check(n).map_err(|(field, problem)| invalid(&format!("drift.{field}"), problem))?;
    }
    FeatureSummary::check(&training.features, features).map_err(|(field, problem)| invalid(&field, problem))?;
    golden::prove(parts)
}

fn check_share(params: &ModelParams) -> Result<(), ModelError> {
    let wrong = |problem: String| Err(invalid("params.contamination", problem));
    match (params.contamination, params.threshold_method) {
        (None, ThresholdMethod::Auto) => Ok(()),
        (None, _) => wrong("is null, but the threshold was chosen by it".to_owned()),
        (Some(share), ThresholdMethod::Auto) => {
            wrong(format!("is {share}, but must be null for threshold_method auto"))
        }
        (Some(share), _) => check_contamination(share).or_else(|error| wrong(format!("is wrong: {error}"))),
    }
}

fn text_of(parts: &ModelParts) -> String {
    let ModelParts { features, params, detector, threshold, training, golden, monitor, expectation, drift } =
        parts.clone();
    let calibrations = |forest: &Calibration| Calibrations {
        forest: forest.clone(),
        distance: detector.distance_calibration().cloned(),
    };
    let body = Body {
        features,
        params,
        scaler: detector.scaler().clone(),
        threshold,
        training,
        golden,
        forest: detector.isolation_forest().to_data(),
        calibration: detector.forest_calibration().map(calibrations),
        neighbours: detector.neighbours().map(|neighbours| neighbours.data().clone()),
        monitor: Some(monitor.settings().clone()),
        expectation,
        drift,
    };
    serde_json::to_string(&body).expect("numbers, strings and lists have a JSON form")
}

fn version_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    std::iter::once("m".to_owned()).chain(digest.iter().take(6).map(|byte| format!("{byte:02x}"))).collect()
}
