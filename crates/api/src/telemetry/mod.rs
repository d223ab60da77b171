//! What the service counts about itself. The registry belongs to the service; nothing is global.

mod scrape;
mod turbines;

use crate::error::ApiError;
use crate::route::Route;
use crate::state::Scoring;
use axum::http::StatusCode;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
    core::Collector,
};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use turbine_core::prediction::PredictionRecord;
use turbines::Turbines;
use utoipa::ToSchema;

/// Upper bounds in seconds: from a warm single reading to the request time-out.
const LATENCY_BUCKETS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

const SCORE_BUCKETS: [f64; 13] = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0];

/// The service's counters.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    started: SystemTime,
    requests: IntCounterVec,
    /// Of `requests`, those that most are counted by: with status 200.
    fulfilled: [IntCounter; Route::COUNT],
    latency: [Histogram; Route::COUNT],
    turbines: Turbines,
    scores: Histogram,
    predict: PredictCounters,
}

/// The counters of scoring requests alone.
#[derive(Debug, Default)]
struct PredictCounters {
    requests: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    nanoseconds: AtomicU64,
    predictions: AtomicU64,
}

/// The counters of scoring requests, as `/metrics` shows them in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// Scoring requests answered, whatever the answer.
    pub requests_total: u64,
    /// Those answered with a status from 400 to 499.
    pub requests_4xx: u64,
    /// Those answered with a status from 500 on.
    pub requests_5xx: u64,
    /// Readings scored, logged and answered.
    pub predictions_total: u64,
    /// Mean time from the head of a scoring request to that of its answer, in milliseconds; 0 before the first.
    pub avg_latency_ms: f64,
}

impl Telemetry {
    /// Counters at zero.
    pub fn new(scoring: &Result<Scoring, Arc<str>>) -> Self {
        let registry = Registry::new();
        let requests = registered(
            &registry,
            IntCounterVec::new(
                Opts::new("turbine_http_requests_total", "Requests answered, by route and status."),
                &["route", "status"],
            ),
        );
        let latency = registered(
            &registry,
            HistogramVec::new(
                HistogramOpts::new(
                    "turbine_http_request_duration_seconds",
                    "Time to the head of the answer, by route.",
                )
                .buckets(LATENCY_BUCKETS.to_vec()),
                &["route"],
            ),
        );
        let scores = registered(
            &registry,
            Histogram::with_opts(
                HistogramOpts::new("turbine_anomaly_score", "Anomaly scores given.").buckets(SCORE_BUCKETS.to_vec()),
            ),
        );
        let latency = Route::EVERY.map(|route| latency.with_label_values(&[route.path()]));
        let fulfilled = Route::EVERY.map(|route| requests.with_label_values(&[route.path(), StatusCode::OK.as_str()]));
        let turbines = Turbines::new(&registry);
        let telemetry = Telemetry {
            registry,
            started: SystemTime::now(),
            requests,
            fulfilled,
            latency,
            turbines,
            scores,
            predict: PredictCounters::default(),
        };
        scrape::register_model(&telemetry.registry, scoring);
        telemetry
    }

    /// Counts a request that was answered.
    pub fn count_request(&self, route: Route, status: StatusCode, took: Duration) {
        if status == StatusCode::OK {
            self.fulfilled[route as usize].inc();
        } else {
            self.requests.with_label_values(&[route.path(), status.as_str()]).inc();
        }
        self.latency[route as usize].observe(took.as_secs_f64());
        if route.is_predict() {
            let PredictCounters { requests, client_errors, server_errors, nanoseconds, .. } = &self.predict;
            requests.fetch_add(1, Relaxed);
            client_errors.fetch_add(u64::from(status.is_client_error()), Relaxed);
            server_errors.fetch_add(u64::from(status.is_server_error()), Relaxed);
            nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        }
    }

    /// Counts predictions that are given.
    pub fn count_predictions(&self, records: &[PredictionRecord]) {
        self.predict.predictions.fetch_add(records.len() as u64, Relaxed);
        for record in records {
            self.scores.observe(record.prediction.anomaly_score);
            self.turbines.count(record.turbine_id.as_ref(), record.prediction.is_anomaly);
        }
    }

    /// The counters of scoring requests.
    pub fn summary(&self) -> Summary {
        let PredictCounters { requests, client_errors, server_errors, nanoseconds, predictions } = &self.predict;
        let requests_total = requests.load(Relaxed);
        let milliseconds = nanoseconds.load(Relaxed) as f64 / 1e6;
        Summary {
            requests_total,
            requests_4xx: client_errors.load(Relaxed),
            requests_5xx: server_errors.load(Relaxed),
            predictions_total: predictions.load(Relaxed),
            avg_latency_ms: if requests_total == 0 { 0.0 } else { milliseconds / requests_total as f64 },
        }
    }

    /// All counters, those of the log and the process included, in Prometheus's text format.
    ///
    /// # Errors
    /// 500 if they cannot be put into text.
    pub fn prometheus_text(&self, scoring: &Result<Scoring, Arc<str>>) -> Result<String, ApiError> {
        let mut families = self.registry.gather();
        families.extend(scrape::of_process(self.started));
        if let Ok(Scoring { log, .. }) = scoring {
            families.extend(scrape::of_log(&log.status()));
        }
        let mut text = Vec::new();
        let internal = |cause: String| ApiError::Internal { cause };
        TextEncoder::new().encode(&families, &mut text).map_err(|error| internal(error.to_string()))?;
        String::from_utf8(text).map_err(|error| internal(error.to_string()))
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> C {
    let metric = metric.expect("names and labels are constants that Prometheus allows");
    registry.register(Box::new(metric.clone())).expect("every metric is registered once");
    metric
}

#[cfg(test)]
mod tests;
