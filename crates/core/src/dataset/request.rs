//! What is wanted of a source.

use super::dialect::Separator;
use super::encoding::Encoding;
use super::number::Decimal;
use crate::feature::{FeatureSet, Range};
use crate::time::TimeFormat;
use jiff::tz::TimeZone;

/// What is wanted of a source: what its form is known to be, and which columns have which role. What is left out is
/// detected.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The sign between cells.
    pub separator: Option<Separator>,
    /// The sign before decimals.
    pub decimal: Option<Decimal>,
    /// The encoding of text.
    pub encoding: Option<Encoding>,
    /// How times are written.
    pub time_format: Option<TimeFormat>,
    /// The zone of times without an offset.
    pub zone: TimeZone,
    /// The features, in order; `None` = all columns with a use and no other role.
    pub features: Option<FeatureSet>,
    /// Columns that are not looked at.
    pub exclude: Vec<String>,
    /// The ranges of features, by their names; a value outside makes a row unusable.
    pub ranges: Vec<(String, Range)>,
    /// The column that says which rows belong to faults.
    pub label: Option<String>,
    /// The values of that column that mark faults; if there are none, the usual words do, such as 1, true, yes and fault.
    pub faults: Vec<String>,
    /// The column with the times.
    pub timestamp: Option<String>,
    /// Whether the times are looked for where no column is named.
    pub finds_times: bool,
    /// The column with the turbine's name.
    pub turbine: Option<String>,
    /// Values that stand for a missing one, besides an empty cell.
    pub missing: Vec<String>,
}

impl Default for Request {
    /// All columns, in UTC, without labels, times and turbines.
    fn default() -> Self {
        Request {
            separator: None,
            decimal: None,
            encoding: None,
            time_format: None,
            zone: TimeZone::UTC,
            features: None,
            exclude: Vec::new(),
            ranges: Vec::new(),
            label: None,
            faults: Vec::new(),
            timestamp: None,
            finds_times: false,
            turbine: None,
            missing: Vec::new(),
        }
    }
}
