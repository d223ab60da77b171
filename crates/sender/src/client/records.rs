//! What the workers of a cluster say of readings, read from the stream `OUT`.

use super::answer::{Answer, Verdict};
use super::wire::Scored;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use cluster::subject::OUTPUT;
use cluster::{Cluster, TIME_LIMIT, streams};
use futures_util::StreamExt;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// The longest time for what is said of a reading: partitions stand still for up to 9 s while a node's place is taken.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same when the stream of readings was stopped.
const PATIENCE_AT_END: Duration = Duration::from_secs(2);
/// Before the stream is opened again that cannot be read.
const PAUSE: Duration = Duration::from_secs(5);
/// The most records that are kept although nobody has asked for them yet.
const MOST_UNCLAIMED: usize = 20_000;

/// Records as they come, until dropped.
#[derive(Debug)]
pub(super) struct Records {
    shared: Arc<Mutex<Shared>>,
    reader: JoinHandle<()>,
}

/// What is known by the places of the readings in the stream `IN`.
#[derive(Debug, Default)]
struct Shared {
    is_read: bool,
    claims: HashMap<u64, oneshot::Sender<Answer>>,
    unclaimed: BTreeMap<u64, Answer>,
}

/// A message of the stream.
#[derive(Deserialize)]
struct Message {
    input: u64,
    record: Option<Scored>,
    #[serde(default)]
    message: String,
}

impl Message {
    fn verdict(self) -> Verdict {
        match self.record {
            Some(scored) => scored.verdict(),
            None => Verdict::Refused { status: 400, error: self.message },
        }
    }
}

impl Shared {
    fn take_in(&mut self, message: Message) {
        let place = message.input;
        let answer = Answer { verdict: message.verdict(), at: Instant::now() };
        if let Some(claim) = self.claims.remove(&place) {
            // Fails if nobody waits any longer.
            let _ = claim.send(answer);
            return;
        }
        self.unclaimed.insert(place, answer);
        if self.unclaimed.len() > MOST_UNCLAIMED {
            self.unclaimed.pop_first();
        }
    }
}

