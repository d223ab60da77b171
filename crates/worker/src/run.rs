//! A worker: it connects, tells that it is alive, and works on its share of the partitions.

use crate::CLIENT;
use crate::config::RunFlags;
use crate::desk::Desk;
use crate::follow::follow;
use crate::roster::{HEARTBEAT, Roster};
use crate::source::{Origin, Source};
use crate::telemetry::{Concern, Telemetry};
use anyhow::{Context as _, Result};
use async_nats::Subscriber;
use async_nats::connection::State;
use cluster::Cluster;
use cluster::ClusterFlags;
use cluster::streams::{self, Streams, StreamsError};
use cluster::subject::HEARTBEATS;
use futures_util::StreamExt;
use service::Shutdown;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use turbine_core::model::Model;

/// Delay between attempts to connect.
const RETRY: Duration = Duration::from_secs(1);

/// Interval between checks of the streams.
const CHECK: Duration = Duration::from_secs(2);

/// How long a batch that is under way may take when the partition is given back.
const GIVE_BACK: Duration = Duration::from_millis(600);

/// What a worker says before its name when it leaves.
const LEAVING: char = '-';

/// For how many heartbeats a new worker listens before it takes partitions.
const LISTEN: u32 = 2;

/// Works until `shutdown`; starts over if the streams were recreated with another number of partitions.
///
/// # Errors
/// If the heartbeats cannot be listened to.
pub async fn run(
    cluster: &ClusterFlags,
    flags: &RunFlags,
    origin: Origin,
    telemetry: Arc<Telemetry>,
    shutdown: Shutdown,
) -> Result<()> {
    while !shutdown.has_begun() {
        let (cluster, streams) = tokio::select! {
            found = reach(cluster, &telemetry) => found,
            () = shutdown.begun() => break,
        };
        let mut source = Source::new(origin.clone(), cluster.clone(), streams.clone());
        // Get a model first: until then the other workers keep the partitions.
        let model = tokio::select! {
            model = source.first(&telemetry) => model,
            () = shutdown.begun() => break,
        };
        share(cluster, streams, flags, source, model, &telemetry, &shutdown).await?;
    }
    Ok(())
}

/// Works on this worker's share until `shutdown`, or until the number of partitions changes.
async fn share(
    cluster: Cluster,
    streams: Streams,
    flags: &RunFlags,
    source: Source,
    model: Arc<Model>,
    telemetry: &Arc<Telemetry>,
    shutdown: &Shutdown,
) -> Result<()> {
    // An inbox has a name that no other client has.
    let inbox = cluster.client.new_inbox();
    let worker: Arc<str> = inbox.rsplit('.').next().unwrap_or(&inbox).into();
    let partitions = streams.partitions;
    tracing::info!(worker = &*worker, partitions, "sharing the partitions");
    let mut heartbeats = cluster.client.subscribe(HEARTBEATS).await.context("cannot listen to the other workers")?;
    let (in_service, service) = watch::channel(Arc::clone(&model));
    let mut newer = pin!(source.keep_up(&in_service, telemetry));
    let mut others = pin!(other_partitions(&cluster, partitions, telemetry));
    let (missing, telemetry) = (flags.missing.into(), Arc::clone(telemetry));
    let desk = Desk {
        cluster: cluster.clone(),
        streams,
        model,
        service,
        missing,
        worker: Arc::clone(&worker),
        batches: Arc::default(),
        telemetry,
    };
    let mut work = Work { desk, tasks: BTreeMap::new() };
    let mut roster = Roster::new(worker.to_string());
    let mut ticks = interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            heard = next(&mut heartbeats) => {
                hear(&mut roster, &heard);
                continue;
            }
            never = &mut newer => match never {},
            () = &mut others => break,
            () = shutdown.begun() => break,
        }
        let is_connected = cluster.client.connection_state() == State::Connected;
        let problem = (!is_connected).then(|| "the connection to the cluster is lost".to_owned());
        work.desk.telemetry.set_problem(Concern::Connection, problem);
        if is_connected {
            publish(&cluster, worker.to_string()).await;
        }
        told += 1;
        if told > LISTEN {
            let own = roster.share(partitions, Instant::now());
            work.take(if flags.claim_all { (0..partitions).collect() } else { own });
        }
    }
    work.give_back_all().await;
    publish(&cluster, format!("{LEAVING}{worker}")).await;
    cluster.flush().await;
    Ok(())
}

