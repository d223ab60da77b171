//! A NATS JetStream cluster as its programs share it: the connection, the streams `IN` and `OUT`, their subjects, and what is
//! in their messages.

pub mod connection;
pub mod flags;
pub mod message;
pub mod models;
pub mod mqtt;
pub mod reader;
pub mod streams;
pub mod subject;

mod complaints;

pub use connection::{Cluster, TIME_LIMIT};
pub use flags::{ClusterFlags, LoginFlags};
pub use streams::Streams;
