//! Clients that send without a pause and record every answer.

use crate::api::{Answered, Api};
use crate::log_file::LogRow;
use crate::raw::{Raw, post};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Number of concurrent clients, each on its own connection.
const CLIENTS: usize = 6;

/// A reading that a client sent, and its answer.
#[derive(Debug, Clone)]
pub struct Told {
    /// The turbine of the reading, different for every reading.
    pub turbine_id: String,
    /// When the client began to send.
    pub begun: Instant,
    /// The prediction or the refusal.
    pub outcome: Result<Verdict, Refusal>,
}

/// A prediction that was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Time of the reading.
    pub timestamp: String,
    /// The verdict.
    pub is_anomaly: bool,
    /// The score.
    pub anomaly_score: f64,
    /// The model that gave it.
    pub model_version: String,
}

impl Verdict {
    /// The verdict that a row of the log holds.
    pub fn of_row(row: &LogRow) -> Self {
        Verdict {
            timestamp: row.timestamp.clone(),
            is_anomaly: row.is_anomaly,
            anomaly_score: row.anomaly_score,
            model_version: row.model_version.clone(),
        }
    }
}

/// A prediction that was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The status; 200 for a refused line of newline-delimited JSON.
    pub status: u16,
    /// The value of `Retry-After`.
    pub retry_after: Option<String>,
    /// The reason.
    pub error: String,
}

/// Runs clients until `stop` is set or the service is gone: single readings, batches and newline-delimited JSON. Readings
/// without an answer are left out.
///
/// # Panics
/// If an answer is neither a prediction nor a refusal.
pub fn load(api: &Api, mark: &str, stop: &AtomicBool) -> Vec<Told> {
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mark = format!("{mark}.c{client}");
                scope.spawn(move || send_until_stopped(api, client, &mark, stop))
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client does not panic")).collect()
    })
}

fn send_until_stopped(api: &Api, client: usize, mark: &str, stop: &AtomicBool) -> Vec<Told> {
    let mut told = Vec::new();
    let Ok(mut raw) = Raw::try_connect(api) else { return told };
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let (path, kind, readings) = match client {
            0 => ("/predict/batch", "application/json", 20),
            1 => ("/predict/batch", "application/x-ndjson", 200),
            _ => ("/predict", "application/json", 1),
        };
        let ids: Vec<String> = (next..next + readings).map(|i| format!("{mark}.{i}")).collect();
        next += readings;
        let body = match (path, kind) {
            ("/predict", _) => reading(&ids[0]).to_string(),
            (_, "application/json") => {
                json!({ "readings": ids.iter().map(|id| reading(id)).collect::<Vec<_>>() }).to_string()
            }
            _ => ids.iter().map(|id| format!("{}\n", reading(id))).collect(),
        };
        let begun = Instant::now();
        let Some(answer) = raw.try_send(post(path, kind, body)).ok().and_then(|()| raw.try_answer()) else { break };
        let outcomes = outcomes(&answer, ids.len());
        told.extend(ids.into_iter().zip(outcomes).map(|(turbine_id, outcome)| Told { turbine_id, begun, outcome }));
    }
    told
}

/// Readings differ, so that a row with the values of another reading is noticed.
fn reading(id: &str) -> Value {
    let noise = id.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) % 1_000;
    json!({
        "temperature": 20.0 + f64::from(noise) / 50.0,
        "humidity": 60.2,
        "sound_volume": 0.51,
        "turbine_id": id,
    })
}

/// The outcome of each of `n` readings.
pub(crate) fn outcomes(answer: &Answered, n: usize) -> Vec<Result<Verdict, Refusal>> {
    let outcome = |value: &Value| match value["error"].as_str() {
        None => Ok(verdict(value)),
        Some(error) => Err(Refusal {
            status: answer.status,
            retry_after: answer.header("retry-after").map(str::to_owned),
            error: error.to_owned(),
        }),
    };
    let outcomes: Vec<_> = if answer.header("content-type") == Some("application/x-ndjson") {
        answer.body.lines().map(|line| outcome(&serde_json::from_str(line).expect("a line is JSON"))).collect()
    } else {
        let whole = answer.json();
        match whole["predictions"].as_array() {
            Some(predictions) => predictions.iter().map(outcome).collect(),
            None => vec![outcome(&whole); if whole["error"].is_null() { 1 } else { n }],
        }
    };
    assert_eq!(outcomes.len(), n, "{answer:?}");
    outcomes
}

fn verdict(value: &Value) -> Verdict {
    let text = |name: &str| value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned();
    Verdict {
        timestamp: text("timestamp"),
        is_anomaly: value["is_anomaly"].as_bool().unwrap_or_else(|| panic!("no verdict: {value}")),
        anomaly_score: value["anomaly_score"].as_f64().unwrap_or_else(|| panic!("no score: {value}")),
        model_version: text("model_version"),
    }
}
