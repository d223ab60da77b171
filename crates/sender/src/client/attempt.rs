//! One request and what comes of it.

use super::{Client, Wire};
use crate::retry::{is_transient, retry_after};
use crate::source::Outgoing;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Deserialize;
use std::time::{Duration, Instant};
use turbine_core::prediction::Prediction;

/// What became of a reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The model said something.
    Scored {
        /// What it said.
        prediction: Prediction,
    },
    /// The service will not have it.
    Refused {
        /// HTTP status, or the one it would have been alone.
        status: u16,
        /// Why.
        error: String,
    },
    /// It was given up, or never got there.
    Unsent {
        /// Why.
        error: String,
    },
}

/// A verdict, and when it was known.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What became of the reading.
    pub verdict: Verdict,
    /// When that was known.
    pub at: Instant,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// In words.
    pub cause: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The pause that the service asks for.
    pub retry_after: Option<Duration>,
    /// Whether it may be gone the next time.
    pub transient: bool,
}

/// A refusal as it comes over the wire.
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

/// What an attempt brought: an answer, or none yet, for each reading of the request.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) answers: Vec<Option<Answer>>,
    pub(super) fault: Option<Fault>,
}

/// The answers of a request in the order of its readings.
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

    /// The next reading was scored.
    pub(super) fn score(&mut self, prediction: Prediction) {
        self.put(Verdict::Scored { prediction });
    }

    /// The next reading was refused, for now or for good.
    pub(super) fn refuse(&mut self, status: u16, error: String) {
        if is_transient(status) {
            self.fault = Some(Fault { cause: error, status: Some(status), retry_after: None, transient: true });
            self.answers.push(None);
        } else {
            self.put(Verdict::Refused { status, error });
        }
    }

    fn put(&mut self, verdict: Verdict) {
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
    /// A fault that asking again will not mend.
    pub fn lasting(cause: String) -> Self {
        Fault { cause, status: None, retry_after: None, transient: false }
    }

    /// The fault that a response without success tells of.
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
            .post(self.wire.url(&self.endpoints).clone())
            .header(CONTENT_TYPE, self.wire.content_type())
            .body(self.wire.encode(readings));
        match request.send().await {
            Err(error) => answers.fault = Some(self.fault(&error)),
            Ok(response) if response.status().is_success() => self.read_answers(response, &mut answers).await,
            Ok(response) => {
                let (fault, refusal) = read_refusal(response).await;
                return refused(self.wire, readings.len(), fault, refusal);
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
            if let Err(problem) = self.wire.decode(&mut body, complete, answers) {
                break Some(Fault::lasting(format!("the answer is not understood: {problem}")));
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
    let asked = header.and_then(retry_after);
    let body = response.bytes().await.unwrap_or_default();
    let refusal = serde_json::from_slice::<Refusal>(&body).ok();
    let cause = match &refusal {
        Some(refusal) => refusal.error.clone(),
        None => String::from_utf8_lossy(&body).trim().chars().take(200).collect(),
    };
    (Fault { cause, status: Some(status), retry_after: asked, transient: is_transient(status) }, refusal)
}

/// A refused batch was refused whole. If it says which readings are to blame only those are done with; the others are
/// left without an answer, to be sent again.
fn refused(wire: Wire, n: usize, fault: Fault, refusal: Option<Refusal>) -> Attempt {
    let mut answers = vec![None; n];
    if fault.transient {
        return Attempt { answers, fault: Some(fault) };
    }
    let at = Instant::now();
    let status = fault.status.unwrap_or_default();
    let faults = refusal.map(|refusal| refusal.faults).unwrap_or_default();
    let blamed = |fault: &FieldFault| fault.index.is_some_and(|index| index < n);
    if wire == Wire::Batch && !faults.is_empty() && faults.iter().all(blamed) {
        for FieldFault { index, field, problem } in faults {
            let place = &mut answers[index.unwrap_or_default()];
            match place {
                Some(Answer { verdict: Verdict::Refused { error, .. }, .. }) => {
                    *error += &format!("; {field} {problem}")
                }
                _ => {
                    let verdict = Verdict::Refused { status, error: format!("{field} {problem}") };
                    *place = Some(Answer { verdict, at });
                }
            }
        }
        return Attempt { answers, fault: None };
    }
    let answer = Answer { verdict: Verdict::Refused { status, error: fault.cause }, at };
    Attempt { answers: vec![Some(answer); n], fault: None }
}
