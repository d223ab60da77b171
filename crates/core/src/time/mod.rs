//! Reading times as plants write them: one reader for the service, the sender, the training and the pictures.

mod civil;
mod epoch;
mod fit;
mod format;
mod reader;

pub use fit::TimeFit;
pub use format::{TimeFormat, TimeFormatError};
pub use reader::{Times, zone};

use civil::Order;
use epoch::EpochUnit;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Reads a time that stands by itself, without the other times of a file to tell formats apart: a date with the year or
/// with dots (`2025-03-28 20:00`, `28.03.2025 20:00`), with any time of day and offset. Without an offset it is a time in
/// `zone`.
///
/// `None` for anything else, also for dates with slashes, whose day and month cannot be told apart.
pub fn read_alone(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let order = match text.as_bytes().iter().find(|byte| !byte.is_ascii_digit()) {
        Some(b'.') if !text.as_bytes().first_chunk::<4>()?.iter().all(u8::is_ascii_digit) => Order::Day,
        _ => Order::Year,
    };
    civil::read(text, order)?.in_zone(zone)
}

/// Reads seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size; `None` outside the years
/// 1990 to 2100.
pub fn read_epoch(number: f64) -> Option<Timestamp> {
    EpochUnit::of(number)?.read(number)
}

/// Whether a text is a date or a time of day in any order.
pub(crate) fn is_time(text: &str) -> bool {
    let orders = [Order::Year, Order::Day, Order::Month];
    orders.into_iter().any(|order| civil::read(text, order).is_some()) || civil::is_clock(text)
}

#[cfg(test)]
mod tests;
