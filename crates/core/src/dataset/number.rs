//! Numbers as plants write them.

use std::fmt;
use std::str::FromStr;

/// The sign before the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    /// `1.5`; groups of thousands may have commas: `1,234.5`.
    Point,
    /// `1,5`; groups of thousands may have points: `1.234,5`.
    Comma,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decimal::Point => "decimal point",
            Decimal::Comma => "decimal comma",
        })
    }
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "." | "point" => Ok(Decimal::Point),
            "," | "comma" => Ok(Decimal::Comma),
            _ => Err("use point or comma".to_owned()),
        }
    }
}

/// The longest number with a comma that is read.
const MOST_BYTES: usize = 64;

/// Reads a finite number. Where the decimal sign is not known, a single comma without a point is one.
pub(super) fn number(cell: &str, decimal: Option<Decimal>) -> Option<f64> {
    // Neither "inf" and "nan" nor other words are numbers; most of those begin with a letter.
    if !cell.as_bytes().first().is_some_and(|&byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b','))
    {
        return None;
    }
    let has_comma = cell.bytes().any(|byte| byte == b',');
    let value = match decimal {
        Some(Decimal::Point) | None if !has_comma => cell.parse().ok()?,
        Some(Decimal::Point) => parse(cell, b',', b'.')?,
        Some(Decimal::Comma) if has_comma => parse(cell, b'.', b',')?,
        Some(Decimal::Comma) => match parse(cell, b'.', b',') {
            Some(value) => value,
            None => cell.parse().ok()?,
        },
        None if cell.contains('.') => parse(cell, b',', b'.')?,
        None => parse(cell, b'.', b',')?,
    };
    Some(value).filter(|value: &f64| value.is_finite())
}

/// Reads a number with this sign between groups of three digits and this one before the decimals.
fn parse(cell: &str, group: u8, decimal: u8) -> Option<f64> {
    let (whole, decimals) = match cell.bytes().position(|byte| byte == decimal) {
        Some(position) => cell.split_at(position),
        None => (cell, ""),
    };
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let mut groups = digits.as_bytes().split(|&byte| byte == group);
    let first = groups.next()?;
    let mut rest = groups.peekable();
    let is_grouped = rest.peek().is_some();
    if is_grouped && (first.is_empty() || first.len() > 3 || first[0] == b'0' || !rest.all(|group| group.len() == 3)) {
        return None;
    }
    if cell.len() > MOST_BYTES {
        return None;
    }
    let mut plain = [0; MOST_BYTES];
    let mut length = 0;
    for byte in whole.bytes().filter(|&byte| byte != group) {
        plain[length] = byte;
        length += 1;
    }
    for byte in decimals.bytes() {
        plain[length] = if byte == decimal { b'.' } else { byte };
        length += 1;
    }
    std::str::from_utf8(&plain[..length]).ok()?.parse().ok()
}

/// Whether a number is written with a decimal comma, or with a decimal point; neither for whole numbers and other texts.
pub(super) fn decimal_of(cell: &str) -> Option<Decimal> {
    let decimal = match (cell.rfind(','), cell.rfind('.')) {
        (None, None) => return None,
        (Some(comma), Some(point)) if comma > point => Decimal::Comma,
        (Some(_), None) => Decimal::Comma,
        _ => Decimal::Point,
    };
    number(cell, Some(decimal)).map(|_| decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_either_decimal_sign() {
        let (point, comma) = (Some(Decimal::Point), Some(Decimal::Comma));
        let cases = [
            ("1.5", point, Some(1.5)),
            ("-1e3", point, Some(-1000.0)),
            ("1,234.5", point, Some(1234.5)),
            ("12,34", point, None),
            ("1,5", comma, Some(1.5)),
            ("-1,5E-3", comma, Some(-0.0015)),
            ("1.234,5", comma, Some(1234.5)),
            ("1.234.567", comma, Some(1_234_567.0)),
            ("0.125", comma, Some(0.125)),
            ("12.5", comma, Some(12.5)),
            ("1.23,5", comma, None),
            ("1,2,3", comma, None),
            ("1,5", None, Some(1.5)),
            ("1.5", None, Some(1.5)),
            ("1.234,5", None, None),
            ("17", None, Some(17.0)),
            ("", point, None),
            ("nan", point, None),
            ("inf", comma, None),
            ("-inf", point, None),
            ("1e999", point, None),
            ("-", comma, None),
            ("5 kW", point, None),
            ("28.03.2025", comma, None),
        ];
        for (cell, decimal, expected) in cases {
            assert_eq!(number(cell, decimal), expected, "{cell:?} {decimal:?}");
        }
    }

    #[test]
    fn the_decimal_sign_is_told_by_a_cell() {
        let cases = [
            ("1,5", Some(Decimal::Comma)),
            ("1.234,5", Some(Decimal::Comma)),
            ("1.5", Some(Decimal::Point)),
            ("1,234.5", Some(Decimal::Point)),
            ("15", None),
            ("28.03.2025", None),
            ("a,b", None),
        ];
        for (cell, expected) in cases {
            assert_eq!(decimal_of(cell), expected, "{cell}");
        }
    }
}
