//! The durable source of MQTT sensors: the servers' stream of their messages, and the consumer of it that the stream `IN` reads.

use crate::differences::Differences;
use async_nats::jetstream::consumer;
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::Stream;
use cluster::mqtt::{self, Address, CONSUMER, Connection, MESSAGES};
use cluster::streams::{self, StreamsError};
use cluster::{Cluster, ClusterFlags, TIME_LIMIT};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Attempts to find the stream that the servers create, and the delay between them.
const LOOKS: u32 = 50;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Attempts to connect, and the delay between them: the servers close a connection while they cannot create their
/// streams.
const CONNECTIONS: u32 = 5;
const BETWEEN_CONNECTIONS: Duration = Duration::from_secs(1);

/// Compares the existing consumer with the requested one; false if there is none.
///
/// # Errors
/// If the cluster does not answer.
pub(crate) async fn compare(
    cluster: &Cluster,
    replicas: usize,
    differences: &mut Differences,
) -> Result<bool, StreamsError> {
    let Some(messages) = streams::get(cluster, MESSAGES).await? else { return Ok(false) };
    let kept = messages.cached_info().config.num_replicas;
    // The servers set the replicas when the first MQTT client connects: the number of nodes, at most three.
    if kept < replicas {
        differences.note(&format!("{MESSAGES}: replicas"), &replicas, &kept);
    }
    let Some(found) = find(&messages).await? else { return Ok(false) };
    let wanted = mqtt::consumer();
    let mut note = |field: &str, wanted: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
        differences.note(&format!("{CONSUMER}: {field}"), wanted, found);
    };
    note("deliver_subject", &Some(&wanted.deliver_subject), &found.deliver_subject.as_ref());
    note("filter_subject", &wanted.filter_subject, &found.filter_subject);
    note("ack_policy", &wanted.ack_policy, &found.ack_policy);
    note("flow_control", &wanted.flow_control, &found.flow_control);
    note("idle_heartbeat", &wanted.idle_heartbeat, &found.idle_heartbeat);
    note("max_ack_pending", &wanted.max_ack_pending, &found.max_ack_pending);
    Ok(true)
}

async fn find(messages: &Stream) -> Result<Option<consumer::Config>, StreamsError> {
    let info = timeout(TIME_LIMIT, messages.consumer_info(CONSUMER)).await;
    match info.map_err(|_| StreamsError::no_answer(MESSAGES))? {
        Ok(info) => Ok(Some(info.config)),
        Err(error) => match error.kind() {
            ConsumerInfoErrorKind::NotFound => Ok(None),
            _ => Err(StreamsError::refused(MESSAGES, error)),
        },
    }
}

/// Creates the consumer, after connecting an MQTT client, upon which the servers create their stream.
///
/// # Errors
/// If no node takes an MQTT client, or if the cluster refuses.
pub(crate) async fn make(cluster: &Cluster, flags: &ClusterFlags, listener: Option<&Address>) -> anyhow::Result<()> {
    let messages = match streams::get(cluster, MESSAGES).await? {
        Some(messages) => messages,
        None => {
            connect_once(flags, listener).await?;
            wait_for_messages(cluster).await?
        }
    };
    let made = timeout(2 * TIME_LIMIT, messages.create_consumer(mqtt::consumer())).await;
    made.map_err(|_| StreamsError::no_answer(MESSAGES))?.map_err(|error| StreamsError::refused(MESSAGES, error))?;
    Ok(())
}

async fn connect_once(flags: &ClusterFlags, listener: Option<&Address>) -> anyhow::Result<()> {
    let mut listeners: Vec<Address> = match listener {
        Some(listener) => vec![listener.clone()],
        None => flags.nats.iter().filter_map(|url| listener_beside(url)).collect(),
    };
    listeners.dedup();
    let user = flags.login.user_and_password()?;
    let mut problems = Vec::new();
    for _ in 0..CONNECTIONS {
        problems.clear();
        for listener in &listeners {
            match Connection::open(listener, user.clone(), &format!("{}-setup", crate::CLIENT)).await {
                Ok(_) => return Ok(()),
                Err(error) => problems.push(error.to_string()),
            }
        }
        sleep(BETWEEN_CONNECTIONS).await;
    }
    let problems = problems.join("; ");
    anyhow::bail!(
        "the servers make {MESSAGES} when the first MQTT client connects, and none can (--mqtt): {problems}; nothing was made"
    )
}

/// The MQTT listener of a node on the default port.
fn listener_beside(url: &str) -> Option<Address> {
    let node: async_nats::ServerAddr = url.parse().ok()?;
    Some(Address::of_host(node.host()))
}

async fn wait_for_messages(cluster: &Cluster) -> Result<Stream, StreamsError> {
    for _ in 0..LOOKS {
        // A stream that is being created may not answer yet.
        if let Ok(Some(messages)) = streams::get(cluster, MESSAGES).await {
            return Ok(messages);
        }
        sleep(BETWEEN_LOOKS).await;
    }
    let problem = "an MQTT client has connected, and the servers did not make it; see their logs, and that the MQTT client \
                   is of this account";
    Err(StreamsError::Cluster { stream: MESSAGES, problem: problem.to_owned() })
}
