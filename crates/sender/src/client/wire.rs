//! The three forms in which readings go to the API and answers come back: all that single readings, batches and NDJSON
//! differ in.

use super::attempt::Answers;
use crate::config::Config;
use crate::endpoints::Endpoints;
use crate::source::Outgoing;
use reqwest::Url;
use serde::Deserialize;
use serde::de::IgnoredAny;
use turbine_core::prediction::Prediction;

/// How the readings of a request are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// One JSON object.
    Single,
    /// `{"readings": […]}`, answered by `{"predictions": […]}`.
    Batch,
    /// One JSON object a line, answered line by line.
    Ndjson,
}

#[derive(Deserialize)]
struct BatchAnswer {
    predictions: Vec<Prediction>,
}

/// A line of an NDJSON answer: a prediction, or a refusal in its place.
#[derive(Deserialize)]
struct Line {
    is_anomaly: Option<bool>,
    anomaly_score: Option<f64>,
    error: Option<String>,
    #[serde(default)]
    faults: Vec<IgnoredAny>,
    status: Option<u16>,
}

impl Wire {
    /// What the flags ask for.
    pub fn of(config: &Config) -> Self {
        match (config.ndjson, config.batch) {
            (true, _) => Wire::Ndjson,
            (false, Some(_)) => Wire::Batch,
            (false, None) => Wire::Single,
        }
    }

    pub(super) fn url(self, endpoints: &Endpoints) -> &Url {
        match self {
            Wire::Single => &endpoints.predict,
            Wire::Batch | Wire::Ndjson => &endpoints.batch,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Wire::Single | Wire::Batch => "application/json",
            Wire::Ndjson => "application/x-ndjson",
        }
    }

    pub(super) fn encode(self, readings: &[&Outgoing]) -> String {
        let (before, between, after) = match self {
            Wire::Single => ("", "", ""),
            Wire::Batch => (r#"{"readings":["#, ",", "]}"),
            Wire::Ndjson => ("", "\n", "\n"),
        };
        let length: usize = readings.iter().map(|reading| reading.json.len() + between.len()).sum();
        let mut body = String::with_capacity(before.len() + length + after.len());
        body.push_str(before);
        for (i, reading) in readings.iter().enumerate() {
            body.push_str(if i == 0 { "" } else { between });
            body.push_str(&reading.json);
        }
        body.push_str(after);
        body
    }

    /// Takes what can be understood of a successful answer out of `body`; `complete` once nothing more will come.
    ///
    /// An error says why the answer will never be understood.
    pub(super) fn decode(self, body: &mut Vec<u8>, complete: bool, answers: &mut Answers) -> Result<(), String> {
        match self {
            Wire::Single | Wire::Batch if !complete => {}
            Wire::Single => answers.score(parse::<Prediction>(body)?),
            Wire::Batch => {
                let BatchAnswer { predictions } = parse(body)?;
                if predictions.len() != answers.expected() {
                    return Err(format!("{} readings got {} predictions", answers.expected(), predictions.len()));
                }
                predictions.into_iter().for_each(|prediction| answers.score(prediction));
            }
            Wire::Ndjson => {
                let end =
                    if complete { body.len() } else { body.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1) };
                for line in body[..end].split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
                    decode_line(line, answers)?;
                }
                body.drain(..end);
            }
        }
        Ok(())
    }
}

fn decode_line(text: &[u8], answers: &mut Answers) -> Result<(), String> {
    match parse(text)? {
        Line { is_anomaly: Some(is_anomaly), anomaly_score: Some(anomaly_score), .. } => {
            answers.score(Prediction { anomaly_score, is_anomaly });
        }
        Line { error: Some(error), faults, status, .. } => {
            // An error that blames no field of the reading is the service's own and may pass.
            answers.refuse(status.unwrap_or(if faults.is_empty() { 503 } else { 400 }), error);
        }
        Line { .. } => return Err(format!("neither a prediction nor an error: {}", String::from_utf8_lossy(text))),
    }
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}
