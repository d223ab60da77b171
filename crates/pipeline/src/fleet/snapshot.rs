//! The turbines' state as a file, so that a start need not read a log of any length.

use super::drift::{Drift, DriftState};
use super::{Fleet, FleetConfig, Turbine};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use turbine_core::atomic_file;
use turbine_core::feature::FeatureSet;
use turbine_core::model::Model;
use turbine_core::prediction::{LogPosition, log_files};
use turbine_core::reading::TurbineId;

/// The newest format that is read, and the one that is written.
const FORMAT_VERSION: u32 = 5;

/// How many bytes before the position are compared with the log: more than the longest row of most logs.
const COMPARED: u64 = 1024;

/// The state of a fleet after the row that ends at a position of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    format_version: u32,
    features: Vec<String>,
    max_turbines: usize,
    position: LogPosition,
    /// What stands in the log before the position.
    before: String,
    /// Rows of the file of alarms up to there.
    alarm_rows: u64,
    /// The turbine with the oldest row first.
    turbines: Vec<(Option<TurbineId>, Turbine)>,
    drift: DriftState,
}

/// The file: the snapshot, and the SHA-256 of its text.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    digest: String,
    #[serde(borrow)]
    snapshot: &'a RawValue,
}

/// What every format says of itself.
#[derive(Deserialize)]
struct Head {
    format_version: u32,
}

/// Why a snapshot is not used. The log is read from its beginning instead.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it was made with other settings: {0}")]
    OtherSettings(&'static str),
    #[error("it does not fit the log, which was changed or replaced")]
    OtherLog,
    #[error("it goes with {expected} rows of alarms, and the file of alarms has {found}")]
    FewerAlarms { expected: u64, found: u64 },
}

impl Snapshot {
    /// Where the snapshot of the log at `path` lies.
    pub fn path(log: &Path) -> PathBuf {
        log.with_file_name("turbines.snapshot")
    }

    /// The state of `fleet` after the row that ends at `position` of the log, when the file of alarms had so many rows.
    pub fn of(fleet: &Fleet, features: &FeatureSet, position: LogPosition, alarm_rows: u64) -> Self {
        let turbines = fleet.turbines.iter().rev().map(|(id, turbine)| (id.clone(), turbine.clone())).collect();
        Snapshot {
            format_version: FORMAT_VERSION,
            features: features.names().map(str::to_owned).collect(),
            max_turbines: fleet.turbines.cap().get(),
            position,
            before: String::new(),
            alarm_rows,
            turbines,
            drift: fleet.drift.state(),
        }
    }

    /// Writes the snapshot beside the log at `path`, whole or not at all.
    ///
    /// # Errors
    /// If the log cannot be read or the file not be written; one that was there before is then as it was.
    pub fn save(mut self, path: &Path) -> io::Result<()> {
        self.before = before(path, self.position)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        atomic_file::write(&Self::path(path), self.to_json().as_bytes())
    }

    fn to_json(&self) -> String {
        let snapshot = serde_json::value::to_raw_value(self).expect("numbers, strings and lists have a JSON form");
        let envelope = Envelope { digest: digest(&snapshot), snapshot: &snapshot };
        serde_json::to_string(&envelope).expect("texts have a JSON form")
    }

    /// The snapshot beside the log at `path`, if there is one and it fits. The file of alarms has `alarm_rows` rows.
    pub(super) fn load(
        path: &Path,
        features: &FeatureSet,
        config: FleetConfig,
        alarm_rows: u64,
    ) -> Result<Option<Self>, SnapshotError> {
        let text = match std::fs::read_to_string(Self::path(path)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let damaged = |error: serde_json::Error| SnapshotError::Damaged(error.to_string());
        let envelope: Envelope = serde_json::from_str(&text).map_err(damaged)?;
        if envelope.digest != digest(envelope.snapshot) {
            return Err(SnapshotError::Damaged("its digest is another".to_owned()));
        }
        // Another format has other fields.
        let Head { format_version } = serde_json::from_str(envelope.snapshot.get()).map_err(damaged)?;
        if format_version != FORMAT_VERSION {
            return Err(SnapshotError::OtherSettings("the format"));
        }
        let snapshot: Snapshot = serde_json::from_str(envelope.snapshot.get()).map_err(damaged)?;
        if !snapshot.features.iter().eq(features.names()) {
            return Err(SnapshotError::OtherSettings("the features"));
        }
        if snapshot.max_turbines != config.max_turbines.get() {
            return Err(SnapshotError::OtherSettings("--max-turbines"));
        }
        if snapshot.drift.capacity != config.drift_window {
            return Err(SnapshotError::OtherSettings("--drift-window"));
        }
        if snapshot.alarm_rows > alarm_rows {
            return Err(SnapshotError::FewerAlarms { expected: snapshot.alarm_rows, found: alarm_rows });
        }
        if before(path, snapshot.position)?.as_deref() != Some(&snapshot.before) {
            return Err(SnapshotError::OtherLog);
        }
        Ok(Some(snapshot))
    }

    /// The log is read on from here.
    pub(super) fn position(&self) -> LogPosition {
        self.position
    }

    /// Rows of the file of alarms that belong to rows before the position.
    pub(super) fn alarm_rows(&self) -> u64 {
        self.alarm_rows
    }

    /// Puts the state into a fleet of which nothing is known, given the model in service.
    pub(super) fn restore_into(&self, fleet: &mut Fleet, model: &Model) {
        fleet.drift = Drift::resume(&self.drift, model);
        for (id, turbine) in &self.turbines {
            fleet.turbines.push(id.clone(), turbine.clone());
        }
    }
}

fn digest(text: &RawValue) -> String {
    Sha256::digest(text.get().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands before that position in the log at `path`; `None` if the position is not in it.
fn before(path: &Path, position: LogPosition) -> io::Result<Option<String>> {
    let Some(file) = log_files(path)?.into_iter().find(|file| file.sequence == position.sequence) else {
        return Ok(None);
    };
    let mut file = File::open(file.path)?;
    if file.metadata()?.len() < position.offset {
        return Ok(None);
    }
    let length = position.offset.min(COMPARED);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(position.offset - length))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}
