//! The three request formats, and everything that differs between them: single readings, batches and NDJSON.

use super::answer::{Answers, Verdict};
use crate::config::Config;
use crate::endpoints::Endpoints;
use crate::source::Outgoing;
use reqwest::Url;
use serde::Deserialize;
use serde::de::IgnoredAny;
use turbine_core::prediction::Prediction;

/// The format of requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFormat {
    /// One JSON object.
    Single,
    /// `{"readings": […]}`, answered with `{"predictions": […]}`.
    Batch,
    /// One JSON object per line, answered line by line.
    Ndjson,
}

/// The answer to one reading, and the record of a reading in a cluster.
#[derive(Debug, Deserialize)]
pub(super) struct Scored {
    anomaly_score: f64,
    is_anomaly: bool,
    #[serde(default)]
    duplicate: bool,
    surprisal: Option<f64>,
    in_alarm: Option<bool>,
}

impl Scored {
    pub(super) fn verdict(self) -> Verdict {
        let Scored { anomaly_score, is_anomaly, duplicate, surprisal, in_alarm } = self;
        // Without a surprisal the model is not calibrated, and the service's `false` says nothing.
        let in_alarm = in_alarm.filter(|&on| on || surprisal.is_some());
        Verdict::Scored { prediction: Prediction { anomaly_score, is_anomaly }, duplicate, in_alarm }
    }

    fn record(self, answers: &mut Answers) {
        answers.give(self.verdict());
    }
}

#[derive(Deserialize)]
struct BatchAnswer {
    predictions: Vec<Scored>,
}

/// A line of an NDJSON answer: a prediction or an error.
#[derive(Deserialize)]
struct Line {
    is_anomaly: Option<bool>,
    anomaly_score: Option<f64>,
    #[serde(default)]
    duplicate: bool,
    surprisal: Option<f64>,
    in_alarm: Option<bool>,
    error: Option<String>,
    #[serde(default)]
    faults: Vec<IgnoredAny>,
    status: Option<u16>,
}

impl WireFormat {
    /// The format selected by the flags.
    pub fn of(config: &Config) -> Self {
        match (config.ndjson, config.batch) {
            (true, _) => WireFormat::Ndjson,
            (false, Some(_)) => WireFormat::Batch,
            (false, None) => WireFormat::Single,
        }
    }

    pub(super) fn url(self, endpoints: &Endpoints) -> &Url {
        match self {
            WireFormat::Single => &endpoints.predict,
            WireFormat::Batch | WireFormat::Ndjson => &endpoints.batch,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            WireFormat::Single | WireFormat::Batch => "application/json",
            WireFormat::Ndjson => "application/x-ndjson",
        }
    }

    pub(super) fn encode(self, readings: &[&Outgoing]) -> String {
        let (before, between, after) = match self {
            WireFormat::Single => ("", "", ""),
            WireFormat::Batch => (r#"{"readings":["#, ",", "]}"),
            WireFormat::Ndjson => ("", "\n", "\n"),
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

    /// Reads the answers at the start of a successful response's `body` and removes them; `complete` once the whole body
    /// has arrived.
    ///
    /// # Errors
    /// A message if the answer is malformed.
    pub(super) fn decode(self, body: &mut Vec<u8>, complete: bool, answers: &mut Answers) -> Result<(), String> {
        match self {
            WireFormat::Single | WireFormat::Batch if !complete => {}
            WireFormat::Single => parse::<Scored>(body)?.record(answers),
            WireFormat::Batch => {
                let BatchAnswer { predictions } = parse(body)?;
                if predictions.len() != answers.expected() {
                    return Err(format!("{} readings got {} predictions", answers.expected(), predictions.len()));
                }
                predictions.into_iter().for_each(|scored| scored.record(answers));
            }
            WireFormat::Ndjson => {
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
        Line {
            is_anomaly: Some(is_anomaly),
            anomaly_score: Some(anomaly_score),
            duplicate,
            surprisal,
            in_alarm,
            ..
        } => Scored { anomaly_score, is_anomaly, duplicate, surprisal, in_alarm }.record(answers),
        Line { error: Some(error), faults, status, .. } => {
            // Without a fault in the reading, the error is the service's own and transient.
            answers.refuse(status.unwrap_or(if faults.is_empty() { 503 } else { 400 }), error);
        }
        Line { .. } => return Err(format!("neither a prediction nor an error: {}", String::from_utf8_lossy(text))),
    }
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}
