//! The least an axum service can do with a reading: parse the JSON, answer a constant. What `benchmarks/http.sh` measures
//! the service against.

use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;

/// The reading that is parsed; its values are looked at so that parsing them cannot be left out.
#[derive(Deserialize)]
struct Reading {
    temperature: f64,
    humidity: f64,
    sound_volume: f64,
}

async fn predict(Json(reading): Json<Reading>) -> Json<serde_json::Value> {
    std::hint::black_box((reading.temperature, reading.humidity, reading.sound_volume));
    Json(serde_json::json!({ "is_anomaly": false, "anomaly_score": 0.5 }))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/predict", post(predict))).await
}
