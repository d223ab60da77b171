//! Streams turbine readings to the API: simulated ones, or the rows of a CSV.
//!
//! A [`source`] makes readings, a [`Schedule`](schedule::Schedule) says when each is due, a [`Feed`](feed::Feed) combines
//! them into deliveries, one request each, and a [`Client`](client::Client) sends a delivery until it is answered.
//! [`run()`] is the main loop, which also keeps the [`Tally`](tally::Tally).

pub mod client;
pub mod clock;
pub mod config;
pub mod destination;
pub mod drift;
pub mod endpoints;
pub mod error;
pub mod feed;
pub mod lines;
pub mod model_info;
pub mod outbox;
pub mod retry;
pub mod run;
pub mod schedule;
mod shutdown;
pub mod source;
pub mod summary;
pub mod tally;

pub use config::Config;
pub use error::SenderError;
pub use run::run;
pub use shutdown::shutdown_signal;
