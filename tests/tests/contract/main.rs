//! What is promised of the service, line by line, tried on the real program.

#![allow(clippy::unwrap_used)]

mod answers;
mod batch;
mod keys;
mod ndjson;
mod operation;
mod programs;
mod refusals;
mod shutdown;
mod start;
