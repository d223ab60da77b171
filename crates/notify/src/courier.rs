//! The task of one receiver: looks, composes, keeps, and sends. Receivers do not wait for each other, and nothing waits for
//! a receiver.

use crate::account::{Account, Composition};
use crate::alertmanager;
use crate::note::{AlarmSource, Note};
use crate::pace::{Backoff, FIRST_WAIT, Grouping};
use crate::spool::Spool;
use crate::standing::Standing;
use crate::target::Form;
use crate::transport::{Outcome, Transport};
use crate::webhook::{self, Sender};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How often it is looked although no event says so.
const PERIOD: Duration = Duration::from_secs(10);

/// How often an Alertmanager is told of all running alarms: well before its `resolve_timeout`, 5 min unless it is set,
/// after which it takes an alert for resolved.
const RESEND: Duration = Duration::from_secs(60);

/// What is being sent.
enum Sending {
    /// The first message that waits.
    Message,
    /// Running alarms, once more.
    Running,
}

type Attempt = Pin<Box<dyn Future<Output = (Sending, Outcome)> + Send>>;

/// What delivers to one receiver.
pub(crate) struct Courier<S, T> {
    source: Arc<S>,
    transport: T,
    spool: Spool,
    account: Account,
    form: Form,
    composition: Composition,
    sender: Arc<Sender>,
    standing: Arc<Standing>,
    grouping: Grouping,
    backoff: Backoff,
    /// When it is looked next, if that is settled.
    look_at: Option<Instant>,
    /// No attempt is made before.
    retry_at: Instant,
    /// When the running alarms are sent once more, and what of them is still to be sent.
    resend_at: Instant,
    resending: VecDeque<Vec<Note>>,
}

/// What a courier is made of.
pub(crate) struct Parts<S, T> {
    pub source: Arc<S>,
    pub transport: T,
    pub spool: Spool,
    pub account: Account,
    pub form: Form,
    pub composition: Composition,
    pub sender: Arc<Sender>,
    pub standing: Arc<Standing>,
    pub seed: u64,
}

impl<S: AlarmSource, T: Transport> Courier<S, T> {
    pub(crate) fn new(parts: Parts<S, T>) -> Self {
        let Parts { source, transport, spool, account, form, composition, sender, standing, seed } = parts;
        standing.set_waiting(account.waiting());
        let (now, is_new) = (Instant::now(), account.is_new());
        Courier {
            source,
            transport,
            spool,
            account,
            form,
            composition,
            sender,
            standing,
            grouping: Grouping::default(),
            backoff: Backoff::new(seed),
            // What is running when a receiver is named first is told at once, and what is past is no news.
            look_at: Some(if is_new { now } else { now + FIRST_WAIT }),
            retry_at: now,
            // Behind the first look: what is known from the run before may have ended.
            resend_at: now + 2 * FIRST_WAIT,
            resending: VecDeque::new(),
        }
    }

    /// Works until it is dropped, which is safe at every await: what was not kept is found again by the next run, and what
    /// was kept and not delivered is sent by it.
    pub(crate) async fn run(mut self) {
        let mut news = self.source.news();
        let every = self.composition.every.map_or(PERIOD, |every| every.unsigned_abs());
        let mut clock = interval(every.clamp(FIRST_WAIT / 2, PERIOD));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        clock.tick().await;
        let mut attempt = None;
        loop {
            if attempt.is_none() {
                attempt = self.attempt().await;
            }
            tokio::select! {
                (sending, outcome) = finished(&mut attempt) => {
                    attempt = None;
                    self.settle(sending, outcome).await;
                }
                event = news.recv() => match event {
                    // Whatever it says: a look is cheap.
                    Ok(_) | Err(RecvError::Lagged(_)) => self.expect_news(),
                    Err(RecvError::Closed) => return,
                },
                _ = clock.tick() => {
                    self.look_at.get_or_insert_with(Instant::now);
                }
                () = until(self.look_at) => {}
                () = sleep_until(self.due()), if attempt.is_none() && self.has_due() => {}
            }
            if self.look_at.is_some_and(|at| at <= Instant::now()) {
                self.look().await;
            }
        }
    }

