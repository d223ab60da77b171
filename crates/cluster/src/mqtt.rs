//! MQTT sensors: connections to the nodes, and the source through which the stream `IN` reads their messages.

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
