//! The answers to a request, in the order of its readings.

use crate::retry::is_transient;
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
    /// The cluster acknowledged it and will score it; the score is not known here.
    Acknowledged {
        /// Its sequence in the stream `IN`, if the acknowledgement had one.
        place: Option<u64>,
        /// True if the cluster already had it.
        duplicate: bool,
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

impl Verdict {
    /// Whether it settles what becomes of the reading. A wrong key, a wrong URL or an answer that cannot be read says nothing
    /// of the reading: it is worth sending again once that is mended.
    pub fn is_final(&self) -> bool {
        match self {
            Verdict::Scored { .. } | Verdict::Acknowledged { .. } => true,
            Verdict::Refused { status, .. } => !matches!(status, 200 | 401 | 403 | 404 | 405 | 415),
            Verdict::Unsent { .. } => false,
        }
    }

    /// True if the reading is scored or will be.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Verdict::Scored { .. } | Verdict::Acknowledged { .. })
    }
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

/// The result of an attempt: for each reading of the request an answer, or `None` if it must be sent again.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) answers: Vec<Option<Answer>>,
    pub(super) fault: Option<Fault>,
}

impl Attempt {
    /// The attempt of a message with one reading.
    pub(super) fn of_one(outcome: Result<Verdict, Fault>) -> Self {
        let at = Instant::now();
        match outcome {
            Ok(verdict) => Attempt { answers: vec![Some(Answer { verdict, at })], fault: None },
            Err(fault) => Attempt { answers: vec![None], fault: Some(fault) },
        }
    }
}

/// Collects the answers of a request in the order of its readings.
#[derive(Debug)]
pub(super) struct Answers {
    expected: usize,
    answers: Vec<Option<Answer>>,
    fault: Option<Fault>,
}

impl Answers {
    /// Without an answer, of a request of `expected` readings.
    pub(super) fn new(expected: usize) -> Self {
        Answers { expected, answers: Vec::new(), fault: None }
    }

    /// The number of readings in the request.
    pub(super) fn expected(&self) -> usize {
        self.expected
    }

    /// Records that the next reading was refused.
    pub(super) fn refuse(&mut self, status: u16, error: String) {
        if is_transient(status) {
            self.fault = Some(Fault { cause: error, status: Some(status), retry_after: None, transient: true });
            self.answers.push(None);
        } else {
            self.give(Verdict::Refused { status, error });
        }
    }

    /// Records the verdict of the next reading.
    pub(super) fn give(&mut self, verdict: Verdict) {
        self.answers.push(Some(Answer { verdict, at: Instant::now() }));
    }

    /// Records why the attempt failed.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// The result, with `None` for readings that were not answered.
    pub(super) fn finish(mut self) -> Attempt {
        if self.answers.len() != self.expected && self.fault.is_none() {
            let cause = format!("{} readings got {} answers", self.expected, self.answers.len());
            self.fault = Some(Fault { cause, status: None, retry_after: None, transient: true });
        }
        self.answers.resize(self.expected, None);
        Attempt { answers: self.answers, fault: self.fault }
    }
}

impl Fault {
    /// Whether the service is away or busy, and not at odds with what it was sent.
    pub fn is_outage(&self) -> bool {
        self.transient && matches!(self.status, None | Some(408 | 429 | 502..=504))
    }

    /// A fault that a retry may overcome.
    pub fn transient(cause: impl Into<String>) -> Self {
        Fault { cause: cause.into(), status: None, retry_after: None, transient: true }
    }

    /// A fault that no retry will fix.
    pub fn permanent(cause: String) -> Self {
        Fault { cause, status: None, retry_after: None, transient: false }
    }
}
