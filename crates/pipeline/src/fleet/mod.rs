//! What the service knows of each turbine: a fold over the rows of the prediction log, in their order.
//!
//! [`Fleet::fold`] is the only way in which anything changes, and it is given a row only once the row is in the log. So a
//! restart that reads the log from its beginning ends in the same state, and a reading that was refused leaves no trace.

mod alarm;
mod confirmed;
mod drift;
mod restore;
mod snapshot;
mod turbine;
mod window;

#[cfg(test)]
mod tests;

pub use alarm::LoggedAlarm;
pub use drift::{Drift, DriftChange};
pub use restore::{Restored, restore};
pub use snapshot::Snapshot;
pub use turbine::{Turbine, TurbineStatus};
pub use window::{Fingerprint, Verdict};

use jiff::Timestamp;
use lru::LruCache;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use turbine_core::model::Model;
use turbine_core::monitor::{Monitor, Step};
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;
use window::Window;

/// How much of the fleet is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetConfig {
    /// Turbines whose state is kept; beyond that the one that was silent longest is forgotten.
    pub max_turbines: NonZeroUsize,
    /// Rows of named turbines that a repeated reading is compared with; 0 = none.
    pub dedupe_window: usize,
    /// Newest rows, of all turbines together, that are compared with the training for drift; at least 1.
    pub drift_window: usize,
}

/// The state of all turbines. Readings that name no turbine count as those of one turbine without a name.
pub struct Fleet {
    /// The turbine with the newest row first.
    turbines: LruCache<Option<TurbineId>, Turbine>,
    window: Window,
    drift: Drift,
    /// Rows that were folded, since this fleet was made.
    rows: u64,
    /// The version of the newest row, shared by all rows that name it.
    model_version: Arc<str>,
    /// Turbines whose silence was confirmed; `None` if no confirmation is needed.
    confirmed: Option<HashSet<Option<TurbineId>>>,
}

/// What a row changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// What it changed of its own turbine.
    pub step: Step,
    /// The alarms that it raised or cleared, in this order: that of a turbine that was forgotten for a new one, and that of
    /// its own turbine.
    pub alarms: Vec<LoggedAlarm>,
    /// Where drift began or ended.
    pub drift: Vec<DriftChange>,
}

impl Folded {
    /// Whether anybody needs to be told.
    pub(crate) fn is_news(&self) -> bool {
        let Step { newly_stuck, released, newly_missing, returned, .. } = self.step;
        let is_of_sensors = !newly_stuck.union(released).union(newly_missing).union(returned).is_empty();
        is_of_sensors || !self.alarms.is_empty() || !self.drift.is_empty()
    }
}

/// How many turbines there are, and how many need attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Turbines that are known.
    pub turbines: usize,
    /// Turbines whose alarm is on.
    pub in_alarm: usize,
    /// Turbines that are silent.
    pub silent: usize,
    /// Sensors that are stuck, of all turbines.
    pub stuck_sensors: usize,
    /// Sensors that are missing, of all turbines.
    pub missing_sensors: usize,
}

impl std::ops::Add for Census {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Census {
            turbines: self.turbines + other.turbines,
            in_alarm: self.in_alarm + other.in_alarm,
            silent: self.silent + other.silent,
            stuck_sensors: self.stuck_sensors + other.stuck_sensors,
            missing_sensors: self.missing_sensors + other.missing_sensors,
        }
    }
}

impl Fleet {
    /// A fleet of which nothing is known yet.
    pub fn new(config: FleetConfig) -> Self {
        Fleet {
            turbines: LruCache::new(config.max_turbines),
            window: Window::new(config.dedupe_window),
            drift: Drift::new(config.drift_window),
            rows: 0,
            model_version: Arc::from(""),
            confirmed: None,
        }
    }

    /// A fleet that evicts no turbine and recognises no repeated readings. Turbines may be set with `put` instead of
    /// folded.
    pub(crate) fn unbounded(drift_window: usize) -> Self {
        let (turbines, window, drift) = (LruCache::unbounded(), Window::new(0), Drift::new(drift_window));
        Fleet { turbines, window, drift, rows: 0, model_version: Arc::from(""), confirmed: None }
    }

    /// Puts a turbine in the place of what was known of it.
    pub(crate) fn put(&mut self, id: Option<TurbineId>, turbine: Turbine) {
        self.turbines.push(id, turbine);
    }

