//! Dates and times of day in numbers, with an optional offset.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// What a date begins with; after the year comes the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Year,
    Day,
    Month,
}

/// A time as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Written {
    pub(super) time: DateTime,
    pub(super) offset: Option<Offset>,
    pub(super) has_clock: bool,
}

impl Written {
    /// The moment; without an offset, by the clocks of `zone`.
    pub(super) fn in_zone(self, zone: &TimeZone) -> Option<Timestamp> {
        match self.offset {
            Some(offset) => offset.to_timestamp(self.time).ok(),
            None => zone.to_timestamp(self.time).ok(),
        }
    }
}

/// Reads a date, which may be followed by a time of day and an offset.
pub(super) fn read(text: &str, order: Order) -> Option<Written> {
    let (a, rest) = number(text)?;
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '.' | '/'))?;
    let (b, rest) = number(rest.strip_prefix(separator)?)?;
    let (c, rest) = number(rest.strip_prefix(separator)?)?;
    let (year, month, day) = match order {
        Order::Year => (a, b, c),
        Order::Day => (c, b, a),
        Order::Month => (c, a, b),
    };
    let short = |digits: &Digits| digits.length <= 2;
    if !(year.length == 4 && short(&month) && short(&day)) {
        return None;
    }
    let date = Date::new(year.value as i16, month.value as i8, day.value as i8).ok()?;
    if rest.is_empty() {
        return Some(Written { time: date.at(0, 0, 0, 0), offset: None, has_clock: false });
    }
    let clock = match rest.strip_prefix(['T', 't']) {
        Some(clock) => clock,
        None => rest.strip_prefix(',').unwrap_or(rest).strip_prefix([' ', '\u{a0}'])?.trim_start(),
    };
    let (clock, next_day, rest) = read_clock(clock)?;
    let offset = read_offset(rest.trim_start())?;
    let date = if next_day { date.checked_add(1.day()).ok()? } else { date };
    Some(Written { time: date.to_datetime(clock), offset, has_clock: true })
}

/// Whether a text is a time of day alone.
pub(super) fn is_clock(text: &str) -> bool {
    read_clock(text).is_some_and(|(.., rest)| rest.is_empty())
}

struct Digits {
    value: u32,
    length: usize,
}

/// The digits at the start, at most four, and the rest.
fn number(text: &str) -> Option<(Digits, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=4).contains(&length) {
        return None;
    }
    Some((Digits { value: text[..length].parse().ok()?, length }, &text[length..]))
}

/// `20:00`, `20:00:30`, `20:00:30.5`, `8:00 PM`; whether it is 24:00, which is the next day's 0:00; and the rest.
fn read_clock(text: &str) -> Option<(Time, bool, &str)> {
    let (hour, rest) = number(text).filter(|(hour, _)| hour.length <= 2)?;
    let (minute, mut rest) = number(rest.strip_prefix(':')?).filter(|(minute, _)| minute.length == 2)?;
    let (mut second, mut nanos) = (0, 0);
    if let Some(seconds) = rest.strip_prefix(':') {
        let (digits, after) = number(seconds).filter(|(seconds, _)| seconds.length == 2)?;
        (second, rest) = (digits.value, after);
        if let Some(fraction) = rest.strip_prefix(['.', ',']) {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if !(1..=9).contains(&length) {
                return None;
            }
            nanos = fraction[..length].parse::<i32>().ok()? * 10_i32.pow(9 - length as u32);
            rest = &fraction[length..];
        }
    }
    let (hour, rest) = match half_of_day(rest) {
        Some((is_afternoon, rest)) if (1..=12).contains(&hour.value) => {
            (hour.value % 12 + if is_afternoon { 12 } else { 0 }, rest)
        }
        Some(_) => return None,
        None => (hour.value, rest),
    };
    let next_day = (hour, minute.value, second, nanos) == (24, 0, 0, 0);
    let hour = if next_day { 0 } else { hour };
    // A leap second is the last one of its minute.
    let second = if second == 60 { 59 } else { second };
    let time = Time::new(hour as i8, minute.value as i8, second as i8, nanos).ok()?;
    Some((time, next_day, rest))
}

fn half_of_day(text: &str) -> Option<(bool, &str)> {
    let text = text.trim_start();
    let (word, rest) = text.split_at_checked(2)?;
    match word {
        _ if word.eq_ignore_ascii_case("am") => Some((false, rest)),
        _ if word.eq_ignore_ascii_case("pm") => Some((true, rest)),
        _ => None,
    }
}

/// Nothing, `Z`, `UTC`, `+01:00`, `+0100` or `+01`; `None` if the text is none of them.
fn read_offset(text: &str) -> Option<Option<Offset>> {
    if text.is_empty() {
        return Some(None);
    }
    if ["z", "utc", "gmt"].iter().any(|name| text.eq_ignore_ascii_case(name)) {
        return Some(Some(Offset::UTC));
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match (digits.len(), digits.split_once(':')) {
        (5, Some(parts)) => parts,
        (4, None) => digits.split_at_checked(2)?,
        (2, None) => (digits, "00"),
        _ => return None,
    };
    let two = |text: &str, most: i32| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|&value| is_number && value <= most)
    };
    Offset::from_seconds(sign * (two(hours, 23)? * 3_600 + two(minutes, 59)? * 60)).ok().map(Some)
}
