//! Whether a model may score a park: its partitions keep the features that they began with.

use crate::interruption::Interruption;
use crate::restore::check_features;
use cluster::reader::{ReadError, last_checkpoint};
use cluster::streams::Streams;
use turbine_core::feature::FeatureSet;

/// Why a model may not score a park, or why that is not known.
#[derive(Debug, thiserror::Error)]
#[error("partition {partition}: {why}")]
pub struct Misfit {
    /// The partition that was looked at.
    pub partition: u32,
    /// [`Interruption::OtherFeatures`], or why the cluster did not tell its features.
    pub why: Interruption,
}

/// Compares the features of a model with those of all partitions that were scored before.
///
/// # Errors
/// With the first partition that has others, or if the cluster does not answer.
pub async fn of_park(streams: &Streams, features: &FeatureSet) -> Result<(), Misfit> {
    for partition in 0..streams.partitions {
        let fits = match last_checkpoint(&streams.output, partition).await {
            Ok(Some((_, checkpoint))) => check_features(&checkpoint, features),
            // That concerns its partition alone, where it is told.
            Ok(None) | Err(ReadError::Unreadable { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        };
        fits.map_err(|why| Misfit { partition, why })?;
    }
    Ok(())
}
