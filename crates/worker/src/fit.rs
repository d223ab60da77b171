//! Whether a model may score a park: its partitions keep the features that they began with.

use crate::interruption::Interruption;
use crate::restore::last_checkpoint;
use cluster::message::Checkpoint;
use cluster::streams::Streams;
use turbine_core::feature::FeatureSet;

/// Compares the features of a model with those of all partitions that were scored before.
///
/// # Errors
/// With the first partition that has others, or if the cluster does not answer.
pub async fn of_park(streams: &Streams, features: &FeatureSet) -> Result<(), String> {
    for number in 0..streams.partitions {
        let fits = match last_checkpoint(&streams.output, number).await {
            Ok(Some((_, checkpoint))) => of_partition(&checkpoint, features),
            // That concerns its partition alone, where it is told.
            Ok(None) | Err(Interruption::Unreadable { .. }) => Ok(()),
            Err(error) => Err(error),
        };
        fits.map_err(|problem| format!("partition {number}: {problem}"))?;
    }
    Ok(())
}

/// Compares the features of a model with those of a partition.
///
/// # Errors
/// [`Interruption::OtherFeatures`].
pub fn of_partition(checkpoint: &Checkpoint, features: &FeatureSet) -> Result<(), Interruption> {
    if checkpoint.features.iter().eq(features.names()) {
        return Ok(());
    }
    let (expected, found) = (features.names().collect::<Vec<_>>().join(", "), checkpoint.features.join(", "));
    Err(Interruption::OtherFeatures { expected, found })
}
