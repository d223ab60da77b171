//! Gauges of drift. What is undefined has no series.

use super::registered;
use crate::drift::DriftReport;
use prometheus::{GaugeVec, Opts, Registry};

/// How the newest readings compare with the training.
#[derive(Debug)]
pub(super) struct DriftGauges {
    psi: GaugeVec,
    ks: GaugeVec,
    drifting: GaugeVec,
    anomaly_ratio: GaugeVec,
    expected_ratio: GaugeVec,
}

impl DriftGauges {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            registered(registry, GaugeVec::new(Opts::new(name, help), labels))
        };
        DriftGauges {
            psi: gauges(
                "turbine_feature_psi",
                "Population stability index of the newest readings against the training.",
                &["feature"],
            ),
            ks: gauges(
                "turbine_feature_ks",
                "Kolmogorov-Smirnov distance of the newest readings from the training.",
                &["feature"],
            ),
            drifting: gauges(
                "turbine_feature_drifting",
                "1 while the newest readings are distributed otherwise than in training, 0 while not.",
                &["feature"],
            ),
            anomaly_ratio: gauges("turbine_recent_anomaly_ratio", "Share of the newest readings that is flagged.", &[]),
            expected_ratio: gauges(
                "turbine_expected_anomaly_ratio",
                "Share of the training readings that the model flags.",
                &[],
            ),
        }
    }

    pub(super) fn set(&self, report: &DriftReport) {
        for feature in &report.features {
            let labels = [feature.feature.as_str()];
            put(&self.psi, &labels, feature.psi);
            put(&self.ks, &labels, feature.ks);
            put(&self.drifting, &labels, Some(f64::from(u8::from(feature.drifting))));
        }
        put(&self.anomaly_ratio, &[], report.anomaly_rate);
        put(&self.expected_ratio, &[], report.expected_rate);
    }

    /// Forgets the features of another model.
    pub(super) fn reset(&self) {
        for gauges in [&self.psi, &self.ks, &self.drifting, &self.anomaly_ratio, &self.expected_ratio] {
            gauges.reset();
        }
    }
}

fn put(gauges: &GaugeVec, labels: &[&str], value: Option<f64>) {
    match value {
        Some(value) => gauges.with_label_values(labels).set(value),
        // Fails if it was undefined before.
        None => drop(gauges.remove_label_values(labels)),
    }
}
