//! Readings into the cluster, and what comes out.

use crate::gate::Gate;
use crate::park::{Outcome, Park};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{Context, stream};
use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::JsonRecord;

/// How long a test waits for the cluster.
const LIMIT: Duration = Duration::from_secs(240);

/// Publishes all readings, round by round, each until it is acknowledged: so a turbine's readings come in order.
pub async fn publish(jetstream: Context, park: Park, gate: Arc<Gate>) {
    for round in 0..park.rounds {
        gate.pass().await;
        join_all((0..park.turbines).map(|turbine| publish_one(&jetstream, turbine, round))).await;
        gate.note_published();
    }
}

/// The same without a gate.
pub async fn publish_all(jetstream: &Context, park: Park) {
    let gate = Arc::new(Gate::default());
    gate.allow(park.rounds);
    publish(jetstream.clone(), park, gate).await;
}

/// Publishes payloads as readings of those turbines, in order.
pub async fn send_all(jetstream: &Context, payloads: impl Iterator<Item = (String, String)>) {
    let mut payloads = payloads.peekable();
    // Beyond 20,000 unacknowledged ones, `publish` waits until an acknowledgement is taken: for ever, if that comes later.
    while payloads.peek().is_some() {
        let mut sent = Vec::new();
        for (turbine, payload) in payloads.by_ref().take(1_000) {
            sent.push(jetstream.publish(format!("readings.{turbine}"), payload.into()).await.unwrap());
        }
        for acknowledged in sent {
            acknowledged.await.unwrap();
        }
    }
}

async fn publish_one(jetstream: &Context, turbine: usize, round: usize) {
    let (name, reading) = (Park::name(turbine), Park::reading(turbine, round));
    let started = Instant::now();
    // The stream passes over a message that it has: one whose acknowledgement was lost.
    let id = format!("{name}/{round}");
    loop {
        let message = PublishMessage::build().payload(reading.clone().into()).message_id(&id);
        let sent = timeout(Duration::from_secs(3), async {
            jetstream.send_publish(format!("readings.{name}"), message).await?.await
        });
        if let Ok(Ok(_)) = sent.await {
            return;
        }
        assert!(started.elapsed() < LIMIT, "the cluster does not take readings");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Reads the stream `OUT` until it has so many records, and then whatever follows.
pub async fn outcome(jetstream: &Context, records: usize) -> Outcome {
    let started = Instant::now();
    let output = output(jetstream).await;
    while count(jetstream).await < records {
        assert!(started.elapsed() < LIMIT, "{} of {records} records came", count(jetstream).await);
        sleep(Duration::from_millis(200)).await;
    }
    let mut outcome = Outcome::default();
    let mut inputs = Vec::new();
    read(&output, |subject, value| match subject.split_once('.').unwrap().0 {
        "out" => {
            inputs.push(value["input"].as_u64().unwrap());
            let (turbine, row) = row(&value["record"]);
            outcome.rows.entry(turbine.clone()).or_default().push(row);
            // The newest record has the state: null, where an earlier one alone had it, is no state.
            outcome.turbines.insert(turbine, value["turbine"].clone());
        }
        "alarms" => {
            let event = if value["cleared"].is_null() { "raised" } else { "cleared" };
            let key = (value["id"].as_str().unwrap().to_owned(), event.to_owned());
            let before = outcome.alarms.insert(key, value);
            assert_eq!(before, None, "an alarm was published twice");
        }
        "rejected" => outcome.rejected.push(value),
        "events" | "ckpt" => {}
        other => panic!("{other}: {value}"),
    })
    .await;
    let read = inputs.len();
    inputs.sort_unstable();
    inputs.dedup();
    assert_eq!((read, inputs.len()), (records, records), "each reading is stored once");
    outcome
}

/// Reads what is in the stream `OUT` now, in order.
pub async fn read(output: &stream::Stream, mut take: impl FnMut(&str, Value)) {
    let consumer = output
        .create_consumer(pull::Config {
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        })
        .await
        .unwrap();
    let mut messages = consumer.stream().max_messages_per_batch(1_000).messages().await.unwrap();
    loop {
        let message = timeout(LIMIT, messages.next()).await.expect("the records come").unwrap().unwrap();
        take(&message.subject, serde_json::from_slice(&message.payload).unwrap());
        if message.info().unwrap().pending == 0 {
            return;
        }
    }
}

/// The turbine and the row of the prediction log that a record is.
fn row(record: &Value) -> (String, String) {
    let record: JsonRecord = serde_json::from_value(record.clone()).unwrap();
    let features = FeatureSet::from_names(["a", "b"]).unwrap();
    let record = record.into_record(&features).unwrap();
    let mut row = Vec::new();
    record.append_to(&mut row, &features);
    let row = String::from_utf8(row).unwrap().trim_end().to_owned();
    (record.turbine_id.unwrap().to_string(), row)
}

/// How many records there are.
pub async fn count(jetstream: &Context) -> usize {
    let mut subjects = output(jetstream).await.info_with_subjects("out.>").await.unwrap();
    let mut count = 0;
    while let Some(subject) = subjects.next().await {
        count += subject.unwrap().1;
    }
    count
}

/// The stream `OUT`, once it can be had.
pub async fn output(jetstream: &Context) -> stream::Stream {
    let started = Instant::now();
    loop {
        if let Ok(Ok(output)) = timeout(Duration::from_secs(3), jetstream.get_stream("OUT")).await {
            return output;
        }
        assert!(started.elapsed() < LIMIT, "there is no stream OUT");
        sleep(Duration::from_millis(200)).await;
    }
}
