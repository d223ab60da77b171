//! What the pipeline counts, in Prometheus's types. The registry belongs to the service; nothing is global.

mod drift;
mod turbines;

#[cfg(test)]
mod tests;

use crate::drift::DriftReport;
use crate::events::Event;
use crate::fleet::Census;
pub use crate::prediction_log::registered;
use drift::DriftGauges;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, IntGaugeVec, Opts, Registry};
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;
use turbines::Turbines;

const SCORE_BUCKETS: [f64; 13] = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0];

/// The pipeline's counters since the service started.
#[derive(Debug)]
pub struct Counters {
    /// Readings scored and logged.
    pub predictions: IntCounter,
    /// Readings that came again and were answered from what was logged.
    pub duplicates: IntCounter,
    /// Predictions answered without being logged, as [`LogPolicy::BestEffort`](crate::LogPolicy) allows.
    pub unlogged: IntCounter,
    scores: Histogram,
    turbines: Turbines,
    drift: DriftGauges,
    model_loaded: IntGauge,
    model_info: IntGaugeVec,
    /// Models that went into service after the start.
    pub reloads: IntCounter,
    /// Model files that were refused.
    pub refused_reloads: IntCounter,
    turbines_known: IntGauge,
    alarms_active: IntGauge,
    pub(crate) alarms_acknowledged: IntGauge,
    turbines_silent: IntGauge,
    sensors_stuck: IntGauge,
    sensors_missing: IntGauge,
    alarms_raised: IntCounter,
    stuck: IntCounter,
    missing: IntCounter,
    carried: IntCounter,
    implausible: IntCounter,
    silences: IntCounter,
    pub(crate) log_accepting: IntGauge,
    pub(crate) log_queue_rows: IntGauge,
}

impl Counters {
    /// Counters at zero, registered.
    pub fn new(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str| registered(registry, IntCounter::new(name, help));
        let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help));
        let scores = HistogramOpts::new("turbine_anomaly_score", "Anomaly scores given.");
        let info = Opts::new("turbine_model_info", "Always 1; the label says which model scores.");
        Counters {
            // Prometheus sums the counters by turbine.
            predictions: IntCounter::new("predictions", "Readings scored and logged.")
                .expect("Prometheus allows the name"),
            duplicates: counter("turbine_duplicates_total", "Readings that came again and were not logged again."),
            unlogged: counter("turbine_log_unlogged_total", "Predictions answered without being logged."),
            scores: registered(registry, Histogram::with_opts(scores.buckets(SCORE_BUCKETS.to_vec()))),
            turbines: Turbines::new(registry),
            drift: DriftGauges::new(registry),
            model_loaded: gauge("turbine_model_loaded", "1 if there is a model to score with, 0 if not."),
            model_info: registered(registry, IntGaugeVec::new(info, &["model_version"])),
            reloads: counter("turbine_model_reloads_total", "Models that went into service after the start."),
            refused_reloads: counter("turbine_model_reloads_refused_total", "Model files that were refused."),
            turbines_known: gauge("turbine_turbines_known", "Turbines whose state is kept."),
            alarms_active: gauge("turbine_alarms_active", "Turbines whose alarm is on."),
            alarms_acknowledged: gauge(
                "turbine_alarms_acknowledged",
                "Turbines whose alarm is on and was acknowledged by somebody.",
            ),
            turbines_silent: gauge("turbine_turbines_silent", "Turbines that sent nothing for ten typical intervals."),
            sensors_stuck: gauge("turbine_sensors_stuck", "Sensors whose value does not change, of all turbines."),
            sensors_missing: gauge(
                "turbine_sensors_missing",
                "Sensors without a value for too long to carry the last one, of all turbines.",
            ),
            alarms_raised: counter("turbine_alarms_raised_total", "Alarms raised."),
            stuck: counter("turbine_sensors_stuck_total", "Times that a sensor became stuck."),
            missing: counter("turbine_sensors_missing_total", "Times that a sensor became missing."),
            carried: counter(
                "turbine_values_carried_total",
                "Values that were missing and for which the last one stood in.",
            ),
            implausible: counter(
                "turbine_values_implausible_total",
                "Values more than ten training ranges outside the training range, of sensors without a declared range.",
            ),
            silences: counter("turbine_silences_total", "Times that a turbine fell silent."),
            log_accepting: gauge("turbine_log_accepting", "1 if the prediction log takes rows, 0 if not."),
            log_queue_rows: gauge("turbine_log_queue_rows", "Rows that wait to be written."),
        }
    }

    /// Counts a record that is in the log.
    pub(crate) fn count_logged(&self, record: &PredictionRecord, model: &Model) {
        let implausible = model.implausible(record.values.iter().copied()).without(record.gaps.all());
        self.count(record, implausible.len());
    }

    /// The same, with so many implausible values.
    fn count(&self, record: &PredictionRecord, implausible: usize) {
        self.predictions.inc();
        self.scores.observe(record.prediction.anomaly_score);
        self.carried.inc_by(record.gaps.carried.len() as u64);
        self.implausible.inc_by(implausible as u64);
        self.turbines.count(record.turbine_id.as_ref(), record.prediction.is_anomaly);
    }

    /// Counts an event.
    pub(crate) fn notice(&self, event: &Event) {
        match event {
            Event::AlarmRaised(_) => self.alarms_raised.inc(),
            Event::SensorStuck { .. } => self.stuck.inc(),
            Event::SensorMissing { .. } => self.missing.inc(),
            Event::TurbineSilent { .. } => self.silences.inc(),
            _ => {}
        }
    }

    /// Notes how the newest readings compare with the training.
    pub(crate) fn set_drift(&self, report: &DriftReport) {
        self.drift.set(report);
    }

    /// Notes how many turbines need attention.
    pub fn set_census(&self, census: Census) {
        let Census { turbines, in_alarm, silent, stuck_sensors, missing_sensors } = census;
        for (gauge, number) in [
            (&self.turbines_known, turbines),
            (&self.alarms_active, in_alarm),
            (&self.turbines_silent, silent),
            (&self.sensors_stuck, stuck_sensors),
            (&self.sensors_missing, missing_sensors),
        ] {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
    }

    /// Notes whether the log takes rows.
    pub fn set_log_accepting(&self, accepting: bool) {
        self.log_accepting.set(i64::from(accepting));
    }

    /// Notes the model in service.
    pub fn set_model(&self, model: &Model) {
        self.model_loaded.set(1);
        self.model_info.reset();
        self.drift.reset();
        self.model_info.with_label_values(&[model.version()]).set(1);
    }
}
