//! Signals to the service: SIGTERM and SIGINT stop it, SIGHUP puts the model file into service.

use anyhow::Result;
use pipeline::Pipeline;
use service::Shutdown;

/// Begins `shutdown` at the first SIGTERM or SIGINT and exits at the second. SIGHUP puts the model
/// file into service.
///
/// # Errors
/// If the signals cannot be listened to.
pub fn listen(shutdown: Shutdown, pipeline: Pipeline) -> Result<()> {
    service::signals::listen(shutdown, move || {
        tokio::spawn(reload(pipeline.clone()));
    })
}

/// The outcome is logged by the pipeline, unless nothing changed.
async fn reload(pipeline: Pipeline) {
    if let Ok(reloaded) = pipeline.reload().await
        && !reloaded.changed()
    {
        tracing::info!(model_version = %reloaded.version, "SIGHUP: the model file is in service already");
    }
}
