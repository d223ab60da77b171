//! The REST service: it checks readings, scores them with a trained model, logs every prediction, and answers.
//!
//! One way for the data: body → [`turbine_core::reading::RawReading`] → [`turbine_core::reading::Reading`] →
//! [`turbine_core::model::Model`] → [`prediction_log`] → answer. [`routes`] knows HTTP and no file; [`prediction_log`]
//! knows files and no HTTP.

pub mod auth;
pub mod body;
pub mod config;
mod connection_timer;
pub mod error;
pub mod health_check;
pub mod in_flight;
mod late_timeout;
pub mod layers;
mod linger;
pub mod logging;
pub mod memory;
pub mod offload;
pub mod openapi;
pub mod prediction_log;
pub mod request_id;
pub mod route;
pub mod routes;
pub mod schema;
pub mod serve;
pub mod shutdown;
pub mod signals;
pub mod startup;
pub mod state;
pub mod telemetry;
