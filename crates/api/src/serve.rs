//! Connections: a bounded number of them, each with time limits, drained at shutdown. `axum::serve` has none of these:
//! `more_connections_than_may_be_open_wait_their_turn`, `a_head_that_comes_a_byte_at_a_time_is_given_up` and
//! `who_never_finishes_is_waited_for_no_longer_than_the_deadline` fail with it.

use crate::connection_timer::ConnectionTimer;
use crate::layers;
use crate::linger::Lingering;
use crate::state::App;
use anyhow::{Context, Result, ensure};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_io_timeout::TimeoutWriter;
use tower::ServiceExt;

/// Pause after the system refused to accept, for instance because no file descriptor was left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long no request may have been in flight before a drain is over.
const QUIET: Duration = Duration::from_secs(1);

/// Largest read buffer of a connection, and so the longest head of a request.
const MAX_BUFFER: usize = 16 << 10;

/// Bytes of an answer that the system may hold unsent.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 16 << 10;

/// Serves until `app.shutdown` begins; then finishes the requests in flight, closes the log, and returns.
///
/// # Errors
/// If requests were still in flight at the end of the drain timeout, or the log could not be closed.
pub async fn serve(listener: TcpListener, app: Arc<App>) -> Result<()> {
    let limits = &app.limits;
    let connections = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.max_connections.get()));
    let service = TowerToHyperService::new(layers::service(app.clone()).map_request(Lingering::wrap));
    let mut http = http1::Builder::new();
    // No `pipeline_flush`: it holds an answer back while the beginning of another request is there, and loses it if that
    // never becomes a whole one. With `half_close`, a client that has sent everything and shut down its side is answered.
    http.half_close(true).header_read_timeout(limits.header_timeout).max_buf_size(MAX_BUFFER);

    loop {
        let (stream, permit) = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = app.shutdown.begun() => break,
        };
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(limits.header_timeout));
        let connection =
            http.timer(ConnectionTimer::default()).serve_connection(TokioIo::new(Box::pin(stream)), service.clone());
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A client that goes away or stalls is no event for the operator.
            if let Err(error) = connection.await {
                tracing::debug!("connection ended: {error}");
            }
            drop(permit);
        });
    }
    drop(listener);
    tracing::info!("shutting down: finishing the requests in flight");
    tokio::select! {
        () = connections.shutdown() => {}
        () = quiet(&app) => {}
        () = sleep(limits.drain_timeout) => {}
    }
    let unfinished = is_busy(&app);
    app.pipeline.close().await.context("cannot close the prediction log")?;
    ensure!(!unfinished, "some requests were not finished within the drain timeout (--drain-timeout)");
    tracing::info!("stopped");
    Ok(())
}

/// Completes when no request has been in flight for a while: what is left then are connections with half the head of a
/// request, which may take as long as the header timeout.
async fn quiet(app: &App) {
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        sleep(QUIET / 10).await;
        if is_busy(app) {
            since = Instant::now();
        }
    }
}

/// Whether a request is in flight, or an answer is held that its client has not taken yet.
fn is_busy(app: &App) -> bool {
    app.in_flight.count() > 0 || app.memory.held() > 0
}

/// The next connection, as soon as one more may be open.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and must not wait for more to send.
                let _ = stream.set_nodelay(true);
                limit_unsent(&stream);
                return (stream, permit);
            }
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Bounds what the system holds of an answer that it cannot send yet. With megabytes in its buffer it says that there is
/// room again only when a third of them is gone, and a client that reads slowly looks like one that does not read:
/// `an_answer_may_be_read_slowly` fails without it.
fn limit_unsent(stream: &TcpStream) {
    // Elsewhere such a client has to read faster.
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(MAX_UNSENT) {
        tracing::debug!("cannot bound what waits to be sent: {error}");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Whether the error is about the connection that was accepted and not about the listener.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}
