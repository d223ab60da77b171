//! The workers' results, read from the stream `OUT`.

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

/// Timeout for the result of a reading: partitions pause for up to 9 s after the failure of a node.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same timeout after the sender was told to stop.
const PATIENCE_AT_END: Duration = Duration::from_secs(2);
/// Delay before the stream is opened again after an error.
const PAUSE: Duration = Duration::from_secs(5);
/// Maximum number of results kept before they are requested.
const MOST_UNCLAIMED: usize = 20_000;

/// Receives records until dropped.
#[derive(Debug)]
pub(super) struct Records {
    shared: Arc<Mutex<Shared>>,
    reader: JoinHandle<()>,
}

/// Results and waiting requests, by the readings' sequences in the stream `IN`.
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
            // Fails if the receiver is gone.
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
    /// Receives the records of these subjects from now on. Returns once the stream is open, or has failed to open.
    pub(super) async fn follow(cluster: &Cluster, can_be_read: bool, subjects: Vec<String>) -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let mut reader = Reader { cluster: cluster.clone(), subjects, last: None, shared: Arc::clone(&shared) };
        let messages = if can_be_read { reader.open().await.ok() } else { None };
        lock(&shared).is_read = messages.is_some();
        let reader = tokio::spawn(async move { reader.read(messages).await });
        Records { shared, reader }
    }

    /// True while the stream can be read.
    pub(super) fn are_read(&self) -> bool {
        lock(&self.shared).is_read
    }

    /// The result of the reading at that sequence; `None` after a timeout or if the stream cannot be read.
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

/// Resolves when the sender is told to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Drops the guard of the value, which must not be held across an await.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Reader {
    cluster: Cluster,
    subjects: Vec<String>,
    /// Sequence of the last message that was read, or that existed before.
    last: Option<u64>,
    shared: Arc<Mutex<Shared>>,
}

/// Reading was interrupted; the caller retries in every case.
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

    /// Opens the stream after the last message that was read, or from now on.
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
        // A pull right after the creation may not find the consumer yet.
        consumer.get_info().await.map_err(Interrupted::by)?;
        let messages = consumer.stream().max_messages_per_batch(1_000).expires(Duration::from_secs(5));
        messages.heartbeat(Duration::from_millis(700)).messages().await.map_err(Interrupted::by)
    }

    async fn take_in(&mut self, mut messages: pull::Stream) -> Interrupted {
        while let Some(Ok(message)) = messages.next().await {
            let Ok(info) = message.info() else { return Interrupted };
            self.last = Some(info.stream_sequence);
            // Unreadable messages are skipped; their readings count as acknowledged.
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
