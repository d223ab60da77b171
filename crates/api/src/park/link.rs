//! The shared connection to the cluster, and publishing readings over it.

use super::records;
use async_nats::connection::State;
use async_nats::jetstream;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use cluster::Cluster;
use cluster::streams::Streams;
use pipeline::park::{HandInError, HandedIn, Outcome, ParkLog, Place, Promise};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::{Reading, TurbineId};

/// Delay before a reading that was not acknowledged is published again.
const RETRY: Duration = Duration::from_millis(100);

/// A connected cluster and its streams.
#[derive(Clone)]
pub struct Reached {
    /// The connection.
    pub cluster: Cluster,
    /// The streams.
    pub streams: Streams,
}

/// The connection, empty until it is made; clones share it.
#[derive(Clone, Default)]
pub struct Link(Arc<Mutex<Option<Reached>>>);

impl Link {
    /// Stores the connection.
    pub fn set(&self, reached: Reached) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reached);
    }

    /// The connection; `None` while disconnected.
    fn get(&self) -> Option<Reached> {
        let reached = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        reached.filter(|reached| reached.cluster.client.connection_state() == State::Connected)
    }
}

impl ParkLog for Link {
    fn hand_in<'a>(
        &'a self,
        reading: &'a Reading,
        features: &'a FeatureSet,
        until: Instant,
    ) -> Promise<'a, Result<HandedIn, HandInError>> {
        Box::pin(hand_in(self, reading, features, until))
    }

    fn outcome<'a>(
        &'a self,
        turbine: &'a TurbineId,
        place: Place,
        features: &'a FeatureSet,
    ) -> Promise<'a, Option<Outcome>> {
        Box::pin(async move { records::outcome(&self.get()?.streams.output, turbine, place, features).await.ok()? })
    }

    fn rows(
        &self,
        turbine: &TurbineId,
        features: &FeatureSet,
        seconds: Range<i64>,
        add: &mut dyn FnMut(PredictionRecord),
    ) -> Result<Option<i64>, String> {
        let reached = self.get().ok_or("there is no connection to the cluster")?;
        let read = records::rows(&reached.streams.output, turbine, features, seconds, add);
        tokio::runtime::Handle::current().block_on(read).map_err(|error| error.to_string())
    }
}

/// Publishes a reading until it is acknowledged. The message id of a reading with a timestamp depends on its content
/// only, so that the stream recognises a repeated one.
async fn hand_in(
    link: &Link,
    reading: &Reading,
    features: &FeatureSet,
    until: Instant,
) -> Result<HandedIn, HandInError> {
    let (mut id, mut may_be_taken) = (message_id(reading), false);
    let error = |may_be_taken, problem: &str| match may_be_taken {
        true => HandInError::Unknown(problem.to_owned()),
        false => HandInError::Refused(problem.to_owned()),
    };
    loop {
        let Some(Reached { cluster, .. }) = link.get() else {
            return Err(error(may_be_taken, "there is no connection to the cluster"));
        };
        let id = id.get_or_insert_with(|| cluster.client.new_inbox());
        let subject = format!("readings.{}", TurbineId::name(reading.turbine_id()));
        let message = PublishMessage::build().payload(payload(reading, features).into()).message_id(&id);
        match timeout_at(until, publish(&cluster.jetstream, subject, message)).await {
            Err(_) => return Err(error(true, "the cluster did not acknowledge it in time")),
            Ok(Ok(taken)) => {
                // A duplicate of an earlier attempt of this request is not a repeated reading.
                let is_repeated = taken.duplicate && !may_be_taken;
                return Ok(HandedIn { place: taken.sequence, was_taken: taken.duplicate, is_repeated });
            }
            Ok(Err(refusal)) => {
                // `StreamNotFound` means that no server received it, as while the stream has no leader.
                let is_certain = refusal.kind() == PublishErrorKind::StreamNotFound || is_answer(&refusal);
                may_be_taken |= !is_certain;
                if Instant::now() + RETRY >= until {
                    return Err(error(may_be_taken, &refusal.to_string()));
                }
            }
        }
        sleep(RETRY).await;
    }
}

async fn publish(
    jetstream: &jetstream::Context,
    subject: String,
    message: PublishMessage,
) -> Result<jetstream::publish::PublishAck, PublishError> {
    jetstream.send_publish(subject, message).await?.await
}

/// True if the cluster answered with an error, as opposed to a timeout or a lost connection.
fn is_answer(refusal: &PublishError) -> bool {
    refusal.source().is_some_and(|cause| cause.is::<jetstream::Error>())
}

/// The reading as JSON, in the form that sensors send.
fn payload(reading: &Reading, features: &FeatureSet) -> String {
    let mut object = Map::new();
    if let Some(turbine) = reading.turbine_id() {
        object.insert("turbine_id".to_owned(), Value::from(turbine.as_str()));
    }
    if let Some(timestamp) = reading.timestamp() {
        object.insert("timestamp".to_owned(), Value::from(timestamp.to_string()));
    }
    let measured = features.names().zip(reading.values()).enumerate();
    let measured = measured.filter(|(place, _)| !reading.absent().contains(*place));
    object.extend(measured.map(|(_, (name, &value))| (name.to_owned(), Value::from(value))));
    Value::Object(object).to_string()
}

/// Message id from the turbine, the timestamp and the values; `None` without a timestamp.
fn message_id(reading: &Reading) -> Option<String> {
    let (turbine, timestamp) = (reading.turbine_id()?, reading.timestamp()?);
    let mut hash = Sha256::new();
    for (place, value) in reading.values().iter().enumerate() {
        let measured = !reading.absent().contains(place);
        hash.update([u8::from(measured)]);
        hash.update(if measured { value.to_bits() } else { 0 }.to_be_bytes());
    }
    let digest: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{turbine}@{timestamp}#{digest}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pipeline::decode;
    use turbine_core::reading::MissingValues;

    #[test]
    fn a_reading_is_handed_in_as_it_came_and_named_by_its_content() {
        let features = FeatureSet::from_names(["a", "b"]).unwrap();
        let read = |text: &str| decode::reading(text.as_bytes(), &features, MissingValues::Carry).unwrap();
        let text = r#"{"a":0.30000000000000004,"b":-1e-300,"timestamp":"2026-01-31T12:00:00Z","turbine_id":"T1"}"#;
        assert_eq!(payload(&read(text), &features), text);
        let gap = read(r#"{"turbine_id":"T1","timestamp":"2026-01-31T12:00:00Z","b":null,"a":1}"#);
        assert_eq!(payload(&gap, &features), r#"{"a":1.0,"timestamp":"2026-01-31T12:00:00Z","turbine_id":"T1"}"#);

        let later = text.replace("12:00:00Z", "12:00:01Z");
        let other = text.replace("-1e-300", "-2e-300");
        let ids =
            [text, &text.replace("12:00:00Z", "13:00:00+01:00"), &later, &other].map(|text| message_id(&read(text)));
        assert!(ids[0].is_some() && ids[0] == ids[1] && ids[0] != ids[2] && ids[0] != ids[3], "{ids:?}");
        assert_eq!(message_id(&read(r#"{"turbine_id":"T1","a":1,"b":2}"#)), None);
    }
}
