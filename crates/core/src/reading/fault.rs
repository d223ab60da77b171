//! Faults of a reading, by field.

use crate::feature::{Feature, Range};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;

/// Why a reading was rejected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadingError {
    /// The text is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// The JSON is not an object.
    #[error("a reading must be a JSON object such as {{\"temperature\": 25.1, …}}, got {0}")]
    NotAnObject(&'static str),
    /// Fields are missing or invalid; all of them are listed.
    #[error("{}", join(.0))]
    Faults(Vec<Fault>),
}

impl ReadingError {
    /// The faults by field; empty if the text has no fields.
    pub fn into_faults(self) -> Vec<Fault> {
        match self {
            ReadingError::Faults(faults) => faults,
            ReadingError::NotJson(_) | ReadingError::NotAnObject(_) => Vec::new(),
        }
    }
}

fn join(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

/// A missing or invalid field. Read back from JSON, its problem is [`Problem::Told`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The key in the reading.
    pub field: String,
    /// The problem.
    pub problem: Problem,
    /// The value sent; null for a missing field.
    pub value: Value,
}

impl Fault {
    pub(super) fn new(field: &str, problem: Problem, value: Value) -> Self {
        Fault { field: field.to_owned(), problem, value }
    }

    /// The fault of `value` as a value of `feature`, if it has one.
    pub(super) fn of_number(feature: &Feature, value: f64) -> Option<Self> {
        if !value.is_finite() {
            return Some(Fault::new(&feature.name, Problem::NotFinite, Value::from(value.to_string())));
        }
        let range = feature.range.filter(|range| !range.contains(value))?;
        let problem = Problem::OutOfRange { range, unit: feature.unit.clone() };
        Some(Fault::new(&feature.name, problem, Value::from(value)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)?;
        match (&self.problem, &self.value) {
            (Problem::Missing | Problem::Null, _) => Ok(()),
            (_, Value::Number(number)) if number.is_f64() => {
                let value = number.as_f64().unwrap_or(f64::NAN);
                // In decimal notation the smallest numbers have more than 300 digits.
                let legible = value == 0.0 || (1e-6..1e16).contains(&value.abs());
                if legible { write!(f, ", got {value}") } else { write!(f, ", got {value:e}") }
            }
            (_, value) => write!(f, ", got {}", shortened(value)),
        }
    }
}

/// A value for a message, truncated.
fn shortened(value: &Value) -> String {
    const MAX_CHARS: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= MAX_CHARS { text } else { text.chars().take(MAX_CHARS).chain(['…']).collect() }
}

/// The problem of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The key is missing.
    Missing,
    /// The value is `null`.
    Null,
    /// The value is a string, a boolean, a list or an object.
    NotANumber,
    /// The value is NaN, infinite, or too large for a 64-bit float.
    NotFinite,
    /// The value is outside the sensor's range.
    OutOfRange {
        /// The sensor's range.
        range: Range,
        /// The unit of the range.
        unit: String,
    },
    /// The time is not RFC 3339.
    Timestamp,
    /// The turbine id is too long or has invalid characters.
    TurbineId,
    /// The message of another program.
    Told(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Missing => f.write_str("is missing"),
            Problem::Null => f.write_str("is null"),
            Problem::NotANumber => f.write_str("must be a number"),
            Problem::NotFinite => f.write_str("must be a finite number"),
            Problem::OutOfRange { range: Range { min, max }, unit } => {
                write!(f, "is outside {min} to {max}")?;
                if unit.is_empty() { Ok(()) } else { write!(f, " {unit}") }
            }
            Problem::Timestamp => f.write_str("must be an RFC 3339 time such as \"2026-01-31T12:00:00Z\""),
            Problem::TurbineId => {
                f.write_str("must be 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or a digit")
            }
            Problem::Told(text) => f.write_str(text),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Problem::Told)
    }
}
