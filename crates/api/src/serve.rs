//! Connections: accepted up to a number, given up when they dawdle, and drained on shutdown.

use crate::config::Limits;
use crate::gate::Gate;
use crate::state::{App, Scoring};
use anyhow::{Context, Result, ensure};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

/// How long to wait after the system refused to accept, for instance because no file descriptor was left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long no request may have been under way before a drain is over.
const QUIET: Duration = Duration::from_secs(1);

/// Threads of the runtime: one a processor, and never one alone, so that a disk which stalls the thread that writes the
/// log leaves another to answer.
pub fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(2, |processors| processors.get().max(2))
}

/// Serves until `shutdown` is done; then finishes what was accepted, closes the log, and returns.
///
/// # Errors
/// If requests were still under way at the end of the drain time-out, or the log could not be closed.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.max_connections.get()));
    let service = TowerToHyperService::new(Gate::new(app.clone()));
    let mut http = hyper::server::conn::http1::Builder::new();
    // No `pipeline_flush`: it holds an answer back while the beginning of another request is there, and loses it if that
    // never becomes a whole one.
    // With `half_close`, who has sent all and says so is answered all the same.
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout.0).half_close(true);

    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut shutdown => break,
        };
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
        tokio::spawn(async move {
            // A client that goes away or dawdles is no event for the operator.
            if let Err(error) = connection.await {
                tracing::debug!("connection ended: {error}");
            }
            drop(place);
        });
    }
    drop(listener);
    tracing::info!("shutting down: finishing what is under way");
    tokio::select! {
        () = connections.shutdown() => {}
        () = quiet(&app) => {}
        () = tokio::time::sleep(limits.drain_timeout.0) => {}
    }
    let unfinished = app.is_busy();
    if let Ok(Scoring { log, .. }) = &app.scoring {
        log.close().await.context("cannot close the prediction log")?;
    }
    ensure!(!unfinished, "some requests were not finished within the drain time-out (--drain-timeout)");
    tracing::info!("stopped");
    Ok(())
}

/// Done when no request has been under way for a while: all that is left then are connections on which half the head of a
/// request has arrived, and that can take as long as its client likes.
async fn quiet(app: &App) {
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        tokio::time::sleep(QUIET / 10).await;
        if app.is_busy() {
            since = Instant::now();
        }
    }
}

/// The next connection, as soon as there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and must not wait for more to send.
                let _ = stream.set_nodelay(true);
                return (stream, place);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// Done at the first SIGTERM or Ctrl-C; a second one ends the process at once.
///
/// # Errors
/// If the signals cannot be listened to.
pub fn shutdown_signal() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            std::process::exit(130);
        });
    })
}

async fn either(one: &mut tokio::signal::unix::Signal, other: &mut tokio::signal::unix::Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
