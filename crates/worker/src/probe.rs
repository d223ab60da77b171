//! What a worker answers over HTTP: how it is, and its counters.

use crate::telemetry::Telemetry;
use anyhow::{Context as _, Result};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use service::Shutdown;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Listens on an address; prints where, since the port may be any free one.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn listen(host: &str, port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind((host, port)).await;
    let listener =
        listener.with_context(|| format!("cannot listen on {host}:{port}; name another address (--host, --port)"))?;
    println!("listening on http://{}", listener.local_addr().context("the listener has no address")?);
    Ok(listener)
}

/// Answers until `shutdown`.
///
/// # Errors
/// If connections can no longer be accepted.
pub async fn answer(listener: TcpListener, telemetry: Arc<Telemetry>, shutdown: Shutdown) -> Result<()> {
    let router = Router::new()
        .route("/health", get(health))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(telemetry);
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.begun().await });
    served.await.context("cannot answer over HTTP")
}

async fn health(State(telemetry): State<Arc<Telemetry>>) -> impl IntoResponse {
    Json(telemetry.health())
}

/// 503 while the worker does not score; a problem with a newer model alone does not count.
async fn ready(State(telemetry): State<Arc<Telemetry>>) -> impl IntoResponse {
    let health = telemetry.health();
    let status = if health.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

async fn metrics(State(telemetry): State<Arc<Telemetry>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], telemetry.text())
}
