//! Reads the messages of a stream in order and without gaps.

use crate::connection::TIME_LIMIT;
use crate::message::{Checkpoint, Sequence};
use crate::subject;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use futures_util::StreamExt;
use futures_util::stream::ReadyChunks;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::timeout;

/// Maximum number of messages per pull.
const CHUNK: usize = 500;

/// How far the first search for the newest messages goes back: messages of the stream per wanted message.
const FIRST_LOOK: u64 = 4;

/// Factor by which each further search goes back.
const FURTHER: u64 = 4;

/// Error while reading messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The cluster did not answer, or refused.
    #[error("the cluster did not answer as expected: {0}")]
    Cluster(String),
    /// Messages may have been skipped.
    #[error("messages did not come one after the other: {0}")]
    Gap(String),
    /// A message has unexpected content.
    #[error("the message {subject} at {sequence} cannot be read: {problem}; was it written by another version?")]
    Unreadable {
        /// Its subject.
        subject: String,
        /// Its sequence.
        sequence: Sequence,
        /// What is wrong with it.
        problem: String,
    },
}

impl ReadError {
    /// For `map_err`: an unexpected reply of the cluster.
    pub fn cluster(error: impl std::fmt::Display) -> Self {
        ReadError::Cluster(error.to_string())
    }
}

/// A message of a stream.
#[derive(Debug)]
pub struct Received {
    /// Its sequence in the stream.
    pub sequence: Sequence,
    /// Time at which the stream stored it.
    pub received: Timestamp,
    /// Number of messages after it at delivery.
    pub pending: u64,
    /// The message.
    pub message: async_nats::Message,
}

impl Received {
    /// For `map_err`: the message has unexpected content.
    pub fn unreadable(&self, problem: impl std::fmt::Display) -> ReadError {
        let (subject, problem) = (self.message.subject.to_string(), problem.to_string());
        ReadError::Unreadable { subject, sequence: self.sequence, problem }
    }
}

/// Reads a stream without acknowledgements; the caller keeps track of its position.
pub struct Reader {
    messages: ReadyChunks<pull::Stream>,
    /// Number of messages received so far.
    delivered: u64,
    /// Number of messages still to come, as reported with the last one.
    pub pending: u64,
}

impl Reader {
    /// The messages of these subjects, from there on.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn open(stream: &Stream, from: DeliverPolicy, subjects: Vec<String>) -> Result<Self, ReadError> {
        let (consumer, pending) = consumer(stream, from, subjects).await?;
        Self::start(&consumer, pending).await
    }

    /// Reads the messages of these subjects after sequence `last`.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn behind(last: Sequence, stream: &Stream, subjects: Vec<String>) -> Result<Self, ReadError> {
        Self::open(stream, DeliverPolicy::ByStartSequence { start_sequence: last + 1 }, subjects).await
    }

    /// Reads at least the newest `count` messages of these subjects up to `last`; true if there are no older ones.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn newest(
        count: u64,
        last: Sequence,
        stream: &Stream,
        subjects: Vec<String>,
    ) -> Result<(Self, bool), ReadError> {
        let info = timeout(TIME_LIMIT, stream.get_info()).await.map_err(ReadError::cluster)?;
        let first = info.map_err(ReadError::cluster)?.state.first_sequence;
        let mut back = count.saturating_mul(FIRST_LOOK);
        loop {
            let start_sequence = (last + 1).saturating_sub(back).max(first).max(1);
            let from = DeliverPolicy::ByStartSequence { start_sequence };
            let (consumer, pending) = consumer(stream, from, subjects.clone()).await?;
            let is_all = start_sequence <= first.max(1);
            if is_all || pending >= count {
                return Ok((Self::start(&consumer, pending).await?, is_all));
            }
            back = back.saturating_mul(FURTHER);
        }
    }

    async fn start(consumer: &Consumer<pull::Config>, pending: u64) -> Result<Self, ReadError> {
        let messages = consumer.stream().max_messages_per_batch(1_000).expires(Duration::from_secs(5));
        let messages = timeout(TIME_LIMIT, messages.heartbeat(Duration::from_millis(700)).messages()).await;
        let messages = messages.map_err(ReadError::cluster)?.map_err(ReadError::cluster)?;
        Ok(Reader { messages: messages.ready_chunks(CHUNK), delivered: 0, pending })
    }

    /// Waits for the next messages.
    ///
    /// # Errors
    /// If a message may have been skipped, or if the cluster sends no heartbeats.
    pub async fn next(&mut self) -> Result<Vec<Received>, ReadError> {
        let chunk = self.messages.next().await.ok_or_else(|| ReadError::cluster("the messages ended"))?;
        chunk.into_iter().map(|message| self.take(message.map_err(ReadError::cluster)?)).collect()
    }

    fn take(&mut self, message: Message) -> Result<Received, ReadError> {
        let info = message.info().map_err(ReadError::cluster)?;
        if info.consumer_sequence != self.delivered + 1 {
            let gap = format!("after {} of the consumer came {}", self.delivered, info.consumer_sequence);
            return Err(ReadError::Gap(gap));
        }
        self.delivered += 1;
        self.pending = info.pending;
        let (sequence, published) = (info.stream_sequence, info.published.unix_timestamp_nanos());
        let received = Timestamp::from_nanosecond(published).map_err(ReadError::cluster)?;
        Ok(Received { sequence, received, pending: self.pending, message: message.split().0 })
    }
}

/// Creates the reader's consumer; returns its number of pending messages too.
async fn consumer(
    stream: &Stream,
    deliver_policy: DeliverPolicy,
    filter_subjects: Vec<String>,
) -> Result<(Consumer<pull::Config>, u64), ReadError> {
    let config = pull::Config {
        deliver_policy,
        ack_policy: AckPolicy::None,
        filter_subjects,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: Duration::from_secs(10),
        ..pull::Config::default()
    };
    let made = timeout(2 * TIME_LIMIT, async {
        let consumer = stream.create_consumer(config).await.map_err(ReadError::cluster)?;
        // A pull right after the creation may not find the consumer yet.
        let pending = consumer.get_info().await.map_err(ReadError::cluster)?.num_pending;
        Ok((consumer, pending))
    });
    made.await.unwrap_or_else(|late| Err(ReadError::cluster(late)))
}

/// The last checkpoint of a partition and its sequence; `None` before the first.
///
/// # Errors
/// If the cluster does not answer, or if the checkpoint cannot be read.
pub async fn last_checkpoint(output: &Stream, partition: u32) -> Result<Option<(Sequence, Checkpoint)>, ReadError> {
    let subject = subject::checkpoint(partition);
    let read = timeout(TIME_LIMIT, output.get_last_raw_message_by_subject(&subject)).await;
    let message = match read.map_err(ReadError::cluster)? {
        Ok(message) => message,
        Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => return Ok(None),
        Err(error) => return Err(ReadError::cluster(error)),
    };
    let sequence = message.sequence;
    match serde_json::from_slice(&message.payload) {
        Ok(checkpoint) => Ok(Some((sequence, checkpoint))),
        Err(error) => Err(ReadError::Unreadable { subject, sequence, problem: error.to_string() }),
    }
}
