//! A NATS JetStream cluster: readings are published to the stream `IN`, and results read from `OUT`.

use super::Known;
use super::answer::{Answer, Fault, Verdict};
use super::records::Records;
use crate::config::Config;
use crate::model_info::ModelInfo;
use crate::source::{Fleet, Outgoing};
use async_nats::ConnectErrorKind;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use cluster::message::Checkpoint;
use cluster::streams::{self, Streams, StreamsError};
use cluster::subject::{self, INPUT, Kind};
use cluster::{Cluster, LoginFlags, TIME_LIMIT};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use tokio::sync::{OnceCell, watch};
use tokio::time::timeout;
use turbine_core::feature::FeatureSet;

/// The name under which the cluster lists the connection.
const CLIENT: &str = "turbine-sender";

/// Maximum number of turbines with a subject filter each; beyond it, the records of the whole park are read.
const MOST_NAMED: u64 = 100;

/// The connection, made on first use; it reconnects by itself.
#[derive(Debug)]
pub(super) struct Nats {
    urls: Vec<String>,
    login: LoginFlags,
    timeout: Duration,
    /// The subjects of the records that are read.
    subjects: Vec<String>,
    connected: OnceCell<Connected>,
}

struct Connected {
    cluster: Cluster,
    /// `None` if the cluster did not answer, as for a user without permission.
    streams: Option<Streams>,
    records: Records,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected").finish_non_exhaustive()
    }
}

impl Nats {
    /// Without an open connection.
    pub(super) fn new(urls: Vec<String>, config: &Config) -> Self {
        let kinds = [Kind::Record, Kind::Rejected];
        // A spool may hold readings of other turbines.
        let is_known = config.turbine.is_none() && config.spool.is_none() && config.turbines.get() <= MOST_NAMED;
        let subjects = if is_known {
            let fleet = Fleet::new(config.turbines);
            let of = |kind: Kind| fleet.ids().iter().map(move |turbine| format!("{}.*.{turbine}", kind.token()));
            kinds.into_iter().flat_map(of).collect()
        } else {
            kinds.map(Kind::subjects).to_vec()
        };
        Nats { urls, login: config.login.clone(), timeout: config.timeout, subjects, connected: OnceCell::new() }
    }

    /// The nodes.
    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Connects, and looks for the streams.
    pub(super) async fn greet(&self) -> Result<String, Fault> {
        let Connected { streams, records, .. } = self.connected().await?;
        let urls = self.urls.join(",");
        Ok(match streams {
            Some(Streams { partitions, .. }) if records.are_read() => {
                format!("connected to {urls}: {partitions} partitions; verdicts are read from the stream OUT")
            }
            _ => format!(
                "connected to {urls}; the stream OUT cannot be read, by this user or at the moment: a reading counts when it \
                 is acknowledged, and verdicts are in OUT"
            ),
        })
    }

