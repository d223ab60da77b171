//! Feeds the stream `OUT` into the pipeline: the existing state once, then each new batch.

use super::CLIENT;
use super::batches;
use super::link::{Link, Reached};
use super::silence;
use super::standing::{self, Known};
use super::stop::Stop;
use cluster::reader::{ReadError, Reader, Received};
use cluster::subject::Kind;
use cluster::{Cluster, ClusterFlags, TIME_LIMIT, streams};
use pipeline::Mirror;
use pipeline::park::ParkBatch;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Delay between attempts to connect.
const RETRY: Duration = Duration::from_secs(1);

/// Interval between checks for silent turbines.
const LOOK: Duration = Duration::from_secs(1);

/// Lag, in messages, up to which the pipeline counts as up to date.
const CLOSE: u64 = 1_000;

/// Follows the cluster; never returns.
pub async fn follow(flags: &ClusterFlags, link: &Link, mirror: &Mirror) {
    let reached = reach(flags, mirror).await;
    link.set(reached.clone());
    let mut known = None;
    loop {
        let Err(stop) = keep_up(&reached, mirror, &mut known).await;
        if let Stop::OtherModel | Stop::OtherFeatures { .. } | Stop::Read(ReadError::Unreadable { .. }) = &stop {
            known = None;
            mirror.forget();
        }
        mirror.set_problem(Some(stop.to_string()));
        sleep(stop.back_off()).await;
    }
}

/// Connects and finds the streams; retries without limit.
async fn reach(flags: &ClusterFlags, mirror: &Mirror) -> Reached {
    loop {
        let problem = match Cluster::connect(flags, CLIENT).await {
            Ok(cluster) => match streams::find(&cluster).await {
                Ok(streams) => return Reached { cluster, streams },
                Err(error) => error.to_string(),
            },
            Err(error) => format!("{error:#}"),
        };
        mirror.set_problem(Some(problem));
        sleep(RETRY).await;
    }
}

/// Resumes after `known`, or reads everything again if that is not possible. Returns at the first error.
async fn keep_up(reached: &Reached, mirror: &Mirror, known: &mut Option<Known>) -> Result<Infallible, Stop> {
    let model = mirror.model().ok_or(Stop::NoModel)?;
    let streams = &reached.streams;
    let resumes = match known {
        Some(known) => known.features.names().eq(model.features().names()) && continues(reached, known).await?,
        None => false,
    };
    let known = match known {
        Some(known) if resumes => known,
        _ => {
            let (standing, begun) = standing::read(streams, model.features(), mirror.drift_window()).await?;
            tracing::info!(
                turbines = standing.turbines.len(),
                sequence = begun.applied,
                "read the turbines of the cluster"
            );
            mirror.restore(standing, &begun.features).map_err(|_| Stop::OtherModel)?;
            known.insert(begun)
        }
    };
    let mut reader = Reader::behind(known.applied, &streams.output, Vec::new()).await?;
    let mut batch = ParkBatch::default();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if reader.pending <= CLOSE {
            mirror.set_problem(None);
        }
        tokio::select! {
            chunk = reader.next() => {
                for received in chunk? {
                    take(&received, mirror, known, &mut batch)?;
                }
            }
            _ = looks.tick() => silence::confirm(streams, mirror, known).await,
        }
    }
}

/// True if the stream is still the one that was read, and has all messages after `known.applied`.
async fn continues(reached: &Reached, known: &Known) -> Result<bool, Stop> {
    let info = timeout(TIME_LIMIT, reached.streams.output.get_info()).await.map_err(ReadError::cluster)?;
    let info = info.map_err(ReadError::cluster)?;
    let (first, last) = (info.state.first_sequence, info.state.last_sequence);
    let is_same = info.created.to_string() == known.stream;
    Ok(is_same && first <= known.applied + 1 && last >= known.applied)
}

/// Adds a message to the batch, and applies the batch when its checkpoint arrives.
fn take(received: &Received, mirror: &Mirror, known: &mut Known, batch: &mut ParkBatch) -> Result<(), Stop> {
    if received.message.subject.starts_with(Kind::Record.token()) {
        let (partition, id) = standing::place(received)?;
        known.partitions.entry(id).or_insert(partition);
    }
    let is_known = |id: &_, sequence| known.ahead.get(id).is_some_and(|&ahead| sequence <= ahead);
    let Some(end) = batches::add(batch, received, &known.features, is_known)? else { return Ok(()) };
    standing::check(&end.checkpoint, &known.features)?;
    mirror.take_in(std::mem::take(batch), &known.features).map_err(|_| Stop::OtherModel)?;
    known.applied = end.sequence;
    known.inputs.insert(end.partition, end.checkpoint.input);
    known.ahead.retain(|_, ahead| *ahead > end.sequence);
    Ok(())
}
