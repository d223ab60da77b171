//! Checks that a model has the features of a park, which its partitions keep from their first record on.

use crate::interruption::Interruption;
use crate::restore::check_features;
use cluster::reader::{ReadError, last_checkpoint};
use cluster::streams::Streams;
use turbine_core::feature::FeatureSet;

/// A model has other features than a park, or the check failed.
#[derive(Debug, thiserror::Error)]
#[error("partition {partition}: {why}")]
pub struct Misfit {
    /// The partition that was checked.
    pub partition: u32,
    /// [`Interruption::OtherFeatures`], or the error while reading the partition's features.
    pub why: Interruption,
}

/// Compares the features of a model with those of all partitions that were scored before.
///
/// # Errors
/// For the first partition with other features, or if the cluster does not answer.
pub async fn of_park(streams: &Streams, features: &FeatureSet) -> Result<(), Misfit> {
    for partition in 0..streams.partitions {
        let fits = match last_checkpoint(&streams.output, partition).await {
            Ok(Some((_, checkpoint))) => check_features(&checkpoint, features),
            // An unreadable checkpoint affects only its partition, whose task reports it.
            Ok(None) | Err(ReadError::Unreadable { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        };
        fits.map_err(|why| Misfit { partition, why })?;
    }
    Ok(())
}
