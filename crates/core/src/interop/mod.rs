//! The bridge to the `extended-isolation-forest` crate: its forests as ours, ours as its, and the check that both give
//! the same scores.
//!
//! That crate fixes the number of features in its types and keeps its trees to itself; its serde form is the way in
//! and out.

mod eif;
mod error;

pub use eif::{from_eif, largest_difference, to_eif};
pub use error::InteropError;

/// Most features for which the two can be compared: the crate needs its code compiled for each number of them.
pub const MAX_FEATURES: usize = 16;
