//! What the service knows of each turbine: a fold over the rows of the prediction log, in their order.
//!
//! [`Fleet::fold`] is the only way in which anything changes, and it is given a row only once the row is in the log. So a
//! restart that reads the log from its beginning ends in the same state, and a reading that was refused leaves no trace.

mod restore;
mod snapshot;
mod turbine;
mod window;

#[cfg(test)]
mod tests;

pub use restore::{Restored, restore};
pub use snapshot::Snapshot;
pub use turbine::{Turbine, TurbineStatus};
pub use window::{Fingerprint, Verdict};

use jiff::Timestamp;
use lru::LruCache;
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
}

/// The state of all turbines. Readings that name no turbine count as those of one turbine without a name.
pub struct Fleet {
    /// The turbine with the newest row first.
    turbines: LruCache<Option<TurbineId>, Turbine>,
    window: Window,
    /// The version of the newest row, shared by all rows that name it.
    model_version: Arc<str>,
}

impl Fleet {
    /// A fleet of which nothing is known yet.
    pub fn new(config: FleetConfig) -> Self {
        Fleet {
            turbines: LruCache::new(config.max_turbines),
            window: Window::new(config.dedupe_window),
            model_version: Arc::from(""),
        }
    }

    /// Takes in one row of the log, and remembers its fingerprint if the reading may come again. Says what the row changed.
    pub fn fold(&mut self, record: &PredictionRecord, fingerprint: Option<Fingerprint>, monitor: &Monitor) -> Step {
        self.remember(record, fingerprint);
        let model_version = Arc::clone(&self.model_version);
        if let Some(turbine) = self.turbines.get_mut(&record.turbine_id) {
            return turbine.fold(record, model_version, monitor);
        }
        let mut turbine = Turbine::default();
        let step = turbine.fold(record, model_version, monitor);
        self.turbines.push(record.turbine_id.clone(), turbine);
        step
    }

    /// What is known of a turbine.
    pub(crate) fn turbine(&self, id: &Option<TurbineId>) -> Option<&Turbine> {
        self.turbines.peek(id)
    }

    /// Every turbine, the one with the newest row first.
    pub(crate) fn turbines(&self) -> impl Iterator<Item = (&Option<TurbineId>, &Turbine)> {
        self.turbines.iter()
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

    /// The state of up to `limit` turbines whose names come after `after`, by name; the nameless one comes first.
    pub fn list(&self, after: Option<&str>, limit: usize, model: &Model, now: Timestamp) -> Vec<TurbineStatus> {
        let name = |id: &Option<TurbineId>| id.as_ref().map(|id| id.as_str().to_owned());
        let mut turbines: Vec<_> =
            self.turbines.iter().filter(|(id, _)| after.is_none_or(|after| name_of(id) > Some(after))).collect();
        turbines.sort_unstable_by_key(|(id, _)| name_of(id));
        turbines.truncate(limit);
        turbines.into_iter().map(|(id, turbine)| TurbineStatus::new(name(id), turbine, model, now)).collect()
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
