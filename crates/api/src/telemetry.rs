//! Counters of requests. The registry belongs to the service; nothing is global.

use crate::route::Route;
use axum::http::StatusCode;
use pipeline::counters::registered;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use utoipa::ToSchema;

/// Upper bounds in seconds: from a warm single reading to the request time-out.
const LATENCY_BUCKETS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// The service's counters.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    requests: IntCounterVec,
    /// Of `requests`, those that most are counted by: with status 200.
    fulfilled: [IntCounter; Route::COUNT],
    latency: [Histogram; Route::COUNT],
    predict: PredictCounters,
}

/// The counters of scoring requests alone.
#[derive(Debug, Default)]
struct PredictCounters {
    requests: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    nanoseconds: AtomicU64,
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
    /// Readings scored and answered; one that comes again counts once.
    pub predictions_total: u64,
    /// Mean time from the head of a scoring request to that of its answer, in milliseconds; 0 before the first.
    pub avg_latency_ms: f64,
}

impl Telemetry {
    /// Counters at zero, registered beside those that `registry` has already.
    pub fn new(registry: Registry) -> Self {
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("the metrics of the process are registered once");
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
        let latency = Route::EVERY.map(|route| latency.with_label_values(&[route.path()]));
        let fulfilled = Route::EVERY.map(|route| requests.with_label_values(&[route.path(), StatusCode::OK.as_str()]));
        Telemetry { registry, requests, fulfilled, latency, predict: PredictCounters::default() }
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

    /// The counters of scoring requests, with that number of predictions.
    pub fn summary(&self, predictions_total: u64) -> Summary {
        let PredictCounters { requests, client_errors, server_errors, nanoseconds } = &self.predict;
        let requests_total = requests.load(Relaxed);
        let milliseconds = nanoseconds.load(Relaxed) as f64 / 1e6;
        Summary {
            requests_total,
            requests_4xx: client_errors.load(Relaxed),
            requests_5xx: server_errors.load(Relaxed),
            predictions_total,
            avg_latency_ms: if requests_total == 0 { 0.0 } else { milliseconds / requests_total as f64 },
        }
    }

    /// All counters of the registry, in Prometheus's text format.
    ///
    /// # Errors
    /// If they cannot be put into text.
    pub fn prometheus_text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_scoring_requests_count_in_the_summary() {
        let telemetry = Telemetry::new(Registry::new());
        for (route, status, ms) in [
            (Route::Predict, StatusCode::OK, 2),
            (Route::PredictBatch, StatusCode::BAD_REQUEST, 4),
            (Route::Predict, StatusCode::SERVICE_UNAVAILABLE, 6),
            (Route::Health, StatusCode::OK, 100),
            (Route::Other, StatusCode::NOT_FOUND, 100),
        ] {
            telemetry.count_request(route, status, Duration::from_millis(ms));
        }
        // (2 + 4 + 6) / 3 = 4 ms.
        let expected =
            Summary { requests_total: 3, requests_4xx: 1, requests_5xx: 1, predictions_total: 2, avg_latency_ms: 4.0 };
        assert_eq!(telemetry.summary(2), expected);
        let text = telemetry.prometheus_text().unwrap();
        assert!(text.contains("turbine_http_requests_total{route=\"/health\",status=\"200\"} 1"), "{text}");
        assert!(text.contains("turbine_http_requests_total{route=\"*\",status=\"404\"} 1"), "{text}");
        #[cfg(target_os = "linux")]
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
    }
}
