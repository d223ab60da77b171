//! The way of MQTT sensors into a cluster: connections to its nodes, and how their messages come into the stream `IN`.

mod address;
mod connection;
mod durable_source;
mod unacknowledged;

pub use address::{Address, AddressError};
pub use connection::{Connection, MqttError};
pub use durable_source::{CONSUMER, DELIVERY, MESSAGES, consumer, source};

/// The topic of a turbine's readings.
pub fn topic(turbine: &str) -> String {
    format!("turbines/{turbine}/readings")
}
