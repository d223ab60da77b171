//! The main loop: sends deliveries and records answers until the stream ends or is stopped.

mod start;
mod stream;

use crate::client::Client;
use crate::config::Config;
use crate::error::SenderError;
use crate::feed::Feed;
use crate::lines::Lines;
use crate::schedule::Schedule;
use crate::summary::Report;
use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stream::Stream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// Time for the requests in flight once the stream is stopped.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Streams readings according to `config` and prints to `out`. When `shutdown` resolves, it takes no new reading, retries
/// nothing, and waits up to five seconds for the requests in flight.
///
/// # Errors
/// A [`SenderError`] if the stream cannot start or `out` fails; later errors are in the report.
pub async fn run<W: Write>(config: &Config, out: W, shutdown: impl Future<Output = ()>) -> Result<Report, SenderError> {
    let mut shutdown = pin!(shutdown);
    let client = Arc::new(Client::new(config)?);
    let mut lines = Lines::new(out, config.quiet);
    let started = tokio::select! {
        biased;
        () = &mut shutdown => None,
        started = start::start(config, &client, &mut lines) => Some(started?),
    };
    let Some((source, model)) = started else {
        return Ok(Stream::new(config, &client, lines, None).finish(None)?);
    };
    let mut stream = Stream::new(config, &client, lines, model);
    let schedule = Schedule::new(Instant::now(), config.interval);
    let count = (config.count > 0).then_some(config.count);
    let mut feed = Feed::new(source, schedule, count, config.delivery_size());
    stream.watch(feed.source())?;

    let (stop, stopped) = watch::channel(false);
    let (notify, mut retries) = mpsc::unbounded_channel();
    let mut in_flight = JoinSet::new();
    let mut deadline: Option<Instant> = None;
    let mut more = true;
    while more || !in_flight.is_empty() {
        stream.lines.flush()?;
        let next = tokio::select! {
            biased;
            () = &mut shutdown, if deadline.is_none() => {
                deadline = Some(Instant::now() + DRAIN_TIMEOUT);
                stop.send_replace(true);
                more = false;
                feed.rest()
            }
            Some(retry) = retries.recv() => {
                stream.retry(&retry)?;
                None
            }
            Some(done) = in_flight.join_next() => {
                let done = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                more &= stream.record(&done, feed.source()).await?;
                None
            }
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => break,
            next = feed.next(), if more && in_flight.len() < config.concurrency as usize => {
                let next = next.unwrap_or_else(|error| {
                    stream.abort(error);
                    feed.rest()
                });
                more = next.is_some() && !stream.is_aborted();
                next
            }
        };
        if let Some(delivery) = next {
            stream.dispatched(&delivery);
            let (client, stopped, notify) = (Arc::clone(&client), stopped.clone(), notify.clone());
            in_flight.spawn(async move { client.deliver(delivery, stopped, notify).await });
        }
    }
    while let Ok(retry) = retries.try_recv() {
        stream.retry(&retry)?;
    }
    if deadline.is_none() {
        stream.require_rows(config, feed.source());
    }
    Ok(stream.finish(Some(feed.source()))?)
}
