//! The readings of a partition, one after the other and none left out.

use crate::interruption::Interruption;
use async_nats::jetstream::stream::Stream;
use cluster::TIME_LIMIT;
use cluster::message::Sequence;
use cluster::reader::{Reader, Received};
use cluster::subject;

/// A reading as it was sent.
pub type Input = Received;

/// Reads a partition after sequence `last`.
///
/// # Errors
/// If the cluster does not answer.
pub async fn after(last: Sequence, input: &Stream, partition: u32) -> Result<Reader, Interruption> {
    Ok(Reader::behind(last, input, vec![subject::inputs(partition)]).await?)
}

/// First and last sequence of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first reading that is still stored.
    pub first: Sequence,
    /// The last reading that was stored; 0 before the first.
    pub last: Sequence,
}

/// Requests the first and last sequence of the stream.
///
/// # Errors
/// If the cluster does not answer.
pub async fn extent(input: &Stream) -> Result<Extent, Interruption> {
    let info = tokio::time::timeout(TIME_LIMIT, input.get_info()).await.map_err(Interruption::cluster)?;
    let state = info.map_err(Interruption::cluster)?.state;
    Ok(Extent { first: state.first_sequence, last: state.last_sequence })
}