/// Publishes a heartbeat, or gives it up: without a connection the client takes messages until its queue is full, and then
/// waits without limit.
async fn publish(cluster: &Cluster, heartbeat: String) {
    let _ = timeout(HEARTBEAT, cluster.client.publish(HEARTBEATS, heartbeat.into())).await;
}

/// Connects and finds the streams, as often as it takes.
async fn reach(flags: &ClusterFlags, telemetry: &Telemetry) -> (Cluster, Streams) {
    let cluster = loop {
        match Cluster::connect(flags, CLIENT).await {
            Ok(cluster) => break cluster,
            Err(error) => _ = telemetry.set_problem(Concern::Connection, Some(format!("{error:#}"))),
        }
        sleep(RETRY).await;
    };
    telemetry.set_problem(Concern::Connection, None);
    loop {
        match streams::find(&cluster).await {
            Ok(streams) => {
                telemetry.set_problem(Concern::Streams, None);
                return (cluster, streams);
            }
            Err(error) => _ = telemetry.set_problem(Concern::Streams, Some(error.to_string())),
        }
        sleep(RETRY).await;
    }
}

/// Checks the streams; returns when their number of partitions changes.
async fn other_partitions(cluster: &Cluster, partitions: u32, telemetry: &Telemetry) {
    loop {
        sleep(CHECK).await;
        match streams::find(cluster).await {
            Ok(found) if found.partitions != partitions => {
                tracing::warn!(before = partitions, now = found.partitions, "the streams have other partitions");
                return;
            }
            Ok(_) => _ = telemetry.set_problem(Concern::Streams, None),
            // Other errors are reported by the partitions that they affect.
            Err(StreamsError::Cluster { .. }) => {}
            Err(error) => _ = telemetry.set_problem(Concern::Streams, Some(error.to_string())),
        }
    }
}

/// The next heartbeat. A subscription ends only with the client, which does not end before the worker.
async fn next(heartbeats: &mut Subscriber) -> async_nats::Message {
    match heartbeats.next().await {
        Some(message) => message,
        None => std::future::pending().await,
    }
}

fn hear(roster: &mut Roster, heard: &async_nats::Message) {
    match std::str::from_utf8(&heard.payload) {
        Ok(text) => match text.strip_prefix(LEAVING) {
            Some(worker) => roster.left(worker),
            None => roster.heard(text, Instant::now()),
        },
        Err(_) => tracing::warn!("a message on {HEARTBEATS} is no heartbeat"),
    }
}

/// The work on this worker's partitions.
struct Work {
    desk: Desk,
    tasks: BTreeMap<u32, Task>,
}

struct Task {
    stop: Shutdown,
    task: JoinHandle<()>,
}

impl Work {
    /// Works on these partitions and no others.
    fn take(&mut self, partitions: BTreeSet<u32>) {
        let gone: Vec<u32> = self.tasks.keys().filter(|number| !partitions.contains(number)).copied().collect();
        for Task { stop, task } in gone.into_iter().filter_map(|number| self.tasks.remove(&number)) {
            stop.begin();
            tokio::spawn(finish(task));
        }
        for partition in partitions {
            self.tasks.entry(partition).or_insert_with(|| {
                let stop = Shutdown::default();
                let task = tokio::spawn(follow(self.desk.clone(), partition, stop.clone()));
                Task { stop, task }
            });
        }
    }

    async fn give_back_all(self) {
        self.tasks.values().for_each(|task| task.stop.begin());
        let tasks = self.tasks.into_values().map(|Task { task, .. }| finish(task));
        futures_util::future::join_all(tasks).await;
    }
}

/// Waits for a task that was told to stop. One that takes too long is ended: its batch is committed whole or not at all.
async fn finish(mut task: JoinHandle<()>) {
    if timeout(GIVE_BACK, &mut task).await.is_err() {
        task.abort();
    }
}
