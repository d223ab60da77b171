//! Sends a delivery until it is answered.

use super::answer::{Answer, Attempt, Fault, Verdict};
use super::turns::Place;
use super::{Client, Transport};
use crate::feed::Delivery;
use crate::retry::Backoff;
use crate::source::Outgoing;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// A delivery with its answers.
#[derive(Debug)]
pub struct Answered {
    /// The readings sent.
    pub delivery: Delivery,
    /// One answer per reading, in order.
    pub answers: Vec<Answer>,
}

/// The notice that a request will be sent again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Why the last attempt failed.
    pub cause: String,
    /// The delay before the next attempt.
    pub delay: Duration,
    /// The number of the next attempt.
    pub attempt: u32,
    /// The maximum number of attempts.
    pub attempts: u32,
}

impl Retry {
    /// The retry after `fault`; `None` if the fault is permanent or no retry is left. Of an outage, `is_persistent` starts the
    /// delays over when none is left.
    pub fn after(fault: &Fault, backoff: &mut Backoff, is_persistent: bool) -> Option<Self> {
        if !fault.transient {
            return None;
        }
        if is_persistent && fault.is_outage() && backoff.is_used_up() {
            backoff.reset();
        }
        let delay = backoff.delay(fault.retry_after)?;
        Some(Retry { cause: fault.to_string(), delay, attempt: backoff.attempt(), attempts: backoff.attempts() })
    }
}

impl Client {
    /// Sends a delivery until each of its readings has an answer or no retry is left. Once `stop` is true, nothing is
    /// sent again.
    ///
    /// Answered readings are not sent again, so every reading has exactly one answer. `place` is dropped when the
    /// readings are acknowledged; their results may follow later.
    pub async fn deliver(
        &self,
        delivery: Delivery,
        mut place: Place,
        mut stop: watch::Receiver<bool>,
        retries: mpsc::UnboundedSender<Retry>,
    ) -> Answered {
        place.turn().await;
        let mut backoff = self.backoff(delivery.number);
        let mut answers: Vec<Option<Answer>> = vec![None; delivery.readings.len()];
        let mut attempts = 0;
        loop {
            attempts += 1;
            let open: Vec<usize> = (0..answers.len()).filter(|&i| answers[i].is_none()).collect();
            let readings: Vec<&Outgoing> = open.iter().map(|&i| &delivery.readings[i]).collect();
            let Attempt { answers: fresh, fault } = self.attempt(&readings, attempts > 1).await;
            if fresh.iter().any(Option::is_some) {
                backoff.reset();
            }
            for (i, answer) in open.into_iter().zip(fresh) {
                answers[i] = answer;
            }
            if answers.iter().all(Option::is_some) {
                break;
            }
            let Some(fault) = fault else { continue };
            if !self.wait_for_retry(&fault, &mut backoff, &mut stop, &retries).await {
                give_up(&fault, &mut answers);
                break;
            }
        }
        drop(place);
        let mut answers: Vec<Answer> = answers.into_iter().flatten().collect();
        for answer in &mut answers {
            self.follow_up(answer, attempts > 1, &mut stop).await;
        }
        Answered { delivery, answers }
    }

    /// Waits for the result of a reading that the cluster has acknowledged.
    async fn follow_up(&self, answer: &mut Answer, was_sent_before: bool, stop: &mut watch::Receiver<bool>) {
        let (Transport::Nats(nats), &Verdict::Acknowledged { place: Some(place), duplicate }) =
            (&self.transport, &answer.verdict)
        else {
            return;
        };
        // Sent by an earlier run: its record may precede the first one that this run reads.
        if duplicate && !was_sent_before {
            return;
        }
        if let Some(mut said) = nats.verdict(place, stop).await {
            if let Verdict::Scored { duplicate: is_repeated, .. } = &mut said.verdict {
                *is_repeated = duplicate;
            }
            *answer = said;
        }
    }

    /// The delays of the delivery with this number.
    pub fn backoff(&self, number: u64) -> Backoff {
        // One that tries without end needs a delay to start over with.
        let retries = if self.is_persistent { self.retries.max(1) } else { self.retries };
        Backoff::new(retries, self.seed.wrapping_add(number))
    }

    /// Whether an unreachable service is tried without end.
    pub fn is_persistent(&self) -> bool {
        self.is_persistent
    }

    /// Waits for the next attempt; false if there is none.
    async fn wait_for_retry(
        &self,
        fault: &Fault,
        backoff: &mut Backoff,
        stop: &mut watch::Receiver<bool>,
        retries: &mpsc::UnboundedSender<Retry>,
    ) -> bool {
        if *stop.borrow() {
            return false;
        }
        let Some(retry) = Retry::after(fault, backoff, self.is_persistent) else { return false };
        let delay = retry.delay;
        // Fails once the receiver is gone; the notice is informational.
        let _ = retries.send(retry);
        tokio::select! {
            () = tokio::time::sleep(delay) => true,
            _ = stop.wait_for(|stop| *stop) => false,
        }
    }
}

/// Completes the answers after the last attempt: readings without one are refused if the fault is permanent, else
/// unsent.
fn give_up(fault: &Fault, answers: &mut [Option<Answer>]) {
    let at = Instant::now();
    let verdict = match fault {
        Fault { transient: false, status, cause, .. } => {
            Verdict::Refused { status: status.unwrap_or(200), error: cause.clone() }
        }
        fault => Verdict::Unsent { error: fault.to_string() },
    };
    for answer in answers.iter_mut().filter(|answer| answer.is_none()) {
        *answer = Some(Answer { verdict: verdict.clone(), at });
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status} {}", self.cause),
            None => f.write_str(&self.cause),
        }
    }
}
