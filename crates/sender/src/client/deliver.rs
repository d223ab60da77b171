//! Getting a delivery answered.

use super::Client;
use super::attempt::{Answer, Attempt, Fault, Verdict};
use crate::feed::Delivery;
use crate::retry::Backoff;
use crate::source::Outgoing;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// A delivery that is done with.
#[derive(Debug)]
pub struct Answered {
    /// What was sent.
    pub delivery: Delivery,
    /// One answer a reading, in order.
    pub answers: Vec<Answer>,
}

/// The announcement that a delivery will be tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// What went wrong.
    pub cause: String,
    /// After which pause it is tried again.
    pub pause: Duration,
    /// Which attempt that will be.
    pub attempt: u32,
    /// How many there may be.
    pub attempts: u32,
}

impl Retry {
    /// The next attempt after `fault`; `None` if it would be of no use or there is none left.
    pub fn after(fault: &Fault, backoff: &mut Backoff) -> Option<Self> {
        if !fault.transient {
            return None;
        }
        let pause = backoff.pause(fault.retry_after)?;
        Some(Retry { cause: fault.to_string(), pause, attempt: backoff.attempt(), attempts: backoff.attempts() })
    }
}

impl Client {
    /// Sends a delivery until each of its readings has an answer or there is no attempt left. Once `stop` turns true,
    /// nothing is tried again.
    ///
    /// What was answered is not sent again, so every reading has exactly one answer.
    pub async fn deliver(
        &self,
        delivery: Delivery,
        mut stop: watch::Receiver<bool>,
        retries: mpsc::UnboundedSender<Retry>,
    ) -> Answered {
        let mut backoff = self.backoff(delivery.number);
        let mut answers: Vec<Option<Answer>> = vec![None; delivery.readings.len()];
        loop {
            let open: Vec<usize> = (0..answers.len()).filter(|&i| answers[i].is_none()).collect();
            let readings: Vec<&Outgoing> = open.iter().map(|&i| &delivery.readings[i]).collect();
            let Attempt { answers: fresh, fault } = self.attempt(&readings).await;
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
            if !pause(&fault, &mut backoff, &mut stop, &retries).await {
                give_up(&fault, &mut answers);
                break;
            }
        }
        Answered { delivery, answers: answers.into_iter().flatten().collect() }
    }

    /// The pauses of the delivery with this number.
    pub fn backoff(&self, number: u64) -> Backoff {
        Backoff::new(self.retries, self.seed.wrapping_add(number))
    }
}

/// Waits until it is time to try again; false if there will be no further attempt.
async fn pause(
    fault: &Fault,
    backoff: &mut Backoff,
    stop: &mut watch::Receiver<bool>,
    retries: &mpsc::UnboundedSender<Retry>,
) -> bool {
    if *stop.borrow() {
        return false;
    }
    let Some(retry) = Retry::after(fault, backoff) else { return false };
    let pause = retry.pause;
    // Whoever does not listen need not hear it.
    let _ = retries.send(retry);
    tokio::select! {
        () = tokio::time::sleep(pause) => true,
        _ = stop.wait_for(|stop| *stop) => false,
    }
}

/// Nothing more will be tried: what has no answer yet was refused, if the fault is a lasting one, or else unsent.
fn give_up(fault: &Fault, answers: &mut [Option<Answer>]) {
    let at = Instant::now();
    let verdict = match fault {
        Fault { transient: false, status, cause, .. } => {
            Verdict::Refused { status: status.unwrap_or(200), error: cause.clone() }
        }
        fault => Verdict::Unsent { error: fault.to_string() },
    };
    for place in answers.iter_mut().filter(|place| place.is_none()) {
        *place = Some(Answer { verdict: verdict.clone(), at });
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
