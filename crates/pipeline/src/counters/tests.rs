#![allow(clippy::unwrap_used)]

use super::turbines::{MAX_LABELS, OTHERS};
use super::*;
use prometheus::{Encoder, TextEncoder};
use turbine_core::prediction::{Prediction, Watch};

fn record(turbine: Option<&str>, is_anomaly: bool) -> PredictionRecord {
    PredictionRecord {
        timestamp: "2026-01-31T12:00:00Z".parse().unwrap(),
        values: vec![],
        prediction: Prediction { anomaly_score: 0.5, is_anomaly },
        turbine_id: turbine.map(|id| id.parse().unwrap()),
        model_version: "".into(),
        watch: Watch::default(),
        gaps: Default::default(),
    }
}

#[test]
fn turbines_beyond_the_most_share_a_label() {
    let registry = Registry::new();
    let counters = Counters::new(&registry);
    for i in 0..MAX_LABELS + 50 {
        counters.count(&record(Some(&format!("T{i}")), i >= MAX_LABELS), 0);
    }
    counters.count(&record(Some("T0"), true), 0);
    counters.count(&record(None, false), 2);
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("turbine_predictions_total{turbine=\"T0\"} 2"), "{text}");
    assert!(text.contains("turbine_anomalies_total{turbine=\"T0\"} 1"), "{text}");
    assert!(text.contains(&format!("turbine_predictions_total{{turbine=\"{OTHERS}\"}} 50")), "{text}");
    assert!(text.contains(&format!("turbine_anomalies_total{{turbine=\"{OTHERS}\"}} 50")), "{text}");
    assert!(text.contains("turbine_predictions_total{turbine=\"\"} 1"), "{text}");
    assert!(!text.contains("\"T100\""), "{text}");
    assert_eq!(text.matches("turbine_predictions_total{").count(), MAX_LABELS + 2);
    assert!(text.contains("turbine_values_implausible_total 2"), "{text}");
    assert_eq!(counters.predictions.get(), MAX_LABELS as u64 + 52);
}