    async fn connected(&self) -> Result<&Connected, Fault> {
        self.connected.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Connected, Fault> {
        let cluster = Cluster::connect_to(&self.urls, "--to", &self.login, CLIENT).await.map_err(|error| {
            let kind = error.downcast_ref::<async_nats::ConnectError>().map(async_nats::ConnectError::kind);
            let transient =
                matches!(kind, Some(ConnectErrorKind::Io | ConnectErrorKind::TimedOut | ConnectErrorKind::Dns));
            // Further causes only repeat the first one.
            let cause = error.chain().take(2).map(ToString::to_string).collect::<Vec<_>>().join(": ");
            if transient { Fault::transient(cause) } else { Fault::permanent(cause) }
        })?;
        let streams = match streams::find(&cluster).await {
            Ok(streams) => Some(streams),
            // Expected for a user that may only send readings.
            Err(StreamsError::Cluster { .. }) => None,
            Err(error) => return Err(Fault::permanent(error.to_string())),
        };
        // Subscribe before the first reading is sent, so that no record is missed.
        let records = Records::follow(&cluster, streams.is_some(), self.subjects.clone()).await;
        Ok(Connected { cluster, streams, records })
    }

    /// The features of the newest record, if there is one.
    pub(super) async fn model_info(&self) -> Result<Known, Fault> {
        let Some(streams) = &self.connected().await?.streams else {
            return Ok(Known::Nothing("this user may not read the records"));
        };
        for partition in 0..streams.partitions {
            let subject = subject::checkpoint(partition);
            let read = streams.output.get_last_raw_message_by_subject(&subject);
            // Any partition will do: all have the same features.
            let Ok(Ok(message)) = timeout(TIME_LIMIT, read).await else { continue };
            let Ok(checkpoint) = serde_json::from_slice::<Checkpoint>(&message.payload) else { continue };
            if let Ok(features) = FeatureSet::from_names(checkpoint.features) {
                return Ok(Known::Model(ModelInfo { features, version: String::new() }));
            }
        }
        Ok(Known::Nothing("the cluster has no record yet"))
    }

    /// Publishes a reading and waits for the acknowledgement.
    ///
    /// A retry (`again`) first looks for the reading in the stream: after the stream's leader failed, the stream may
    /// not recognise the id of a message that it stored just before.
    pub(super) async fn attempt(&self, reading: &Outgoing, again: bool) -> Result<Verdict, Fault> {
        let turbine = match reading.token() {
            Ok(turbine) => turbine,
            Err(error) => return Ok(Verdict::Refused { status: 400, error }),
        };
        let connected = self.connected().await?;
        let id = message_id(&turbine, reading);
        if again && let Some(place) = connected.last_of(&turbine, &id).await? {
            return Ok(Verdict::Acknowledged { place: Some(place), duplicate: true });
        }
        let jetstream = &connected.cluster.jetstream;
        let subject = format!("readings.{turbine}");
        let message = PublishMessage::build().payload(reading.json.clone().into()).message_id(id);
        let published =
            timeout(self.timeout, async { jetstream.send_publish(subject.clone(), message).await?.await }).await;
        match published {
            Ok(Ok(acknowledged)) => {
                Ok(Verdict::Acknowledged { place: Some(acknowledged.sequence), duplicate: acknowledged.duplicate })
            }
            Ok(Err(error)) => Err(Fault::transient(describe(&subject, &error))),
            Err(_) => Err(Fault::transient(unacknowledged(&subject))),
        }
    }

    /// The result of the reading at that sequence; `None` after a timeout.
    pub(super) async fn verdict(&self, place: u64, stop: &mut watch::Receiver<bool>) -> Option<Answer> {
        self.connected.get()?.records.verdict(place, stop).await
    }
}

impl Connected {
    /// Sequence of the turbine's last reading in the stream, if it has this message id. `None` for a user without
    /// permission to read the stream.
    ///
    /// # Errors
    /// If the stream does not answer.
    async fn last_of(&self, turbine: &str, id: &str) -> Result<Option<u64>, Fault> {
        let Some(Streams { input, .. }) = &self.streams else { return Ok(None) };
        let subject = format!("in.*.{turbine}");
        let no_answer = || Fault::transient(format!("the stream {INPUT} does not answer; see that it has a leader"));
        let last = timeout(TIME_LIMIT, input.get_last_raw_message_by_subject(&subject)).await;
        match last.map_err(|_| no_answer())? {
            Ok(last) => {
                let is_same = last.headers.get(NATS_MESSAGE_ID).is_some_and(|found| found.as_str() == id);
                Ok(is_same.then_some(last.sequence))
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(_) => Err(no_answer()),
        }
    }
}

/// Message id of a reading, the same in all attempts and in later runs.
fn message_id(turbine: &str, reading: &Outgoing) -> String {
    let mut hasher = DefaultHasher::new();
    reading.json.hash(&mut hasher);
    format!("{turbine}/{}/{:016x}", reading.time, hasher.finish())
}

fn describe(subject: &str, error: &PublishError) -> String {
    match error.kind() {
        PublishErrorKind::StreamNotFound => {
            format!("no stream takes {subject}: it has no leader at the moment, or is to be made with `worker setup`")
        }
        PublishErrorKind::TimedOut => unacknowledged(subject),
        _ => error.to_string(),
    }
}

fn unacknowledged(subject: &str) -> String {
    format!("the cluster does not acknowledge; see that it has a leader and that this user may publish to {subject}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_tells_readings_apart() {
        let reading = |json: &str| Outgoing { json: json.to_owned(), ..Outgoing::default() };
        let id = message_id("WT-1", &reading("{}"));
        assert!(id.starts_with("WT-1/1970-01-01T00:00:00Z/"), "{id}");
        assert_eq!(message_id("WT-1", &reading("{}")), id);
        assert_ne!(message_id("WT-1", &reading(r#"{"a":1}"#)), id);
    }

    #[test]
    fn what_the_cluster_says_comes_with_the_remedy() {
        let describe = |kind| describe("readings.WT-1", &PublishError::new(kind));
        assert!(describe(PublishErrorKind::StreamNotFound).contains("`worker setup`"));
        assert!(describe(PublishErrorKind::TimedOut).contains("this user may publish to readings.WT-1"));
    }
}
