//! `worker publish-model`: a model file for all workers that run with `--model-store`.

use crate::fit;
use anyhow::{Context as _, Result};
use cluster::{Cluster, models, streams};
use std::path::Path;
use std::sync::Arc;
use turbine_core::model::Model;

/// Proves a model file and publishes it; returns its version.
///
/// # Errors
/// If the file cannot be used, if its features are not those of the park, or if the cluster refuses.
pub async fn publish_model(cluster: &Cluster, file: &Path) -> Result<Arc<str>> {
    let name = || format!("the model file {} was not published", file.display());
    let bytes = std::fs::read(file).with_context(name)?;
    let model = Model::from_bytes(&bytes).with_context(name)?;
    let streams = streams::find(cluster).await?;
    fit::of_park(&streams, model.features()).await.with_context(name)?;
    models::publish(cluster, &streams, &bytes).await?;
    Ok(Arc::clone(model.version()))
}
