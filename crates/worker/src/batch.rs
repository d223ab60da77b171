//! Atomic batches: all their messages are stored one after the other, or none is.

use crate::interruption::Interruption;
use async_nats::HeaderMap;
use async_nats::header::{NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use cluster::message::Sequence;
use cluster::{Cluster, TIME_LIMIT};
use std::error::Error;
use tokio::time::timeout;

/// The most messages of a batch that the server takes.
pub const MAX_MESSAGES: usize = 1_000;

/// A subject, and what is published to it.
pub type Message = (String, Vec<u8>);

/// Publishes a batch that ends with `last`, if the newest message of its subject is at `fence` (0 if there is none). No two
/// batches of a stream that are under way may have the same `id`. Gives the sequence of the last message.
///
/// # Errors
/// [`Interruption::FenceLost`] if the newest message is another; [`Interruption::Unacknowledged`] if it is not known whether
/// the batch is stored.
pub async fn publish(
    cluster: &Cluster,
    id: &str,
    messages: Vec<Message>,
    last: Message,
    fence: Sequence,
) -> Result<Sequence, Interruption> {
    let published = timeout(TIME_LIMIT, send(cluster, id, messages, last, fence)).await;
    published.unwrap_or_else(|_| Err(unacknowledged("the cluster does not answer")))
}

async fn send(
    cluster: &Cluster,
    id: &str,
    messages: Vec<Message>,
    (subject, payload): Message,
    fence: Sequence,
) -> Result<Sequence, Interruption> {
    let count = messages.len() + 1;
    for (place, (subject, payload)) in (1..).zip(messages) {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_BATCH_ID, id);
        headers.insert(NATS_BATCH_SEQUENCE, u64::to_string(&place));
        let sent = cluster.client.publish_with_headers(subject, headers, payload.into()).await;
        sent.map_err(unacknowledged)?;
    }
    let last = PublishMessage::build()
        .payload(payload.into())
        .header(NATS_BATCH_ID, id)
        .header(NATS_BATCH_SEQUENCE, count.to_string())
        .header(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL)
        .expected_last_subject_sequence(fence);
    let acknowledged = match cluster.jetstream.send_publish(subject, last).await {
        Ok(acknowledgement) => acknowledgement.await,
        Err(error) => Err(error),
    };
    let acknowledged = acknowledged.map_err(|error| match error.kind() {
        PublishErrorKind::WrongLastSequence => Interruption::FenceLost,
        _ if is_full(&error) => Interruption::Full(error.to_string()),
        _ => unacknowledged(error),
    })?;
    if acknowledged.batch_size != Some(count as u64) {
        return Err(unacknowledged(format!("{count} messages were sent, and {:?} stored", acknowledged.batch_size)));
    }
    Ok(acknowledged.sequence)
}

/// True if the server refused the batch because the stream, the account or the disk is full.
fn is_full(error: &PublishError) -> bool {
    let refusal = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    refusal.is_some_and(|refusal| {
        [
            ErrorCode::STREAM_STORE_FAILED,
            ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
            ErrorCode::STORAGE_RESOURCES_EXCEEDED,
            ErrorCode::MEMORY_RESOURCES_EXCEEDED,
            ErrorCode::INSUFFICIENT_RESOURCES,
        ]
        .contains(&refusal.error_code())
    })
}

fn unacknowledged(problem: impl std::fmt::Display) -> Interruption {
    Interruption::Unacknowledged(problem.to_string())
}
