//! One attempt: a request and its outcome.

use super::{Client, WireFormat};
use crate::retry::{is_transient, retry_after};
use crate::source::Outgoing;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Deserialize;
use std::time::{Duration, Instant};
use turbine_core::prediction::Prediction;

/// The outcome of a reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The model scored it.
    Scored {
        /// Score and verdict of the model.
        prediction: Prediction,
        /// Whether the service had logged the reading before and only repeated its answer.
        duplicate: bool,
        /// Whether the turbine's alarm is on after the reading; `None` if the service has no alarms.
        in_alarm: Option<bool>,
    },
    /// The service refused it for good.
    Refused {
        /// The HTTP status; of a reading in a batch, the status it would have had alone.
        status: u16,
        /// The service's message.
        error: String,
    },
    /// No attempt was answered.
    Unsent {
        /// The error of the last attempt.
        error: String,
    },
}

/// A verdict and when it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The outcome of the reading.
    pub verdict: Verdict,
    /// When it was known.
    pub at: Instant,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The error message.
    pub cause: String,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// The delay in the response's `Retry-After` header.
    pub retry_after: Option<Duration>,
    /// Whether a retry may succeed.
    pub transient: bool,
}

/// The body of an error response.
#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    faults: Vec<FieldFault>,
}

#[derive(Debug, Deserialize)]
struct FieldFault {
    index: Option<usize>,
    #[serde(default)]
    field: String,
    #[serde(default)]
    problem: String,
}

/// The result of an attempt: for each reading of the request an answer, or `None` if it must be sent again.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) answers: Vec<Option<Answer>>,
    pub(super) fault: Option<Fault>,
}

/// Collects the answers of a request in the order of its readings.
#[derive(Debug)]
pub(super) struct Answers {
    expected: usize,
    answers: Vec<Option<Answer>>,
    fault: Option<Fault>,
}

impl Answers {
    pub(super) fn expected(&self) -> usize {
        self.expected
    }

    /// Records that the next reading was scored.
    pub(super) fn score(&mut self, prediction: Prediction, duplicate: bool, in_alarm: Option<bool>) {
        self.push(Verdict::Scored { prediction, duplicate, in_alarm });
    }

    /// Records that the next reading was refused.
    pub(super) fn refuse(&mut self, status: u16, error: String) {
        if is_transient(status) {
            self.fault = Some(Fault { cause: error, status: Some(status), retry_after: None, transient: true });
            self.answers.push(None);
        } else {
            self.push(Verdict::Refused { status, error });
        }
    }

    fn push(&mut self, verdict: Verdict) {
        self.answers.push(Some(Answer { verdict, at: Instant::now() }));
    }

    fn finish(mut self) -> Attempt {
        if self.answers.len() != self.expected && self.fault.is_none() {
            let cause = format!("{} readings got {} answers", self.expected, self.answers.len());
            self.fault = Some(Fault { cause, status: None, retry_after: None, transient: true });
        }
        self.answers.resize(self.expected, None);
        Attempt { answers: self.answers, fault: self.fault }
    }
}

impl Fault {
    /// A fault that no retry will fix.
    pub fn permanent(cause: String) -> Self {
        Fault { cause, status: None, retry_after: None, transient: false }
    }

    /// The fault described by an error response.
    pub(super) async fn of_response(response: Response) -> Self {
        let (fault, _) = read_refusal(response).await;
        fault
    }
}

impl Client {
    /// Sends `readings` once.
    pub(super) async fn attempt(&self, readings: &[&Outgoing]) -> Attempt {
        let mut answers = Answers { expected: readings.len(), answers: Vec::new(), fault: None };
        let request = self
            .http
            .post(self.format.url(&self.endpoints).clone())
            .header(CONTENT_TYPE, self.format.content_type())
            .body(self.format.encode(readings));
        match request.send().await {
            Err(error) => answers.fault = Some(self.fault(&error)),
            Ok(response) if response.status().is_success() => self.read_answers(response, &mut answers).await,
            Ok(response) => {
                let (fault, refusal) = read_refusal(response).await;
                return refused(self.format, readings.len(), fault, refusal);
            }
        }
        answers.finish()
    }

    async fn read_answers(&self, mut response: Response, answers: &mut Answers) {
        let mut body = Vec::new();
        let fault = loop {
            let complete = match response.chunk().await {
                Ok(Some(chunk)) => {
                    body.extend_from_slice(&chunk);
                    false
                }
                Ok(None) => true,
                Err(error) => break Some(self.fault(&error)),
            };
            if let Err(problem) = self.format.decode(&mut body, complete, answers) {
                break Some(Fault::permanent(format!("cannot read the answer: {problem}")));
            }
            if complete {
                break None;
            }
        };
        answers.fault = fault.or(answers.fault.take());
    }
}

async fn read_refusal(response: Response) -> (Fault, Option<Refusal>) {
    let status = response.status().as_u16();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(retry_after);
    let body = response.bytes().await.unwrap_or_default();
    let refusal = serde_json::from_slice::<Refusal>(&body).ok();
    let cause = match &refusal {
        Some(refusal) => refusal.error.clone(),
        None => String::from_utf8_lossy(&body).trim().chars().take(200).collect(),
    };
    (Fault { cause, status: Some(status), retry_after, transient: is_transient(status) }, refusal)
}

/// The answers of a refused request. A batch is refused as a whole: if the service names the readings at fault, only
/// those count as refused, and the others are sent again.
fn refused(format: WireFormat, n: usize, fault: Fault, refusal: Option<Refusal>) -> Attempt {
    let mut answers = vec![None; n];
    if fault.transient {
        return Attempt { answers, fault: Some(fault) };
    }
    let at = Instant::now();
    let status = fault.status.unwrap_or_default();
    let faults = refusal.map(|refusal| refusal.faults).unwrap_or_default();
    let in_batch = |fault: &FieldFault| fault.index.is_some_and(|index| index < n);
    if format == WireFormat::Batch && !faults.is_empty() && faults.iter().all(in_batch) {
        for FieldFault { index, field, problem } in faults {
            let answer = &mut answers[index.unwrap_or_default()];
            match answer {
                Some(Answer { verdict: Verdict::Refused { error, .. }, .. }) => {
                    *error += &format!("; {field} {problem}")
                }
                _ => {
                    let verdict = Verdict::Refused { status, error: format!("{field} {problem}") };
                    *answer = Some(Answer { verdict, at });
                }
            }
        }
        return Attempt { answers, fault: None };
    }
    let answer = Answer { verdict: Verdict::Refused { status, error: fault.cause }, at };
    Attempt { answers: vec![Some(answer); n], fault: None }
}
