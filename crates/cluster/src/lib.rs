//! Access to a NATS JetStream cluster, shared by its programs: the connection, the streams `IN` and `OUT`, their
//! subjects and the content of their messages.

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
