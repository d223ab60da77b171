//! What is counted of shadows, promotions and rollbacks.

use super::comparison::Comparison;
use crate::counters::registered;
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use turbine_core::model::Model;

/// Counters since the service started, and the version of the shadow.
#[derive(Debug, Clone)]
pub(crate) struct LifecycleCounters {
    readings: IntCounter,
    agreed: IntCounter,
    service_alarms: IntCounter,
    shadow_alarms: IntCounter,
    service_anomalies: IntCounter,
    shadow_anomalies: IntCounter,
    pub(super) dropped: IntCounter,
    difference: Gauge,
    info: IntGaugeVec,
    pub(crate) promotions: IntCounter,
    pub(crate) requested_rollbacks: IntCounter,
    pub(crate) automatic_rollbacks: IntCounter,
}

impl LifecycleCounters {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str| registered(registry, IntCounter::new(name, help));
        let by_model = |name: &str, help: &str| {
            let counter = registered(registry, IntCounterVec::new(Opts::new(name, help), &["model"]));
            ["service", "shadow"].map(|model| counter.with_label_values(&[model]))
        };
        let [service_alarms, shadow_alarms] =
            by_model("turbine_shadow_alarms_total", "Alarms on the readings that a shadow scored, by each model.");
        let [service_anomalies, shadow_anomalies] = by_model(
            "turbine_shadow_anomalies_total",
            "Anomalies among the readings that a shadow scored, by each model.",
        );
        let rollbacks =
            Opts::new("turbine_model_rollbacks_total", "Models taken out of service again, by request or rule.");
        let rollbacks = registered(registry, IntCounterVec::new(rollbacks, &["by"]));
        let difference = Gauge::new(
            "turbine_shadow_score_difference",
            "Mean of the shadow's score less that of the model in service.",
        );
        let info = Opts::new("turbine_shadow_info", "1 while there is a shadow; the label says which model it is.");
        LifecycleCounters {
            readings: counter("turbine_shadow_readings_total", "Readings that a shadow scored as well."),
            agreed: counter("turbine_shadow_agreed_total", "Those of which shadow and service said the same."),
            service_alarms,
            shadow_alarms,
            service_anomalies,
            shadow_anomalies,
            dropped: counter(
                "turbine_shadow_dropped_total",
                "Readings that a shadow left out, since it could not keep up.",
            ),
            difference: registered(registry, difference),
            info: registered(registry, IntGaugeVec::new(info, &["model_version"])),
            promotions: counter("turbine_model_promotions_total", "Models that were promoted."),
            requested_rollbacks: rollbacks.with_label_values(&["request"]),
            automatic_rollbacks: rollbacks.with_label_values(&["rule"]),
        }
    }

    /// Notes the shadow, or that there is none.
    pub(super) fn set_shadow(&self, model: Option<&Model>) {
        self.info.reset();
        self.difference.set(0.0);
        if let Some(model) = model {
            self.info.with_label_values(&[model.version()]).set(1);
        }
    }

    /// Counts what came to a comparison.
    pub(super) fn count(&self, before: &Comparison, after: &Comparison) {
        for (counter, count) in [
            (&self.readings, after.readings - before.readings),
            (&self.agreed, after.agreed - before.agreed),
            (&self.service_alarms, after.service_alarms - before.service_alarms),
            (&self.shadow_alarms, after.shadow_alarms - before.shadow_alarms),
            (&self.service_anomalies, after.service_anomalies - before.service_anomalies),
            (&self.shadow_anomalies, after.shadow_anomalies - before.shadow_anomalies),
        ] {
            counter.inc_by(count);
        }
        if let Some(difference) = after.mean_score_difference() {
            self.difference.set(difference);
        }
    }
}