impl Records {
    /// The records of these subjects from now on. If they can be read, they are when this returns.
    pub(super) async fn follow(cluster: &Cluster, can_be_read: bool, subjects: Vec<String>) -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let mut reader = Reader { cluster: cluster.clone(), subjects, last: None, shared: Arc::clone(&shared) };
        let messages = if can_be_read { reader.open().await.ok() } else { None };
        lock(&shared).is_read = messages.is_some();
        let reader = tokio::spawn(async move { reader.read(messages).await });
        Records { shared, reader }
    }

    /// Whether they can be read at the moment.
    pub(super) fn are_read(&self) -> bool {
        lock(&self.shared).is_read
    }

    /// What is said of the reading at that place; `None` if nothing is for long or cannot be read.
    pub(super) async fn verdict(&self, place: u64, stop: &mut watch::Receiver<bool>) -> Option<Answer> {
        let claimed = {
            let mut shared = lock(&self.shared);
            if let Some(answer) = shared.unclaimed.remove(&place) {
                return Some(answer);
            }
            if !shared.is_read {
                return None;
            }
            let (claim, claimed) = oneshot::channel();
            shared.claims.insert(place, claim);
            claimed
        };
        let given_up = async {
            tokio::select! {
                            () = sleep(PATIENCE) => {}
            () = stopped(stop) => sleep(PATIENCE_AT_END).await,
                        }
        };
        tokio::select! {
            answer = claimed => answer.ok(),
            () = given_up => {
                lock(&self.shared).claims.remove(&place);
                None
            }
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Resolves when the stream of readings is stopped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The guard of the value must not be held while another future is waited for.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Reader {
    cluster: Cluster,
    subjects: Vec<String>,
    /// The last message that was read or was there before.
    last: Option<u64>,
    shared: Arc<Mutex<Shared>>,
}

/// Why no messages come: it is tried again in any case.
struct Interrupted;

impl Interrupted {
    fn by<E>(_: E) -> Self {
        Interrupted
    }
}

impl Reader {
    async fn read(mut self, mut opened: Option<pull::Stream>) {
        loop {
            if let Some(messages) = opened.take() {
                lock(&self.shared).is_read = true;
                let Interrupted = self.take_in(messages).await;
            }
            opened = self.open().await.ok();
            if opened.is_none() {
                lock(&self.shared).is_read = false;
                sleep(PAUSE).await;
            }
        }
    }

    async fn open(&mut self) -> Result<pull::Stream, Interrupted> {
        timeout(2 * TIME_LIMIT, self.consume()).await.map_err(Interrupted::by)?
    }

    /// From behind the last message that was read, or from now on.
    async fn consume(&mut self) -> Result<pull::Stream, Interrupted> {
        let output = streams::get(&self.cluster, OUTPUT).await.map_err(Interrupted::by)?.ok_or(Interrupted)?;
        let last = *self.last.get_or_insert(output.cached_info().state.last_sequence);
        let consumer: Consumer<pull::Config> = output
            .create_consumer(pull::Config {
                deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: last + 1 },
                ack_policy: AckPolicy::None,
                filter_subjects: self.subjects.clone(),
                memory_storage: true,
                num_replicas: 1,
                inactive_threshold: Duration::from_secs(10),
                ..pull::Config::default()
            })
            .await
            .map_err(Interrupted::by)?;
        // Asked at once after it was made, the consumer may not be there yet for a pull.
        consumer.get_info().await.map_err(Interrupted::by)?;
        let messages = consumer.stream().max_messages_per_batch(1_000).expires(Duration::from_secs(5));
        messages.heartbeat(Duration::from_millis(700)).messages().await.map_err(Interrupted::by)
    }

    async fn take_in(&mut self, mut messages: pull::Stream) -> Interrupted {
        while let Some(Ok(message)) = messages.next().await {
            let Ok(info) = message.info() else { return Interrupted };
            self.last = Some(info.stream_sequence);
            // One that cannot be read answers nothing; its reading counts as acknowledged.
            if let Ok(message) = serde_json::from_slice(&message.payload) {
                lock(&self.shared).take_in(message);
            }
        }
        Interrupted
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn records_and_rejections_are_verdicts() {
        let verdict = |text: &str| serde_json::from_str::<Message>(text).unwrap().verdict();
        let record = r#"{"input":7,"record":{"timestamp":"2026-01-01T00:00:00Z","turbine_id":"WT-1","values":[1.5],
            "is_anomaly":true,"anomaly_score":0.75,"model_version":"m1","surprisal":2.5,"smoothed_surprisal":1.5,
            "in_alarm":false},"turbine":{}}"#;
        let Verdict::Scored { prediction, duplicate, in_alarm } = verdict(record) else { panic!("scored") };
        assert_eq!(
            (prediction.anomaly_score, prediction.is_anomaly, duplicate, in_alarm),
            (0.75, true, false, Some(false))
        );
        let rejected = verdict(r#"{"input":8,"message":"b is missing","faults":[],"payload":"{}"}"#);
        assert_eq!(rejected, Verdict::Refused { status: 400, error: "b is missing".to_owned() });
    }

    #[tokio::test]
    async fn a_record_is_found_whether_it_came_before_or_after_it_was_asked_for() {
        let shared = Arc::new(Mutex::new(Shared { is_read: true, ..Shared::default() }));
        let records = Records { shared: Arc::clone(&shared), reader: tokio::spawn(async {}) };
        let rejected = |input| Message { input, record: None, message: format!("fault {input}") };
        let (_stop, mut stopped) = watch::channel(false);
        lock(&shared).take_in(rejected(1));
        assert!(records.verdict(1, &mut stopped).await.is_some());
        let (answer, ()) = tokio::join!(records.verdict(2, &mut stopped), async { lock(&shared).take_in(rejected(2)) });
        assert!(answer.is_some());
        lock(&shared).is_read = false;
        assert!(records.verdict(3, &mut stopped).await.is_none());
        let shared = lock(&shared);
        assert_eq!((shared.claims.len(), shared.unclaimed.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_scored_is_not_waited_for_without_end() {
        let shared = Arc::new(Mutex::new(Shared { is_read: true, ..Shared::default() }));
        let records = Records { shared: Arc::clone(&shared), reader: tokio::spawn(async {}) };
        let (stop, mut stopped) = watch::channel(false);
        let begun = tokio::time::Instant::now();
        assert_eq!(records.verdict(1, &mut stopped).await, None);
        assert_eq!(begun.elapsed(), PATIENCE);
        stop.send_replace(true);
        assert_eq!(records.verdict(2, &mut stopped).await, None);
        assert_eq!(begun.elapsed(), PATIENCE + PATIENCE_AT_END);
        assert!(lock(&shared).claims.is_empty());
    }
}
