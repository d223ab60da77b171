//! Counters by turbine, for as many turbines as a dashboard can show; the rest share one label.

use crate::prediction_log::registered;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use turbine_core::reading::TurbineId;

/// The most turbines with a label of their own: a client could otherwise fill the memory with names.
pub(super) const MAX_LABELS: usize = 100;

/// The label of readings that name no turbine. No turbine can be called so.
const UNNAMED: &str = "";
/// The label of all turbines beyond [`MAX_LABELS`]. No turbine can be called so.
pub(super) const OTHERS: &str = "_other";

#[derive(Debug)]
pub(super) struct Turbines {
    predictions: IntCounterVec,
    anomalies: IntCounterVec,
    named: RwLock<HashMap<TurbineId, Counters>>,
    unnamed: Counters,
    others: Counters,
}

#[derive(Debug, Clone)]
struct Counters {
    predictions: IntCounter,
    anomalies: IntCounter,
}

impl Turbines {
    pub(super) fn new(registry: &Registry) -> Self {
        let counters =
            |name: &str, help: &str| registered(registry, IntCounterVec::new(Opts::new(name, help), &["turbine"]));
        let predictions = counters("turbine_predictions_total", "Readings scored and logged, by turbine.");
        let anomalies = counters("turbine_anomalies_total", "Readings found anomalous, by turbine.");
        let unnamed = Counters::of(&predictions, &anomalies, UNNAMED);
        let others = Counters::of(&predictions, &anomalies, OTHERS);
        Turbines { predictions, anomalies, named: RwLock::default(), unnamed, others }
    }

    pub(super) fn count(&self, turbine: Option<&TurbineId>, is_anomaly: bool) {
        let Some(turbine) = turbine else { return self.unnamed.count(is_anomaly) };
        if let Some(counters) = self.named.read().unwrap_or_else(PoisonError::into_inner).get(turbine) {
            return counters.count(is_anomaly);
        }
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if named.len() < MAX_LABELS || named.contains_key(turbine) {
            let new = || Counters::of(&self.predictions, &self.anomalies, turbine.as_str());
            named.entry(turbine.clone()).or_insert_with(new).count(is_anomaly);
        } else {
            self.others.count(is_anomaly);
        }
    }
}

impl Counters {
    fn of(predictions: &IntCounterVec, anomalies: &IntCounterVec, turbine: &str) -> Self {
        let [predictions, anomalies] = [predictions, anomalies].map(|counter| counter.with_label_values(&[turbine]));
        Counters { predictions, anomalies }
    }

    fn count(&self, is_anomaly: bool) {
        self.predictions.inc();
        self.anomalies.inc_by(u64::from(is_anomaly));
    }
}
