//! The pipeline on a NATS JetStream cluster: any number of workers share the partitions of a park.
//!
//! Readings come in by the stream `IN`, by partition and in order; what is said of them goes to the stream `OUT`, one atomic
//! batch a chunk of readings. The last message of a batch is the partition's checkpoint, and the batch is committed only if
//! no other checkpoint came in between: so a reading is scored and stored once, whatever dies when. Nothing is kept but in
//! the streams; a worker that finds anything unexpected drops what it knows of the partition and restores it from them.

pub mod batch;
pub mod config;
pub mod export;
pub mod follow;
pub mod input;
pub mod interruption;
pub mod output;
pub mod probe;
pub mod rejected;
pub mod restore;
pub mod roster;
pub mod run;
pub mod setup;
pub mod telemetry;

mod differences;
mod mqtt_source;
mod startup;

pub use startup::execute;

/// The name under which the cluster lists the connections of workers.
const CLIENT: &str = "turbine-worker";
