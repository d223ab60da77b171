//! The fleet at the start of a service: its snapshot, if that fits the log, and the rows behind it.

use super::{Fleet, FleetConfig, LoggedAlarm, Snapshot};
use std::path::Path;
use turbine_core::model::Model;
use turbine_core::prediction::{LogError, LogPosition, LogReader, last_rows};

/// A fleet as the log has it.
pub struct Restored {
    /// The fleet.
    pub fleet: Fleet,
    /// Rows that were read.
    pub rows_read: u64,
    /// Whether a snapshot spared reading the rows before it.
    pub from_snapshot: bool,
    /// Rows of the file of alarms that the snapshot vouches for; 0 without one.
    pub alarm_rows: u64,
    /// The alarms that were raised or cleared behind them, in order.
    pub alarms: Vec<LoggedAlarm>,
}

/// If the last rows name too few turbines to fill the window of repeated readings, so many are read.
const MOST_ROWS_FOR_WINDOW: usize = 1_000_000;

/// Folds the log at `path`, which was opened for records of the model's features.
///
/// The log does not say which readings named their own time: all rows of named turbines are compared with repeated
/// readings. `alarm_rows` says how many rows the file of alarms has: a snapshot that goes with more is not used.
///
/// # Errors
/// If the log cannot be read.
pub fn restore(path: &Path, model: &Model, config: FleetConfig, alarm_rows: u64) -> Result<Restored, LogError> {
    let snapshot = Snapshot::load(path, model.features(), config, alarm_rows).unwrap_or_else(|problem| {
        let file = Snapshot::path(path);
        tracing::warn!("the snapshot {} is not used: {problem}; the log is read instead", file.display());
        None
    });
    let Some(snapshot) = snapshot else {
        return fold(LogReader::open(path)?, Fleet::new(config), None, model);
    };
    let mut restored = restore_from(&snapshot, path, model, config, config.dedupe_window)?;
    if restored.fleet.window.len() < config.dedupe_window && restored.rows_read >= config.dedupe_window as u64 {
        restored = restore_from(&snapshot, path, model, config, MOST_ROWS_FOR_WINDOW.max(config.dedupe_window))?;
    }
    Ok(restored)
}

/// Rows before the snapshot's are read for the comparison with repeated readings only: the last `window_rows`.
fn restore_from(
    snapshot: &Snapshot,
    path: &Path,
    model: &Model,
    config: FleetConfig,
    window_rows: usize,
) -> Result<Restored, LogError> {
    let mut fleet = Fleet::new(config);
    snapshot.restore_into(&mut fleet, model);
    let state_from = snapshot.position();
    let window_from = last_rows(path, window_rows).map_err(|cause| LogError::Io { path: path.to_owned(), cause })?;
    let reader = match window_from {
        Some(window_from) => LogReader::open_from(path, window_from.min(state_from))?,
        None => LogReader::open(path)?,
    };
    let restored = fold(reader, fleet, Some(state_from), model)?;
    Ok(Restored { alarm_rows: snapshot.alarm_rows(), ..restored })
}

/// Folds the rows that end behind `state_from`, all without one.
fn fold(
    mut reader: LogReader,
    mut fleet: Fleet,
    state_from: Option<LogPosition>,
    model: &Model,
) -> Result<Restored, LogError> {
    let mut rows_read = 0;
    let mut alarms = Vec::new();
    while let Some(record) = reader.next() {
        let record = record?;
        rows_read += 1;
        let turbine = record.turbine_id.as_ref();
        let fingerprint =
            turbine.and_then(|id| fleet.window.fingerprint(id, record.timestamp, &record.values, record.gaps.all()));
        if state_from.is_some() && reader.position() <= state_from {
            fleet.remember(&record, fingerprint);
        } else {
            alarms.append(&mut fleet.fold(&record, fingerprint, model).alarms);
        }
    }
    Ok(Restored { fleet, rows_read, from_snapshot: state_from.is_some(), alarm_rows: 0, alarms })
}
