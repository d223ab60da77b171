//! The formats by name.

use super::civil::Order;
use super::epoch::EpochUnit;
use std::fmt;
use std::str::FromStr;

/// How the times of a column are written.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeFormat(pub(super) Form);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    Civil(Order),
    Epoch(EpochUnit),
    /// A pattern of `strptime`.
    Pattern(String),
}

/// A text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown time format {0:?}; use yyyy-mm-dd, dd.mm.yyyy, mm/dd/yyyy, epoch-s, epoch-ms, epoch-us, or a pattern such as %d.%m.%y %H:%M"
)]
pub struct TimeFormatError(String);

impl TimeFormat {
    /// Year, month, day: RFC 3339, and ISO 8601 with a blank or without an offset.
    pub const YEAR_FIRST: TimeFormat = TimeFormat(Form::Civil(Order::Year));
    /// Day, month, year.
    pub const DAY_FIRST: TimeFormat = TimeFormat(Form::Civil(Order::Day));
    /// Month, day, year.
    pub const MONTH_FIRST: TimeFormat = TimeFormat(Form::Civil(Order::Month));

    /// Whether a number since 1970 is read, which has no time zone.
    pub fn is_epoch(&self) -> bool {
        matches!(self.0, Form::Epoch(_))
    }
}

impl FromStr for TimeFormat {
    type Err = TimeFormatError;

    fn from_str(text: &str) -> Result<Self, TimeFormatError> {
        let name = text.trim();
        if name.contains('%') {
            return Ok(TimeFormat(Form::Pattern(name.to_owned())));
        }
        if let Some(unit) = EpochUnit::ALL.into_iter().find(|unit| name.eq_ignore_ascii_case(unit.name())) {
            return Ok(TimeFormat(Form::Epoch(unit)));
        }
        // Only the order matters: each order is read with dots, dashes and slashes.
        let letters: String = name.chars().map(|c| if matches!(c, '.' | '/' | '-') { '-' } else { c }).collect();
        match letters.to_ascii_lowercase().as_str() {
            "yyyy-mm-dd" | "iso" | "rfc3339" => Ok(TimeFormat::YEAR_FIRST),
            "dd-mm-yyyy" => Ok(TimeFormat::DAY_FIRST),
            "mm-dd-yyyy" => Ok(TimeFormat::MONTH_FIRST),
            _ => Err(TimeFormatError(text.to_owned())),
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Form::Civil(Order::Year) => "yyyy-mm-dd",
            Form::Civil(Order::Day) => "dd.mm.yyyy",
            Form::Civil(Order::Month) => "mm/dd/yyyy",
            Form::Epoch(unit) => unit.name(),
            Form::Pattern(pattern) => pattern,
        })
    }
}
