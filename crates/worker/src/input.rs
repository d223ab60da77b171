//! The readings of a partition, one after the other and none left out.

use crate::interruption::Interruption;
use async_nats::jetstream::stream::Stream;
use cluster::TIME_LIMIT;
use cluster::message::Sequence;
use cluster::reader::{Reader, Received};
use cluster::subject;

/// A reading as it was sent.
pub type Input = Received;

/// The readings of a partition behind `last`.
///
/// # Errors
/// If the cluster does not answer.
pub async fn after(last: Sequence, input: &Stream, partition: u32) -> Result<Reader, Interruption> {
    Ok(Reader::behind(last, input, vec![subject::inputs(partition)]).await?)
}

/// The first reading that the stream still has.
///
/// # Errors
/// If the cluster does not answer.
pub async fn first(input: &Stream) -> Result<Sequence, Interruption> {
    let info = tokio::time::timeout(TIME_LIMIT, input.get_info()).await.map_err(Interruption::cluster)?;
    Ok(info.map_err(Interruption::cluster)?.state.first_sequence)
}
