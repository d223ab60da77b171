//! The service in front of a cluster: it shows the turbines of all workers, and publishes readings to the cluster.
//!
//! It stores nothing. Its state is read from the stream `OUT`, which it then follows; readings are published to the
//! stream `IN`, and answered with their records from `OUT`.

mod batches;
mod follow;
mod link;
mod records;
mod silence;
mod standing;
mod stop;

use crate::config::Config;
use anyhow::{Result, bail};
use cluster::ClusterFlags;
use link::Link;
use pipeline::{Mirror, Pipeline, PipelineConfig};
use prometheus::Registry;
use std::sync::Arc;
use turbine_core::model::Model;
use turbine_core::reading::MissingValues;

/// The name under which the cluster lists the connections of this program.
const CLIENT: &str = "turbine-api";

/// A cluster to follow, not connected yet.
pub struct Park {
    flags: ClusterFlags,
    link: Link,
    mirror: Mirror,
}

/// The flags of the cluster, if one is named.
pub fn flags(config: &Config) -> Option<ClusterFlags> {
    // An empty variable names no node.
    let nats: Vec<String> = config.cluster.nats.iter().filter(|url| !url.trim().is_empty()).cloned().collect();
    (!nats.is_empty()).then(|| ClusterFlags { nats, ..config.cluster.clone() })
}

/// Opens a pipeline in front of the cluster; its state is filled by [`Park::follow`].
///
/// # Errors
/// For flags that have no meaning in front of a cluster.
pub fn open(
    config: &Config,
    flags: ClusterFlags,
    pipeline: PipelineConfig,
    model: Result<Model, Arc<str>>,
    registry: &Registry,
) -> Result<(Pipeline, Park)> {
    if config.lifecycle.shadow.is_some() || config.lifecycle.rollback_if.is_some() {
        bail!("--shadow and --rollback-if cannot be used with --nats: the workers score the readings of a cluster");
    }
    let link = Link::default();
    // Accept missing values here: the workers decide how to handle them.
    let pipeline = PipelineConfig { missing_values: MissingValues::Carry, ..pipeline };
    let (pipeline, mirror) = Pipeline::open_park(pipeline, model, registry, Arc::new(link.clone()));
    Ok((pipeline, Park { flags, link, mirror }))
}

impl Park {
    /// Follows the cluster; never returns.
    pub async fn follow(self) {
        follow::follow(&self.flags, &self.link, &self.mirror).await;
    }
}
