//! Drift of the newest readings, as it is told.

use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use turbine_core::drift::{Comparison, Reference, Share, Watch};
use turbine_core::model::Model;

/// Why a model has no figures of drift, and what to do.
const NO_REFERENCE: &str = "no drift figures: the model was trained before its file held how the training readings are \
    distributed, or imported without --data; train or import again";

/// How the newest readings of the model in service compare with its training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// The model.
    pub model_version: Arc<str>,
    /// Readings in the window.
    pub readings: u64,
    /// Readings in a full window.
    pub window: usize,
    /// One entry a feature, in order; none if the model does not know its training.
    pub features: Vec<FeatureDrift>,
    /// Share of the window's readings that are flagged, 0 to 1; `None` without any.
    pub anomaly_rate: Option<f64>,
    /// Share of the training readings that the model flags, 0 to 1; `None` if the model does not know its training.
    pub expected_rate: Option<f64>,
    /// Why there are no figures, and what to do.
    pub problem: Option<&'static str>,
}

/// How the newest values of a feature compare with those of the training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureDrift {
    /// The feature.
    pub feature: String,
    /// Values in the window: readings without those in which it was not measured.
    pub values: u64,
    /// Population stability index, 0 or more; `None` without a value.
    pub psi: Option<f64>,
    /// Mean of the index without drift, by chance alone.
    pub psi_by_chance: Option<f64>,
    /// Kolmogorov–Smirnov distance, 0 to 1; `None` without a value.
    pub ks: Option<f64>,
    /// Critical value of the distance at significance level 0.001.
    pub ks_by_chance: Option<f64>,
    /// Whether there are enough readings to say whether it drifts.
    pub decided: bool,
    /// Whether the feature drifts.
    pub drifting: bool,
    /// The time of the reading with which drift began; `None` without drift.
    pub since: Option<Timestamp>,
    /// The shares of training and window from low to high values.
    pub bins: Vec<BinShares>,
}

/// The shares of one bin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BinShares {
    /// The upper end of the bin, which belongs to it, in the feature's unit; `None` for the last one.
    pub up_to: Option<f64>,
    /// Share of the training values, 0 to 1.
    pub training: f64,
    /// Share of the window's values, 0 to 1; `None` without any.
    pub window: Option<f64>,
}

impl DriftReport {
    /// What a window of at most `window` readings says; without one it is empty.
    pub(crate) fn new(model: &Model, watch: Option<&Watch>, window: usize) -> Self {
        let model_version = Arc::clone(model.version());
        let Some(reference) = model.drift() else {
            return DriftReport {
                model_version,
                readings: 0,
                window,
                features: Vec::new(),
                anomaly_rate: None,
                expected_rate: None,
                problem: Some(NO_REFERENCE),
            };
        };
        let empty;
        let watch = match watch {
            Some(watch) => watch,
            None => {
                empty = Watch::new(reference, window);
                &empty
            }
        };
        let features = model.features().names().enumerate();
        DriftReport {
            model_version,
            readings: watch.readings(),
            window,
            features: features.map(|(place, name)| FeatureDrift::new(name, place, watch, reference)).collect(),
            anomaly_rate: watch.anomaly_rate(),
            expected_rate: Some(reference.expected_rate),
            problem: None,
        }
    }
}

impl FeatureDrift {
    fn new(name: &str, place: usize, watch: &Watch, reference: &Reference) -> Self {
        let comparison = watch.compare(reference, place);
        let figure = |of: fn(&Comparison) -> f64| comparison.as_ref().map(of);
        let bin = |Share { up_to, training, window }| BinShares { up_to, training, window };
        let since = watch.since()[place];
        FeatureDrift {
            feature: name.to_owned(),
            values: comparison.as_ref().map_or(0, |comparison| comparison.values),
            psi: figure(|comparison| comparison.psi),
            psi_by_chance: figure(|comparison| comparison.psi_by_chance),
            ks: figure(|comparison| comparison.ks),
            ks_by_chance: figure(|comparison| comparison.ks_by_chance),
            decided: watch.is_decided(reference, place),
            drifting: since.is_some(),
            since,
            bins: watch.shares(reference, place).into_iter().map(bin).collect(),
        }
    }
}
