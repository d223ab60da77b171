//! Name and version of the format of model files.

/// The name of the format.
pub(super) const FORMAT: &str = "turbine-iforest";

/// The version of the format that is written, and the newest that is read.
pub const FORMAT_VERSION: u64 = 2;
