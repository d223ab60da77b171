//! Drift of the readings of all turbines together, against the training of the model that scored them.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use turbine_core::drift::{Change, Comparison, Observed, Watch, WatchState};
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;

/// The newest rows of one model. Rows of another model begin a new window.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Rows in a full window.
    capacity: usize,
    /// The model of the newest row.
    model_version: Arc<str>,
    /// `None` if nothing is known of that model's training.
    watch: Option<Watch>,
}

/// The drift of a feature began, or ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DriftChange {
    /// It began.
    Began {
        /// The feature, by its place.
        feature: usize,
        /// The figures by which that was decided.
        comparison: Comparison,
    },
    /// It ended, also with the model that it was measured against.
    Ended {
        /// The feature, by its place.
        feature: usize,
    },
}

/// Everything that is known of drift, for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DriftState {
    /// Rows in a full window.
    pub(super) capacity: usize,
    model_version: Arc<str>,
    watch: Option<WatchState>,
}

impl Drift {
    pub(super) fn new(capacity: usize) -> Self {
        Drift { capacity, model_version: Arc::from(""), watch: None }
    }

    /// Takes in a row, and says where drift began or ended with it. `model` is the one that scored it or, of rows before
    /// the start, the one in service.
    pub(super) fn fold(&mut self, record: &PredictionRecord, model: &Model) -> Vec<DriftChange> {
        let mut changes = Vec::new();
        if record.model_version != self.model_version {
            changes.extend(self.drifting().map(|feature| DriftChange::Ended { feature }));
            self.model_version = Arc::clone(&record.model_version);
            let reference = model.drift().filter(|_| *model.version() == self.model_version);
            self.watch = reference.map(|reference| Watch::new(reference, self.capacity));
        }
        let (Some(watch), Some(reference)) = (&mut self.watch, model.drift()) else { return changes };
        let observed = Observed {
            timestamp: record.timestamp,
            values: &record.values,
            absent: record.gaps.all(),
            is_anomaly: record.prediction.is_anomaly,
        };
        changes.extend(watch.fold(reference, &observed).into_iter().map(DriftChange::from));
        changes
    }

    /// The newest rows of that model; `None` if the newest row is none of its.
    pub(crate) fn watch_of(&self, model: &Model) -> Option<&Watch> {
        self.watch.as_ref().filter(|_| *model.version() == self.model_version)
    }

    /// The features that drift, by their place.
    fn drifting(&self) -> impl Iterator<Item = usize> {
        let since = self.watch.iter().flat_map(|watch| watch.since().iter().enumerate());
        since.filter(|(_, since)| since.is_some()).map(|(feature, _)| feature)
    }

    pub(super) fn state(&self) -> DriftState {
        let watch = self.watch.as_ref().map(Watch::state);
        DriftState { capacity: self.capacity, model_version: Arc::clone(&self.model_version), watch }
    }

    /// Goes on from a state; what was measured against another model than the one in service is left out.
    pub(super) fn resume(state: &DriftState, model: &Model) -> Self {
        let DriftState { capacity, model_version, watch } = state;
        let reference = model.drift().filter(|_| model.version() == model_version);
        let watch = reference.zip(watch.as_ref());
        let watch = watch.and_then(|(reference, watch)| Watch::resume(reference, *capacity, watch));
        Drift { capacity: *capacity, model_version: Arc::clone(model_version), watch }
    }
}

impl From<Change> for DriftChange {
    fn from(change: Change) -> Self {
        let Change { feature, is_drifting, comparison } = change;
        if is_drifting { DriftChange::Began { feature, comparison } } else { DriftChange::Ended { feature } }
    }
}
