//! What is known of a partition: its last checkpoint, and the newest record of each of its turbines.

use crate::interruption::Interruption;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::stream::Stream;
use cluster::TIME_LIMIT;
use cluster::message::{Checkpoint, Sequence, StateRead};
use cluster::reader::{Reader, last_checkpoint};
use cluster::streams::Streams;
use cluster::subject;
use pipeline::Partition;
use pipeline::fleet::Turbine;
use tokio::time::timeout;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::TurbineId;

/// Where a partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The sequence of the last checkpoint: the next batch is committed only if there is no newer one. 0 before the first.
    pub fence: Sequence,
    /// The last reading that was scored or rejected; 0 before the first.
    pub input: Sequence,
    /// The newest record; 0 before the first.
    pub newest_record: Sequence,
}

/// Reads the partition's turbines into `partition` and says where it stands.
///
/// # Errors
/// If the cluster does not answer, if it was scored with other features, or if the records came from a node that is behind
/// the checkpoint: the next attempt may get them from another one.
pub async fn restore(
    streams: &Streams,
    number: u32,
    partition: &mut Partition,
    features: &FeatureSet,
) -> Result<Standing, Interruption> {
    let Some((fence, checkpoint)) = last_checkpoint(&streams.output, number).await? else {
        return Ok(Standing::default());
    };
    check_features(&checkpoint, features)?;
    let newest_record = checkpoint.newest_record(fence);
    if newest_record > 0 {
        let read = timeout(3 * TIME_LIMIT, read_turbines(&streams.output, number, partition)).await;
        let found = read.map_err(|_| Interruption::cluster("the records take too long to come"))??;
        // A node that is behind has older records, and another worker may have committed since.
        if found != newest_record {
            return Err(Interruption::NotCaughtUp { expected: newest_record, found });
        }
    }
    Ok(Standing { fence, input: checkpoint.input, newest_record })
}

/// Compares the features of a model with those of a partition.
///
/// # Errors
/// [`Interruption::OtherFeatures`].
pub fn check_features(checkpoint: &Checkpoint, features: &FeatureSet) -> Result<(), Interruption> {
    let misfit = checkpoint.other_features(features);
    misfit.map_or(Ok(()), |(expected, found)| Err(Interruption::OtherFeatures { expected, found }))
}

/// Reads the newest record of each turbine; gives the sequence of the newest one.
async fn read_turbines(output: &Stream, number: u32, partition: &mut Partition) -> Result<Sequence, Interruption> {
    let mut reader = Reader::open(output, DeliverPolicy::LastPerSubject, vec![subject::records(number)]).await?;
    let mut newest = 0;
    while reader.pending > 0 {
        for received in reader.next().await? {
            let turbine = subject::turbine(&received.message.subject).unwrap_or_default();
            let turbine: TurbineId = turbine.parse().map_err(|problem| received.unreadable(problem))?;
            let state: StateRead<Turbine> =
                serde_json::from_slice(&received.message.payload).map_err(|error| received.unreadable(error))?;
            partition.restore(turbine, state.turbine);
            newest = newest.max(received.sequence);
        }
    }
    Ok(newest)
}
