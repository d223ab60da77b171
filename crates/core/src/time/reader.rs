//! Reads the times of one column, one after the other.

use super::civil;
use super::format::{Form, TimeFormat};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A time zone by its name in the IANA database, such as `Europe/Berlin`; `None` if there is no such zone.
pub fn zone(name: &str) -> Option<TimeZone> {
    match name.trim() {
        name if name.eq_ignore_ascii_case("utc") => Some(TimeZone::UTC),
        name => TimeZone::get(name).ok(),
    }
}

/// Reads the times of one column.
#[derive(Debug, Clone)]
pub struct Times {
    format: TimeFormat,
    zone: TimeZone,
    newest: Timestamp,
}

impl Times {
    /// Times in this format; those without an offset are by the clocks of `zone`.
    pub fn new(format: TimeFormat, zone: TimeZone) -> Self {
        Times { format, zone, newest: Timestamp::MIN }
    }

    /// The next time of the column; `None` if the cell is not one.
    ///
    /// Where clocks are set back, an hour comes twice: what would lie before the time read last is in the second one.
    pub fn read(&mut self, cell: &str) -> Option<Timestamp> {
        let time = match &self.format.0 {
            Form::Civil(order) => {
                let written = civil::read(cell, *order)?;
                match written.offset {
                    Some(_) => written.in_zone(&self.zone)?,
                    None => self.by_the_clocks(written.time)?,
                }
            }
            Form::Epoch(unit) => unit.read(cell.replace(',', ".").parse().ok()?)?,
            Form::Pattern(pattern) => {
                let parsed = strtime::parse(pattern, cell).ok()?;
                match parsed.to_timestamp() {
                    Ok(time) => time,
                    Err(_) => {
                        let midnight = || Some(parsed.to_date().ok()?.at(0, 0, 0, 0));
                        self.by_the_clocks(parsed.to_datetime().ok().or_else(midnight)?)?
                    }
                }
            }
        };
        self.newest = time;
        Some(time)
    }

    fn by_the_clocks(&self, time: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        if let AmbiguousOffset::Fold { .. } = ambiguous.offset() {
            let first = ambiguous.earlier().ok()?;
            return if first >= self.newest { Some(first) } else { ambiguous.later().ok() };
        }
        ambiguous.compatible().ok()
    }
}
