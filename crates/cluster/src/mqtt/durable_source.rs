//! How the stream `IN` takes the messages of MQTT sensors: by a durable consumer of the servers' own stream of them, so that
//! each message stays there until `IN` has it. A PUBACK says no more than that it is there.

use crate::subject;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, push};
use async_nats::jetstream::stream::{Source, StreamConsumerSource, SubjectTransform};
use std::time::Duration;

/// The stream that the servers keep messages of QoS 1 in; they make it for the first MQTT client of the account.
pub const MESSAGES: &str = "$MQTT_msgs";

/// The durable consumer of that stream.
pub const CONSUMER: &str = "mq2in";

/// Where it delivers to.
pub const DELIVERY: &str = "mq2in.deliver";

/// The subjects of readings in that stream.
const READINGS: &str = "$MQTT.msgs.turbines.*.readings";

/// Messages on their way from one stream to the other.
const MOST_PENDING: i64 = 1_000;

/// The durable consumer.
pub fn consumer() -> push::Config {
    push::Config {
        durable_name: Some(CONSUMER.to_owned()),
        name: Some(CONSUMER.to_owned()),
        description: Some("Readings of MQTT sensors, for the stream IN".to_owned()),
        deliver_subject: DELIVERY.to_owned(),
        deliver_policy: DeliverPolicy::All,
        // The stream that takes the messages acknowledges them when it has stored them.
        ack_policy: AckPolicy::FlowControl,
        flow_control: true,
        idle_heartbeat: Duration::from_secs(1),
        max_ack_pending: MOST_PENDING,
        filter_subject: READINGS.to_owned(),
        ..push::Config::default()
    }
}

/// The source of the stream `IN`, which moves readings into their turbines' partitions.
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
