//! How delivery to a receiver goes: for the health and for Prometheus.

use pipeline::counters::registered;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counters of all receivers.
pub(crate) struct Counters {
    sent: IntCounterVec,
    failed: IntCounterVec,
    dropped: IntCounterVec,
    waiting: IntGaugeVec,
}

impl Counters {
    /// Counters at zero, registered.
    pub(crate) fn new(registry: &Registry) -> Self {
        let labels = &["receiver"];
        let counter = |name: &str, help: &str| registered(registry, IntCounterVec::new(Opts::new(name, help), labels));
        let waiting = Opts::new("turbine_notifications_waiting", "Messages that the receiver has not taken yet.");
        Counters {
            sent: counter("turbine_notifications_sent_total", "Messages that the receiver took."),
            failed: counter("turbine_notifications_failed_total", "Attempts to send that failed and are repeated."),
            dropped: counter("turbine_notifications_dropped_total", "Messages that the receiver refused for good."),
            waiting: registered(registry, IntGaugeVec::new(waiting, labels)),
        }
    }

    /// The standing of the receiver on that host. Receivers on the same host share their counters.
    pub(crate) fn standing(&self, host: &str) -> Standing {
        Standing {
            host: host.to_owned(),
            sent: self.sent.with_label_values(&[host]),
            failed: self.failed.with_label_values(&[host]),
            dropped: self.dropped.with_label_values(&[host]),
            waiting: self.waiting.with_label_values(&[host]),
            trouble: Mutex::default(),
        }
    }
}

/// One receiver.
pub(crate) struct Standing {
    host: String,
    sent: IntCounter,
    failed: IntCounter,
    dropped: IntCounter,
    waiting: IntGauge,
    trouble: Mutex<Trouble>,
}

/// Problems of one receiver.
#[derive(Default)]
struct Trouble {
    /// Messages that wait.
    waiting: usize,
    /// Why the last attempt failed.
    failure: Option<String>,
    /// Why the last message was refused.
    refusal: Option<String>,
    /// Why the account cannot be kept.
    unsaved: Option<String>,
}

impl Standing {
    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how many messages wait.
    pub(crate) fn set_waiting(&self, waiting: usize) {
        let before = std::mem::replace(&mut self.trouble().waiting, waiting);
        let number = |messages: usize| i64::try_from(messages).unwrap_or(i64::MAX);
        self.waiting.add(number(waiting) - number(before));
    }

    /// Notes that a request was taken; `is_message`: and with it a message.
    pub(crate) fn taken(&self, is_message: bool) {
        let mut trouble = self.trouble();
        if trouble.failure.take().is_some() {
            tracing::info!(receiver = self.host, "notifications are delivered again");
        }
        if is_message {
            trouble.refusal = None;
            self.sent.inc();
        }
    }

    /// Notes that an attempt failed and will be repeated.
    pub(crate) fn failed(&self, why: String) {
        self.failed.inc();
        let mut trouble = self.trouble();
        if trouble.failure.is_none() {
            tracing::warn!(receiver = self.host, "a notification was not delivered, and will be sent again: {why}");
        }
        trouble.failure = Some(why);
    }

    /// Notes that a message was refused and dropped. Only the first of several in a row is logged.
    pub(crate) fn refused(&self, why: String) {
        self.dropped.inc();
        let mut trouble = self.trouble();
        trouble.failure = None;
        if trouble.refusal.is_none() {
            tracing::warn!(receiver = self.host, "a notification was refused and dropped: {why}; correct --notify");
        }
        trouble.refusal = Some(why);
    }

    /// Notes whether the account could be kept.
    pub(crate) fn saved(&self, path: &Path, saved: std::io::Result<()>) {
        let problem = saved.err().map(|error| format!("{} cannot be written: {error}", path.display()));
        let mut trouble = self.trouble();
        if let Some(problem) = problem.as_ref().filter(|_| trouble.unsaved.is_none()) {
            tracing::warn!(receiver = self.host, "{problem}");
        }
        trouble.unsaved = problem;
    }

    /// What is wrong and how to mend it.
    pub(crate) fn problems(&self) -> Vec<String> {
        let (host, trouble) = (&self.host, self.trouble());
        let Trouble { waiting, failure, refusal, unsaved } = &*trouble;
        let failure = failure.as_ref().map(|why| {
            format!("notifications to {host} are not delivered: {why}; messages that wait ({waiting}) are sent again until it takes them")
        });
        let refusal = refusal.as_ref().map(|why| {
            format!("the last notification to {host} was refused and dropped: {why}; correct --notify, or the receiver")
        });
        let unsaved = unsaved.as_ref().map(|why| {
            format!("notifications are sent, but not kept over a restart: {why}; make the folder writable, or free space on the disk")
        });
        [failure, refusal, unsaved].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn trouble_is_said_until_it_is_over_and_receivers_on_one_host_share_counters() {
        let registry = Registry::new();
        let counters = Counters::new(&registry);
        let (one, other) = (counters.standing("h:1"), counters.standing("h:1"));
        one.set_waiting(3);
        other.set_waiting(2);
        one.set_waiting(1);
        assert_eq!(one.waiting.get(), 1 + 2);
        assert_eq!(one.problems(), [""; 0]);

        one.failed("cannot connect".to_owned());
        let said = one.problems();
        assert!(said.len() == 1 && said[0].contains("h:1") && said[0].contains("that wait (1)"), "{said:?}");
        one.refused("it answered 404".to_owned());
        let said = one.problems();
        assert!(said.len() == 1 && said[0].contains("it answered 404"), "{said:?}");
        one.taken(false);
        assert_eq!(one.problems().len(), 1, "what is sent again and again is no message");
        one.taken(true);
        assert_eq!(one.problems(), [""; 0]);
        one.saved(Path::new("x.json"), Err(std::io::ErrorKind::StorageFull.into()));
        assert!(one.problems()[0].contains("x.json cannot be written"), "{:?}", one.problems());
        one.saved(Path::new("x.json"), Ok(()));
        assert_eq!(one.problems(), [""; 0]);
        assert_eq!((other.sent.get(), other.failed.get(), other.dropped.get()), (1, 1, 1));
    }
}
