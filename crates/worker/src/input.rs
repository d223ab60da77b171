//! The readings of a partition, one after the other and none left out.

use crate::interruption::Interruption;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use cluster::TIME_LIMIT;
use cluster::message::Sequence;
use cluster::reader::{Reader, reader};
use cluster::subject;
use futures_util::StreamExt;
use futures_util::stream::ReadyChunks;
use jiff::Timestamp;
use std::time::Duration;

/// The most readings of one chunk. With their alarms and events they nearly always fit into one batch.
const CHUNK: usize = 500;

/// A reading as it was sent.
#[derive(Debug)]
pub struct Input {
    /// Its place in the stream `IN`.
    pub sequence: Sequence,
    /// When the stream took it.
    pub received: Timestamp,
    /// The message.
    pub message: async_nats::Message,
}

/// The readings behind a place in the stream `IN`.
pub struct Inputs {
    messages: ReadyChunks<pull::Stream>,
    /// Readings that have come since the consumer was made.
    delivered: u64,
    /// Readings of the partition that are still to come, as of the last chunk.
    pub pending: u64,
}

impl Inputs {
    /// The readings of a partition behind `last`.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub async fn after(last: Sequence, input: &Stream, partition: u32) -> Result<Self, Interruption> {
        // How far the partition has come is in its checkpoint, with the records.
        let from = DeliverPolicy::ByStartSequence { start_sequence: last + 1 };
        let Reader { consumer, pending } =
            reader(input, from, subject::inputs(partition)).await.map_err(Interruption::cluster)?;
        let messages = consumer.stream().max_messages_per_batch(1_000).expires(Duration::from_secs(5));
        let messages =
            messages.heartbeat(Duration::from_millis(700)).messages().await.map_err(Interruption::cluster)?;
        Ok(Inputs { messages: messages.ready_chunks(CHUNK), delivered: 0, pending })
    }

    /// The next readings, once there is one.
    ///
    /// # Errors
    /// If one may have been left out, or if the cluster is silent.
    pub async fn next(&mut self) -> Result<Vec<Input>, Interruption> {
        let chunk = self.messages.next().await.ok_or_else(|| Interruption::cluster("the readings ended"))?;
        let inputs = chunk.into_iter().map(|message| self.input(message.map_err(Interruption::cluster)?));
        inputs.collect()
    }

    fn input(&mut self, message: Message) -> Result<Input, Interruption> {
        let info = message.info().map_err(Interruption::cluster)?;
        if info.consumer_sequence != self.delivered + 1 {
            let gap = format!("after {} of the consumer came {}", self.delivered, info.consumer_sequence);
            return Err(Interruption::InputGap(gap));
        }
        self.delivered += 1;
        self.pending = info.pending;
        let (sequence, published) = (info.stream_sequence, info.published.unix_timestamp_nanos());
        let received = Timestamp::from_nanosecond(published).map_err(Interruption::cluster)?;
        Ok(Input { sequence, received, message: message.split().0 })
    }
}

/// Which readings the stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first that it still has.
    pub first: Sequence,
    /// The last that it took; 0 before the first.
    pub last: Sequence,
}

/// Asks the stream which readings it has.
///
/// # Errors
/// If the cluster does not answer.
pub async fn extent(input: &Stream) -> Result<Extent, Interruption> {
    let info = tokio::time::timeout(TIME_LIMIT, input.get_info()).await.map_err(Interruption::cluster)?;
    let state = info.map_err(Interruption::cluster)?.state;
    Ok(Extent { first: state.first_sequence, last: state.last_sequence })
}
