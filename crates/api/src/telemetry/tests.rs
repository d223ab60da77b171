#![allow(clippy::unwrap_used)]

use super::turbines::{MOST_TURBINES, OTHERS};
use super::*;
use turbine_core::prediction::Prediction;

fn telemetry() -> Telemetry {
    Telemetry::new(&Err(Arc::from("no model in this test")))
}

fn record(turbine: Option<&str>, is_anomaly: bool) -> PredictionRecord {
    PredictionRecord {
        timestamp: "2026-01-31T12:00:00Z".parse().unwrap(),
        values: vec![],
        prediction: Prediction { anomaly_score: 0.5, is_anomaly },
        turbine_id: turbine.map(|id| id.parse().unwrap()),
        model_version: "".into(),
    }
}

#[test]
fn only_scoring_requests_count_in_the_summary() {
    let telemetry = telemetry();
    for (route, status, ms) in [
        (Route::Predict, StatusCode::OK, 2),
        (Route::PredictBatch, StatusCode::BAD_REQUEST, 4),
        (Route::Predict, StatusCode::SERVICE_UNAVAILABLE, 6),
        (Route::Health, StatusCode::OK, 100),
        (Route::Other, StatusCode::NOT_FOUND, 100),
    ] {
        telemetry.count_request(route, status, Duration::from_millis(ms));
    }
    telemetry.count_predictions(&[record(None, false), record(None, true)]);
    // (2 + 4 + 6) / 3 = 4 ms.
    let expected =
        Summary { requests_total: 3, requests_4xx: 1, requests_5xx: 1, predictions_total: 2, avg_latency_ms: 4.0 };
    assert_eq!(telemetry.summary(), expected);
    let text = telemetry.prometheus_text(&Err(Arc::from(""))).unwrap();
    assert!(text.contains("turbine_http_requests_total{route=\"/health\",status=\"200\"} 1"), "{text}");
    assert!(text.contains("turbine_http_requests_total{route=\"*\",status=\"404\"} 1"), "{text}");
}

#[test]
fn turbines_beyond_the_most_share_a_label() {
    let telemetry = telemetry();
    for i in 0..MOST_TURBINES + 50 {
        telemetry.count_predictions(&[record(Some(&format!("T{i}")), i >= MOST_TURBINES)]);
    }
    telemetry.count_predictions(&[record(Some("T0"), true), record(None, false)]);
    let text = telemetry.prometheus_text(&Err(Arc::from(""))).unwrap();
    assert!(text.contains("turbine_predictions_total{turbine=\"T0\"} 2"), "{text}");
    assert!(text.contains("turbine_anomalies_total{turbine=\"T0\"} 1"), "{text}");
    assert!(text.contains(&format!("turbine_predictions_total{{turbine=\"{OTHERS}\"}} 50")), "{text}");
    assert!(text.contains(&format!("turbine_anomalies_total{{turbine=\"{OTHERS}\"}} 50")), "{text}");
    assert!(text.contains("turbine_predictions_total{turbine=\"\"} 1"), "{text}");
    assert!(!text.contains("\"T100\""), "{text}");
    assert_eq!(text.matches("turbine_predictions_total{").count(), MOST_TURBINES + 2);
}
