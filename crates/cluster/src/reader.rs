//! Reading a stream in order without leaving a trace in it: no acknowledgements, nothing on a disk.

use crate::connection::TIME_LIMIT;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use std::time::Duration;
use tokio::time::timeout;

/// How long the server keeps a consumer that nobody asks for messages.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// A consumer that has delivered nothing yet.
pub struct Reader {
    /// The consumer.
    pub consumer: Consumer<pull::Config>,
    /// Messages that are to come, as the node of the consumer has them: it may be behind the others.
    pub pending: u64,
}

/// A reader of the messages of these subjects, from where `from` says. How far it has come is for the caller to keep.
///
/// # Errors
/// If the cluster refuses or does not answer.
pub async fn reader(stream: &Stream, from: DeliverPolicy, subjects: String) -> Result<Reader, async_nats::Error> {
    let config = pull::Config {
        deliver_policy: from,
        ack_policy: AckPolicy::None,
        filter_subject: subjects,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: FORGOTTEN_AFTER,
        ..pull::Config::default()
    };
    let made = async {
        let consumer = stream.create_consumer(config).await?;
        // Asked at once after it was made, the consumer may not be there yet for a pull.
        let pending = consumer.get_info().await?.num_pending;
        Ok(Reader { consumer, pending })
    };
    timeout(2 * TIME_LIMIT, made).await.unwrap_or_else(|_| Err("the cluster does not answer".into()))
}
