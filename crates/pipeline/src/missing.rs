//! The setting for readings that lack values. It is here, as the settings of the log are, so that all front ends offer
//! the same choices under the same names.

use clap::ValueEnum;
use turbine_core::reading::MissingValues;

/// What becomes of readings that lack values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Missing {
    /// They are refused.
    Refuse,
    /// The turbine's last values stand in for them.
    Carry,
}

impl From<Missing> for MissingValues {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Refuse => MissingValues::Refuse,
            Missing::Carry => MissingValues::Carry,
        }
    }
}
