//! Signals to the process: SIGTERM, SIGINT (Ctrl-C) and SIGHUP.

use crate::shutdown::Shutdown;
use anyhow::{Context, Result};
use pipeline::Pipeline;
use tokio::signal::unix::{SignalKind, signal};

/// The exit code after a second SIGTERM or SIGINT, as shells give it to an interrupted program.
const INTERRUPTED: i32 = 130;

/// Begins `shutdown` at the first SIGTERM or SIGINT and exits at the second. SIGHUP puts the model
/// file into service.
///
/// # Errors
/// If the signals cannot be listened to.
pub fn listen(shutdown: Shutdown, pipeline: Pipeline) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    tokio::spawn(reload(pipeline.clone()));
                    continue;
                }
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if shutdown.has_begun() {
                std::process::exit(INTERRUPTED);
            }
            shutdown.begin();
        }
    });
    Ok(())
}

/// The outcome is logged by the pipeline, unless nothing changed.
async fn reload(pipeline: Pipeline) {
    if let Ok(reloaded) = pipeline.reload().await
        && !reloaded.changed()
    {
        tracing::info!(model_version = %reloaded.version, "SIGHUP: the model file is in service already");
    }
}
