//! The documents agree with the programs and with each other.

#![allow(clippy::unwrap_used)]

mod configuration;
mod interface;
mod length;
mod links;