    /// Something happened: looks once more of the same could have gathered.
    fn expect_news(&mut self) {
        let at = Instant::now() + self.grouping.wait();
        self.look_at = Some(self.look_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Compares, composes, and keeps what is to be told.
    async fn look(&mut self) {
        self.look_at = None;
        let (source, spool, composition) = (Arc::clone(&self.source), self.spool.clone(), self.composition);
        let mut account = self.account.clone();
        let looked = spawn_blocking(move || {
            let look = source.look(&|id| account.knows(id))?;
            let waiting = account.waiting();
            let saved = account.update(look, Timestamp::now(), composition).then(|| spool.save(&account));
            Some((waiting < account.waiting(), saved, account))
        });
        match looked.await {
            Ok(Some((has_composed, saved, account))) => {
                self.account = account;
                if has_composed {
                    self.grouping.composed();
                }
                if let Some(saved) = saved {
                    self.standing.saved(self.spool.path(), saved);
                }
                self.standing.set_waiting(self.account.waiting());
            }
            Ok(None) => {}
            Err(error) => tracing::error!("cannot look up alarms for notifications: {error}"),
        }
    }

    /// Whether there is something to send, now or later.
    fn has_due(&self) -> bool {
        self.account.first().is_some() || self.resends()
    }

    /// When it is to be sent.
    fn due(&self) -> Instant {
        if self.account.first().is_some() { self.retry_at } else { self.retry_at.max(self.resend_at) }
    }

    fn resends(&self) -> bool {
        self.form == Form::Alertmanager && self.account.running().next().is_some()
    }

    /// Begins to send what is due, if anything is.
    async fn attempt(&mut self) -> Option<Attempt> {
        if !self.has_due() || self.due() > Instant::now() {
            return None;
        }
        if self.account.freeze_first() {
            self.save().await;
        }
        let (sending, id, body) = match self.account.first() {
            Some(message) => {
                let body = match self.form {
                    Form::Webhook => webhook::body(message, &self.sender),
                    Form::Alertmanager => alertmanager::body(&message.notes, &self.sender, Timestamp::now()),
                };
                (Sending::Message, message.id.clone(), body)
            }
            None => {
                if self.resending.is_empty() {
                    let running: Vec<Note> = self.account.running().cloned().collect();
                    self.resending = running.chunks(alertmanager::MAX_ALERTS).map(<[Note]>::to_vec).collect();
                }
                let body = alertmanager::body(self.resending.front()?, &self.sender, Timestamp::now());
                (Sending::Running, format!("running-{}", Timestamp::now().as_millisecond()), body)
            }
        };
        let transport = self.transport.clone();
        Some(Box::pin(async move { (sending, transport.send(id, body).await) }))
    }

    /// Takes in what became of an attempt.
    async fn settle(&mut self, sending: Sending, outcome: Outcome) {
        let is_message = matches!(sending, Sending::Message);
        match outcome {
            Outcome::Failed { why, retry_after } => {
                self.standing.failed(why);
                self.retry_at = Instant::now() + self.backoff.delay(retry_after);
                // By then others may be running.
                self.resending.clear();
                return;
            }
            Outcome::Taken => self.standing.taken(is_message),
            Outcome::Refused { why } => self.standing.refused(why),
        }
        self.backoff.reset();
        match sending {
            Sending::Message => {
                self.account.take_first();
                self.standing.set_waiting(self.account.waiting());
                self.save().await;
                self.resending.clear();
            }
            Sending::Running => {
                self.resending.pop_front();
            }
        }
        if self.resending.is_empty() && self.account.first().is_none() {
            self.resend_at = Instant::now() + RESEND;
        }
    }

    async fn save(&self) {
        let (spool, account) = (self.spool.clone(), self.account.clone());
        let saved = spawn_blocking(move || spool.save(&account)).await;
        self.standing.saved(self.spool.path(), saved.unwrap_or_else(|error| Err(std::io::Error::other(error))));
    }
}

/// Completes with the attempt; never without one.
async fn finished(attempt: &mut Option<Attempt>) -> (Sending, Outcome) {
    match attempt {
        Some(attempt) => attempt.await,
        None => pending().await,
    }
}

/// Completes at that time; never without one.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
