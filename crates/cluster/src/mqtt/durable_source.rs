//! The source of MQTT messages for the stream `IN`: a durable consumer of the servers' own stream of MQTT messages,
//! which keeps each message until `IN` has stored it. A PUBACK only means that a message is in the servers' stream.

use crate::subject;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, push};
use async_nats::jetstream::stream::{Source, StreamConsumerSource, SubjectTransform};
use std::time::Duration;

/// The servers' stream of QoS 1 messages; created when the account's first MQTT client connects.
pub const MESSAGES: &str = "$MQTT_msgs";

/// The durable consumer of that stream.
pub const CONSUMER: &str = "mq2in";

/// Its delivery subject.
pub const DELIVERY: &str = "mq2in.deliver";

/// The subjects of readings in that stream.
const READINGS: &str = "$MQTT.msgs.turbines.*.readings";

/// Maximum number of messages in flight between the two streams.
const MOST_PENDING: i64 = 1_000;

/// The durable consumer.
pub fn consumer() -> push::Config {
    push::Config {
        durable_name: Some(CONSUMER.to_owned()),
        name: Some(CONSUMER.to_owned()),
        description: Some("Readings of MQTT sensors, for the stream IN".to_owned()),
        deliver_subject: DELIVERY.to_owned(),
        deliver_policy: DeliverPolicy::All,
        // The sourcing stream acknowledges messages once it has stored them.
        ack_policy: AckPolicy::FlowControl,
        flow_control: true,
        idle_heartbeat: Duration::from_secs(1),
        max_ack_pending: MOST_PENDING,
        filter_subject: READINGS.to_owned(),
        ..push::Config::default()
    }
}

/// The source of the stream `IN`; it maps readings to their turbines' partitions.
pub fn source(partitions: u32) -> Source {
    Source {
        name: MESSAGES.to_owned(),
        subject_transforms: vec![SubjectTransform {
            source: READINGS.to_owned(),
            destination: subject::partitioned(partitions),
        }],
        consumer: Some(StreamConsumerSource::new(CONSUMER, DELIVERY)),
        ..Source::default()
    }
}
