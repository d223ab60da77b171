//! Converts forests to and from the `extended-isolation-forest` crate, and compares the scores of both.
//!
//! That crate has the number of features in its types and its trees private; they are converted through serde.

mod eif;
mod error;

pub use eif::{from_eif, largest_difference, to_eif};
pub use error::InteropError;

/// Maximum number of features for a comparison: the crate's code is compiled for each number.
pub const MAX_FEATURES: usize = 16;
