//! One attempt: a request and its outcome.

use super::WireFormat;
use super::answer::{Answer, Answers, Attempt, Fault, Verdict};
use super::http::Http;
use crate::retry::{is_transient, retry_after};
use crate::source::Outgoing;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Deserialize;
use std::time::Instant;

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

impl Fault {
    /// The fault described by an error response.
    pub(super) async fn of_response(response: Response) -> Self {
        let (fault, _) = read_refusal(response).await;
        fault
    }
}

impl Http {
    /// Sends `readings` once.
    pub(super) async fn attempt(&self, readings: &[&Outgoing]) -> Attempt {
        let mut answers = Answers::new(readings.len());
        let request = self
            .http
            .post(self.format.url(&self.endpoints).clone())
            .header(CONTENT_TYPE, self.format.content_type())
            .body(self.format.encode(readings));
        match request.send().await {
            Err(error) => answers.fail(self.fault(&error)),
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
        if let Some(fault) = fault {
            answers.fail(fault);
        }
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