    /// Takes in one row of the log, and remembers its fingerprint if the reading may come again. Says what the row changed.
    /// `model` is the one that scored the reading or, of rows before the start, the one in service.
    pub fn fold(&mut self, record: &PredictionRecord, fingerprint: Option<Fingerprint>, model: &Model) -> Folded {
        self.remember(record, fingerprint);
        let (drift, monitor) = (self.drift.fold(record, model), model.monitor());
        self.rows += 1;
        let model_version = Arc::clone(&self.model_version);
        if let Some(turbine) = self.turbines.get_mut(&record.turbine_id) {
            let (step, alarm) = turbine.fold(record, model_version, monitor);
            return Folded { step, alarms: alarm.into_iter().collect(), drift };
        }
        let mut turbine = Turbine::default();
        let (step, alarm) = turbine.fold(record, model_version, monitor);
        let forgotten = self.turbines.push(record.turbine_id.clone(), turbine);
        let forgotten = forgotten.and_then(|(id, turbine)| turbine.forgotten_alarm(&id));
        Folded { step, alarms: forgotten.into_iter().chain(alarm).collect(), drift }
    }

    /// Folds a row of the log into drift only; the state of its turbine is set separately.
    pub(crate) fn fold_drift(&mut self, record: &PredictionRecord, model: &Model) {
        let _ = self.drift.fold(record, model);
    }

    /// The alarms that are running.
    pub fn alarms(&self) -> impl Iterator<Item = LoggedAlarm> {
        self.turbines.iter().filter_map(|(id, turbine)| turbine.alarm(id))
    }

    /// The turbines that are silent at this time.
    pub(crate) fn silent(&self, monitor: &Monitor, now: Timestamp) -> impl Iterator<Item = &Option<TurbineId>> {
        self.overdue(monitor, now).filter(|id| self.may_be_silent(id))
    }

    /// Status of a turbine at this time.
    pub(crate) fn status(
        &self,
        id: &Option<TurbineId>,
        turbine: &Turbine,
        model: &Model,
        now: Timestamp,
    ) -> TurbineStatus {
        let silent = self.may_be_silent(id) && model.monitor().is_silent(turbine.state(), now);
        TurbineStatus::new(id, turbine, model, silent)
    }

    /// Counts the turbines that need attention at this time.
    pub(crate) fn census(&self, monitor: &Monitor, now: Timestamp) -> Census {
        let states = || self.turbines.iter().map(|(_, turbine)| turbine.state());
        Census {
            turbines: self.len(),
            in_alarm: states().filter(|state| state.alarm().is_some()).count(),
            silent: self.silent(monitor, now).count(),
            stuck_sensors: states().map(|state| monitor.stuck(state).len()).sum(),
            missing_sensors: states().map(|state| state.missing().len()).sum(),
        }
    }

    /// What is known of a turbine.
    pub(crate) fn turbine(&self, id: &Option<TurbineId>) -> Option<&Turbine> {
        self.turbines.peek(id)
    }

    /// Takes in one row for the comparison with repeated readings only.
    fn remember(&mut self, record: &PredictionRecord, fingerprint: Option<Fingerprint>) {
        if self.model_version != record.model_version {
            self.model_version = Arc::clone(&record.model_version);
        }
        if let Some(fingerprint) = fingerprint {
            self.window.insert(fingerprint, Verdict::of(record, &self.model_version));
        }
    }

    /// The window of rows that a repeated reading is compared with.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Drift of the newest rows.
    pub(crate) fn drift(&self) -> &Drift {
        &self.drift
    }

    /// The state of up to `limit` turbines whose names come after `after`, by name; the nameless one comes first.
    pub fn list(&self, after: Option<&str>, limit: usize, model: &Model, now: Timestamp) -> Vec<TurbineStatus> {
        let mut turbines: Vec<_> =
            self.turbines.iter().filter(|(id, _)| after.is_none_or(|after| name_of(id) > Some(after))).collect();
        turbines.sort_unstable_by_key(|(id, _)| name_of(id));
        turbines.truncate(limit);
        turbines.into_iter().map(|(id, turbine)| self.status(id, turbine, model, now)).collect()
    }

    /// How many rows were folded since this fleet was made.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The turbines of the last `rows` rows that were folded, and perhaps others: the one with the newest row first.
    pub(crate) fn latest(&self, rows: u64) -> impl Iterator<Item = (&Option<TurbineId>, &Turbine)> {
        // Each row brings its turbine to the front.
        self.turbines.iter().take(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    /// Whether no turbine was ever forgotten: the log has rows of those that are known and of no others.
    pub(crate) fn is_complete(&self) -> bool {
        self.turbines.len() < self.turbines.cap().get()
    }

    /// How many turbines are known.
    pub fn len(&self) -> usize {
        self.turbines.len()
    }

    /// Whether no turbine is known.
    pub fn is_empty(&self) -> bool {
        self.turbines.is_empty()
    }
}

fn name_of(id: &Option<TurbineId>) -> Option<&str> {
    id.as_ref().map(TurbineId::as_str)
}
