//! Confirms silent turbines. The clock alone is not enough: while no worker has a partition, its readings wait.

use super::standing::Known;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use cluster::streams::Streams;
use cluster::{TIME_LIMIT, subject};
use futures_util::future::join_all;
use pipeline::Mirror;
use std::collections::BTreeSet;
use tokio::time::timeout;
use turbine_core::reading::TurbineId;

/// Confirms the silence of overdue turbines in partitions without waiting readings. If a partition cannot be checked,
/// the next call tries again.
pub async fn confirm(streams: &Streams, mirror: &Mirror, known: &Known) {
    let overdue = mirror.unconfirmed_silences();
    let partition = |id: &TurbineId| known.partitions.get(id).copied();
    let partitions: BTreeSet<u32> = overdue.iter().filter_map(partition).collect();
    let scored = |number| async move { (number, is_scored(&streams.input, number, known).await) };
    let asked = join_all(partitions.into_iter().map(scored)).await;
    let scored: BTreeSet<u32> = asked.into_iter().filter(|(_, scored)| *scored).map(|(number, _)| number).collect();
    let silent = overdue.into_iter().filter(|id| partition(id).is_some_and(|number| scored.contains(&number)));
    mirror.confirm_silences(silent.collect());
}

/// True if it is certain that all readings of the partition are scored.
async fn is_scored(input: &Stream, partition: u32, known: &Known) -> bool {
    let subject = subject::inputs(partition);
    let last = match timeout(TIME_LIMIT, input.get_last_raw_message_by_subject(&subject)).await {
        Ok(Ok(message)) => message.sequence,
        Ok(Err(error)) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => 0,
        _ => return false,
    };
    last <= known.inputs.get(&partition).copied().unwrap_or_default()
}
