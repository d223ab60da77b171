//! Signals to the process: SIGTERM, SIGINT (Ctrl-C) and SIGHUP.

use crate::Shutdown;
use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

/// The exit code after a second SIGTERM or SIGINT, as shells give it to an interrupted program.
const INTERRUPTED: i32 = 130;

/// Begins `shutdown` at the first SIGTERM or SIGINT and exits at the second. Calls `hang_up` at each SIGHUP, in a task of the
/// runtime: it must not wait.
///
/// # Errors
/// If the signals cannot be listened to.
pub fn listen(shutdown: Shutdown, hang_up: impl Fn() + Send + 'static) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    hang_up();
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
