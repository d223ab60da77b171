//! Watching the newest readings for drift.

use super::comparison::{Comparison, Share, shares};
use super::window::Window;
use super::{DEFAULT_WINDOW, Distribution, Reference};
use crate::sensors::SensorSet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A window with fewer values of a feature says nothing of it.
const FEWEST_VALUES: u64 = 200;

/// Drift is decided on after every so many readings: what begins and ends depends on the readings alone.
const EVALUATED_EVERY: u64 = 50;

/// By how much a PSI must exceed what chance explains for drift to begin. It ends below half of that.
const BEGINS_AT: f64 = 0.2;

/// A reading as drift sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed<'a> {
    /// When it was taken.
    pub timestamp: Timestamp,
    /// One value a feature, in the features' order and units.
    pub values: &'a [f64],
    /// The values that were not measured.
    pub absent: SensorSet,
    /// Whether the model flags it.
    pub is_anomaly: bool,
}

/// The drift of a feature began or ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The feature, by its place.
    pub feature: usize,
    /// Whether the feature drifts now.
    pub is_drifting: bool,
    /// The figures by which that was decided.
    pub comparison: Comparison,
}

/// The newest readings, and which features they drift in. Costs about 0.03 µs a value, whatever the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    window: Window,
    /// How many readings were folded.
    rows: u64,
    /// Since which reading each feature drifts.
    since: Vec<Option<Timestamp>>,
}

/// Everything a watch knows, to go on later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchState {
    rows: u64,
    since: Vec<Option<Timestamp>>,
    bins: Vec<u16>,
    flagged: Vec<bool>,
}

impl Watch {
    /// Watches the newest `window` readings; none so far.
    pub fn new(reference: &Reference, window: usize) -> Self {
        Watch { window: Window::new(reference, window), rows: 0, since: vec![None; reference.features.len()] }
    }

    /// Takes in a reading, and says where drift began or ended with it. The reference is always the same.
    pub fn fold(&mut self, reference: &Reference, observed: &Observed) -> Vec<Change> {
        self.window.add(reference, observed.values, observed.absent, observed.is_anomaly);
        self.rows += 1;
        let mut changes = Vec::new();
        if !self.rows.is_multiple_of(EVALUATED_EVERY) {
            return changes;
        }
        for (feature, training) in reference.features.iter().enumerate() {
            let Some(comparison) = Comparison::new(training.counts(), self.window.counts(feature)) else { continue };
            let was_drifting = self.since[feature].is_some();
            let is_drifting = self.decide(training, &comparison, was_drifting);
            if is_drifting != was_drifting {
                self.since[feature] = is_drifting.then_some(observed.timestamp);
                changes.push(Change { feature, is_drifting, comparison });
            }
        }
        changes
    }

    /// Whether a feature drifts, given whether it did before.
    fn decide(&self, training: &Distribution, comparison: &Comparison, was_drifting: bool) -> bool {
        if !self.is_enough(training, comparison.values) {
            return was_drifting;
        }
        let begins_at = training.usual_psi().unwrap_or_default().max(BEGINS_AT);
        if was_drifting {
            comparison.excess_psi() >= begins_at / 2.0
        } else {
            comparison.excess_psi() >= begins_at && comparison.ks > comparison.ks_by_chance
        }
    }

    /// Whether there are enough readings to say whether a feature drifts.
    pub fn is_decided(&self, reference: &Reference, feature: usize) -> bool {
        let values = self.compare(reference, feature).map_or(0, |comparison| comparison.values);
        self.is_enough(&reference.features[feature], values)
    }

    fn is_enough(&self, training: &Distribution, values: u64) -> bool {
        // What is usual within a recording is known of windows of that length only: shorter ones differ more.
        let is_long_enough = training.usual_psi().is_none() || self.window.rows() >= DEFAULT_WINDOW as u64;
        is_long_enough && values >= FEWEST_VALUES
    }

    /// How the window compares with the training in a feature; `None` without a value.
    pub fn compare(&self, reference: &Reference, feature: usize) -> Option<Comparison> {
        Comparison::new(reference.features[feature].counts(), self.window.counts(feature))
    }

    /// The shares of training and window in about twenty bins, from low to high.
    pub fn shares(&self, reference: &Reference, feature: usize) -> Vec<Share> {
        let training = &reference.features[feature];
        shares(training.upper(), training.counts(), self.window.counts(feature))
    }

    /// Since which reading each feature drifts; `None` while it does not.
    pub fn since(&self) -> &[Option<Timestamp>] {
        &self.since
    }

    /// How many readings are in the window.
    pub fn readings(&self) -> u64 {
        self.window.rows()
    }

    /// The share of them that is flagged, 0 to 1; `None` without any.
    pub fn anomaly_rate(&self) -> Option<f64> {
        let rows = self.window.rows();
        (rows > 0).then(|| self.window.anomalies() as f64 / rows as f64)
    }

    /// Everything it knows.
    pub fn state(&self) -> WatchState {
        let (bins, flagged) = self.window.to_parts();
        WatchState { rows: self.rows, since: self.since.clone(), bins, flagged }
    }

    /// Goes on from a state; `None` if it is that of another reference.
    pub fn resume(reference: &Reference, window: usize, state: &WatchState) -> Option<Self> {
        let WatchState { rows, since, bins, flagged } = state;
        let window = Window::of_parts(reference, window, bins, flagged)?;
        (since.len() == reference.features.len()).then(|| Watch { window, rows: *rows, since: since.clone() })
    }
}
