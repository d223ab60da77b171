//! Connections: accepted up to a number, given up when they dawdle, and drained on shutdown.

use crate::config::Limits;
use crate::connection::{Connections, Stream};
use crate::gate::Gate;
use crate::lanes::Lanes;
use crate::state::{App, Scoring};
use anyhow::{Context, Result, ensure};
use hyper::service::service_fn;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::TcpStream;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long to wait after the system refused to accept, for instance because no file descriptor was left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long no request may have been under way before a drain is over.
const QUIET: Duration = Duration::from_secs(1);

/// Serves until `shutdown` is done; then finishes what was accepted, closes the log, and returns.
///
/// # Errors
/// If requests were still under way at the end of the drain time-out, or the log could not be closed.
pub async fn serve(
    listener: TcpListener,
    lanes: &Lanes,
    app: Arc<App>,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let (graceful, connections) = (GracefulShutdown::new(), Connections::default());
    let places = Arc::new(Semaphore::new(limits.max_connections.get()));
    let gate = Arc::new(Gate::new(app.clone()));
    let mut http = hyper::server::conn::http1::Builder::new();
    // No `pipeline_flush`: it holds an answer back while the beginning of another request is there, and loses it if that
    // never becomes a whole one.
    // With `half_close`, who has sent all and says so is answered all the same.
    http.half_close(true);
    let patience = limits.header_timeout.0;

    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut shutdown => break,
        };
        let connection = connections.accepted();
        let service = service_fn({
            let (gate, connection) = (gate.clone(), connection.clone());
            move |request| {
                let (gate, connection) = (gate.clone(), connection.clone());
                async move { Ok::<_, Infallible>(gate.answer(&connection, request).await) }
            }
        });
        let (http, watcher) = (http.clone(), graceful.watcher());
        lanes.serve(stream, move |stream| {
            let served = watcher.watch(http.serve_connection(Stream::new(stream, connection.clone()), service));
            async move {
                // A client that goes away or dawdles is no event for the operator.
                tokio::select! {
                    biased;
                    ended = served => if let Err(error) = ended {
                        tracing::debug!("connection ended: {error}");
                    },
                    () = connection.neglected(patience) => tracing::debug!("connection given up: its client neither asks nor reads"),
                }
                drop(place);
            }
        });
    }
    drop(listener);
    tracing::info!("shutting down: finishing what is under way");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = quiet(&app, &connections) => {}
        () = tokio::time::sleep(limits.drain_timeout.0) => {}
    }
    let unfinished = app.is_busy() || connections.are_sending();
    if let Ok(Scoring { log, .. }) = &app.scoring {
        log.close().await.context("cannot close the prediction log")?;
    }
    ensure!(!unfinished, "some requests were not finished within the drain time-out (--drain-timeout)");
    tracing::info!("stopped");
    Ok(())
}

/// Done when no request has been under way for a while: all that is left then are connections on which half the head of a
/// request has arrived, and that can take as long as its client likes.
async fn quiet(app: &App, connections: &Connections) {
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        tokio::time::sleep(QUIET / 10).await;
        if app.is_busy() || connections.are_sending() {
            since = Instant::now();
        }
    }
}

/// The next connection, as soon as there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and must not wait for more to send.
                let _ = stream.set_nodelay(true);
                match stream.into_std() {
                    Ok(stream) => return (stream, place),
                    Err(error) => tracing::warn!("cannot serve a connection: {error}"),
                }
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
