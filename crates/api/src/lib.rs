//! The REST service: it checks readings, scores them with a trained model, logs every prediction, and answers.
//!
//! This is HTTP in front of the [`pipeline`] and nothing else: [`routes`] parse, submit and answer.

pub mod auth;
pub mod body;
pub mod config;
mod connection_timer;
pub mod error;
pub mod event_stream;
pub mod health_check;
pub mod in_flight;
pub mod layers;
mod linger;
pub mod memory;
pub mod offload;
pub mod openapi;
pub mod park;
pub mod request_id;
pub mod route;
pub mod routes;
pub mod schema;
pub mod serve;
pub mod signals;
pub mod startup;
pub mod state;
pub mod telemetry;
