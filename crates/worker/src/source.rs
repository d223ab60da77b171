//! The source of the model: a file, or the cluster, where a newer one may be published at any time.

use crate::fit;
use crate::interruption::Interruption;
use crate::telemetry::{Concern, Telemetry};
use cluster::Cluster;
use cluster::models::{self, ContentError};
use cluster::streams::{Streams, StreamsError};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use turbine_core::model::Model;

/// Interval between checks for a newer model.
const LOOK: Duration = Duration::from_secs(1);

/// Where the model comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A model file, read once.
    File(Arc<Model>),
    /// The newest one that was published in the cluster.
    Store,
}

/// The models for one park.
pub struct Source {
    origin: Origin,
    cluster: Cluster,
    streams: Streams,
    /// The publication that was checked last.
    last: Option<Looked>,
}

struct Looked {
    id: String,
    model: Result<Arc<Model>, String>,
}

/// There is no model to put into service.
#[derive(Debug, thiserror::Error)]
enum NoModel {
    /// There is a model, but it cannot be used; a retry does not help.
    #[error("{0}")]
    Refused(String),
    /// No model is published, or it cannot be read now; a retry may succeed.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StreamsError> for NoModel {
    fn from(error: StreamsError) -> Self {
        NoModel::Unavailable(error.to_string())
    }
}

impl Source {
    /// A source of models for these streams.
    pub fn new(origin: Origin, cluster: Cluster, streams: Streams) -> Self {
        Source { origin, cluster, streams, last: None }
    }

    /// Waits for the first model with the features of the park.
    pub async fn first(&mut self, telemetry: &Telemetry) -> Arc<Model> {
        loop {
            match self.look(None).await {
                Ok(model) => {
                    telemetry.serve(&model);
                    return model;
                }
                Err(problem) => _ = telemetry.set_problem(Concern::Model, Some(problem.to_string())),
            }
            sleep(LOOK).await;
        }
    }

    /// Puts each newer model into `service`. If it is refused, the previous one stays.
    pub async fn keep_up(mut self, service: &watch::Sender<Arc<Model>>, telemetry: &Telemetry) -> Infallible {
        if matches!(self.origin, Origin::File(_)) {
            return std::future::pending().await;
        }
        loop {
            sleep(LOOK).await;
            let serving = Arc::clone(&service.borrow());
            match self.look(Some(&serving)).await {
                Ok(model) => {
                    telemetry.serve(&model);
                    if model.version() != serving.version() {
                        service.send_replace(model);
                    }
                }
                Err(problem) => {
                    let text = format!("{problem}; the model {} goes on", serving.version());
                    if telemetry.set_problem(Concern::Model, Some(text)) && matches!(problem, NoModel::Refused(_)) {
                        telemetry.counters.refused_reloads.inc();
                    }
                }
            }
        }
    }

    /// The model that should be in service now.
    async fn look(&mut self, serving: Option<&Model>) -> Result<Arc<Model>, NoModel> {
        let model = match &self.origin {
            Origin::File(model) => Arc::clone(model),
            Origin::Store => self.published().await?,
        };
        if serving.is_none_or(|serving| serving.version() != model.version()) {
            fit::of_park(&self.streams, model.features()).await.map_err(|misfit| {
                let problem = format!("the model {} is not put into service: {misfit}", model.version());
                match misfit.why {
                    Interruption::OtherFeatures { .. } => NoModel::Refused(problem),
                    _ => NoModel::Unavailable(problem),
                }
            })?;
        }
        Ok(model)
    }

    /// The newest published model; each publication is read and proved once.
    async fn published(&mut self) -> Result<Arc<Model>, NoModel> {
        let Some(published) = models::newest(&self.cluster).await? else {
            let remedy = "publish one with `worker publish-model FILE`";
            return Err(NoModel::Unavailable(format!("no model is published in the cluster; {remedy}")));
        };
        let last = self.last.take().filter(|last| last.id == published.id);
        let looked = match last {
            Some(looked) => looked,
            None => {
                let model = match published.content().await {
                    Ok(content) => prove(content).await,
                    Err(ContentError::Damaged(problem)) => Err(problem),
                    Err(ContentError::Undelivered(problem)) => {
                        return Err(NoModel::Unavailable(format!("the published model: {problem}")));
                    }
                };
                Looked { id: published.id, model }
            }
        };
        let model = self.last.insert(looked).model.clone();
        model.map_err(|problem| NoModel::Refused(format!("the published model cannot be used: {problem}")))
    }
}

/// Proves a model file on a blocking thread, so that partitions are not delayed.
async fn prove(content: Vec<u8>) -> Result<Arc<Model>, String> {
    let proved = tokio::task::spawn_blocking(move || Model::from_bytes(&content)).await;
    match proved {
        Ok(Ok(model)) => Ok(Arc::new(model)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
