//! The main loop: sends deliveries and records answers until the stream ends or is stopped.

mod progress;
mod start;
mod stream;

use crate::client::Client;
use crate::config::Config;
use crate::error::SenderError;
use crate::lines::Lines;
use crate::summary::Report;
use progress::Progress;
use start::Started;
use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// Time for the requests in flight once the stream is stopped.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of deliveries in progress, including acknowledged ones that wait for their results.
const MOST_AWAITED: usize = 10_000;

/// Streams readings according to `config` and prints to `out`. When `shutdown` resolves, it takes no new reading, retries
/// nothing, and waits up to five seconds for the requests in flight.
///
/// # Errors
/// A [`SenderError`] if the stream cannot start or `out` fails; later errors are in the report.
pub async fn run<W: Write>(config: &Config, out: W, shutdown: impl Future<Output = ()>) -> Result<Report, SenderError> {
    let mut shutdown = pin!(shutdown);
    let client = Arc::new(Client::new(config)?);
    let mut lines = Lines::new(out, config.quiet);
    let (note, mut notes) = mpsc::unbounded_channel();
    let started = tokio::select! {
        biased;
        () = &mut shutdown => None,
        started = start::start(config, &client, &mut lines, note) => Some(started?),
    };
    let Some(Started { mut outbox, model, resumed }) = started else {
        return Ok(Stream::new(config, &client, lines, None).finish(None, true).await?);
    };
    let mut stream = Stream::new(config, &client, lines, model);
    stream.check(outbox.source())?;
    let mut progress = Progress::new(config);

    let (stop, stopped) = watch::channel(false);
    let (notify, mut retries) = mpsc::unbounded_channel();
    let mut in_flight = JoinSet::new();
    let slots = Arc::new(Semaphore::new(config.requests_in_flight()));
    let mut deadline: Option<Instant> = None;
    let mut more = true;
    while more || !in_flight.is_empty() {
        stream.lines.flush()?;
        let is_free = slots.available_permits() > 0;
        let may_send = is_free && in_flight.len() < MOST_AWAITED;
        let next = tokio::select! {
            biased;
            () = &mut shutdown, if deadline.is_none() => {
                deadline = Some(Instant::now() + DRAIN_TIMEOUT);
                stop.send_replace(true);
                more = false;
                stream.unless_aborted(outbox.rest())
            }
            Some(note) = notes.recv() => {
                stream.lines.note(note)?;
                None
            }
            Some(retry) = retries.recv() => {
                stream.retry(&retry)?;
                None
            }
            Some(done) = in_flight.join_next() => {
                let done = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                let noted = outbox.answered(&done);
                if let Some(note) = stream.unless_aborted(noted) {
                    stream.lines.note(note)?;
                }
                more &= stream.record(&done, outbox.source()).await?;
                progress.answered(done.answers.len() as u64);
                None
            }
            // The permit is dropped at once; this only waits until one is free.
            _ = slots.acquire(), if more && !is_free => None,
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => break,
            () = progress.due() => {
                progress.say();
                None
            }
            next = outbox.next(may_send), if more => {
                let next = match next {
                    Ok(next) => next,
                    Err(error) => {
                        stream.abort(error);
                        stream.unless_aborted(outbox.rest())
                    }
                };
                more = next.is_some() && !stream.is_aborted();
                next
            }
        };
        if let Some(delivery) = next {
            stream.dispatched(&delivery);
            // One is free: `may_send` was true, or the stream ends with this delivery.
            let slot = Arc::clone(&slots).try_acquire_owned().ok();
            let place = client.queue(&delivery, slot);
            let (client, stopped, notify) = (Arc::clone(&client), stopped.clone(), notify.clone());
            in_flight.spawn(async move { client.deliver(delivery, place, stopped, notify).await });
        }
    }
    while let Ok(retry) = retries.try_recv() {
        stream.retry(&retry)?;
    }
    if deadline.is_none() && !resumed {
        stream.require_rows(config, outbox.source());
    }
    drop(progress);
    let is_through = deadline.is_none() && !stream.is_aborted() && outbox.is_through();
    let report = stream.finish(Some(&outbox), is_through).await?;
    if is_through {
        outbox.forget()?;
    }
    Ok(report)
}
