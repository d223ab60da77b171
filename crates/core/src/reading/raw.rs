//! A reading as received: unchecked keys and values.

use super::{Fault, MissingValues, Problem, Reading, ReadingError, TurbineId, lenient::quote_bare_words};
use crate::feature::{Feature, FeatureSet};
use crate::sensors::SensorSet;
use crate::time::{read_alone, read_epoch};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The seconds from 1970 back to the year 0. A year before it would begin a cell of the log with `-`.
const YEAR_0: i64 = -62_167_219_200;

/// A reading as sent: an object of feature names and numbers, with optional `timestamp` and `turbine_id`.
///
/// Other keys are ignored; of a repeated key the last value counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawReading<'a> {
    fields: Vec<(Cow<'a, str>, Value)>,
    /// The parse error of a text that is not JSON but was parsed leniently, to name the fields at fault.
    not_json: Option<Box<str>>,
}

impl<'a> RawReading<'a> {
    /// Parses a JSON object. `NaN`, `Infinity` and numbers too large for a float are accepted here, so that
    /// [`RawReading::check`] can name their fields.
    ///
    /// # Errors
    /// [`ReadingError::NotJson`], or [`ReadingError::NotAnObject`] for a list, a string or a number.
    pub fn from_json(text: &'a [u8]) -> Result<Self, ReadingError> {
        serde_json::from_slice(text).or_else(|error| RawReading::from_faulty_json(text, &error))
    }

    #[cold]
    fn from_faulty_json(text: &[u8], error: &serde_json::Error) -> Result<Self, ReadingError> {
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(ReadingError::NotJson("it is not UTF-8 text".to_owned()));
        };
        if let Ok(value) = serde_json::from_str(text) {
            return RawReading::from_value(value);
        }
        let quoted = quote_bare_words(text);
        match serde_json::from_str(&quoted.text) {
            Ok(value @ Value::Object(_)) => {
                let not_json = (!quoted.was_json).then(|| error.to_string().into());
                Ok(RawReading { not_json, ..RawReading::from_value(value)? })
            }
            _ if text.trim().is_empty() => Err(ReadingError::NotJson("it is empty".to_owned())),
            _ => Err(ReadingError::NotJson(error.to_string())),
        }
    }

    /// Converts a JSON value.
    ///
    /// # Errors
    /// [`ReadingError::NotAnObject`] for anything but an object.
    pub fn from_value(value: Value) -> Result<Self, ReadingError> {
        match value {
            Value::Object(map) => Ok(map.into_iter().map(|(key, value)| (Cow::Owned(key), value)).collect()),
            Value::Array(_) => Err(ReadingError::NotAnObject("a list")),
            Value::String(_) => Err(ReadingError::NotAnObject("a string")),
            Value::Number(_) => Err(ReadingError::NotAnObject("a number")),
            Value::Bool(_) => Err(ReadingError::NotAnObject("a boolean")),
            Value::Null => Err(ReadingError::NotAnObject("null")),
        }
    }

    /// Converts the pairs of a form post, where every value is text; texts that parse as numbers become numbers.
    pub fn from_form(pairs: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let value = |key: &str, text: Cow<str>| match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() && key != "turbine_id" => Value::from(number),
            _ => Value::from(text),
        };
        pairs.into_iter().map(|(key, text)| (key.clone(), value(&key, text))).collect()
    }

    /// A reading to send.
    pub fn from_values(features: &'a FeatureSet, values: &[f64]) -> Self {
        features.names().zip(values).map(|(name, &value)| (Cow::Borrowed(name), Value::from(value))).collect()
    }

    /// Adds the time at which the reading was taken.
    #[must_use]
    pub fn at(mut self, timestamp: Timestamp) -> Self {
        self.fields.push((Cow::Borrowed("timestamp"), Value::from(timestamp.to_string())));
        self
    }

    /// Adds the turbine's id.
    #[must_use]
    pub fn of_turbine(mut self, turbine_id: &TurbineId) -> Self {
        self.fields.push((Cow::Borrowed("turbine_id"), Value::from(turbine_id.as_str())));
        self
    }

    /// Checks that every feature is present, finite and in range, and that `timestamp` and `turbine_id`, if present and
    /// not null, are well-formed. A time without an offset is in UTC.
    ///
    /// # Errors
    /// [`ReadingError::Faults`] with all faults, in the features' order; [`ReadingError::NotJson`] if there are none but
    /// the text was not JSON.
    pub fn check(&self, features: &FeatureSet) -> Result<Reading, ReadingError> {
        self.check_with(features, MissingValues::Refuse)
    }

    /// The same, but with [`MissingValues::Carry`] features may be absent or null, as long as the reading names one of them.
    ///
    /// # Errors
    /// As [`RawReading::check`].
    pub fn check_with(&self, features: &FeatureSet, missing: MissingValues) -> Result<Reading, ReadingError> {
        let may_lack = missing == MissingValues::Carry
            && features.iter().enumerate().any(|(i, feature)| self.get(i, &feature.name).is_some());
        let mut faults = Vec::new();
        let mut values = Vec::with_capacity(features.len());
        let mut absent = SensorSet::default();
        for (i, feature) in features.iter().enumerate() {
            match self.number(i, feature) {
                Ok(value) => values.push(value),
                Err(Fault { problem: Problem::Missing | Problem::Null, .. }) if may_lack => {
                    absent.insert(i);
                    values.push(f64::NAN);
                }
                Err(fault) => faults.push(fault),
            }
        }
        let timestamp = self.timestamp(&mut faults);
        let turbine_id = self.text("turbine_id", |text| text.parse().ok(), Problem::TurbineId, &mut faults);
        match &self.not_json {
            _ if !faults.is_empty() => Err(ReadingError::Faults(faults)),
            Some(error) => Err(ReadingError::NotJson(error.to_string())),
            None => Ok(Reading { values, absent, timestamp, turbine_id }),
        }
    }

    fn number(&self, i: usize, feature: &Feature) -> Result<f64, Fault> {
        let fault = |problem, value: &Value| Err(Fault::new(&feature.name, problem, value.clone()));
        match self.get(i, &feature.name) {
            None => fault(Problem::Missing, &Value::Null),
            Some(Value::Null) => fault(Problem::Null, &Value::Null),
            Some(Value::Number(number)) => {
                let value = number.as_f64().unwrap_or(f64::NAN);
                Fault::of_number(feature, value).map_or(Ok(value), Err)
            }
            Some(text @ Value::String(word)) if word.parse::<f64>().is_ok_and(|number| !number.is_finite()) => {
                fault(Problem::NotFinite, text)
            }
            Some(other) => fault(Problem::NotANumber, other),
        }
    }

    fn timestamp(&self, faults: &mut Vec<Fault>) -> Option<Timestamp> {
        let (value, time) = match self.get(usize::MAX, "timestamp")? {
            Value::Null => return None,
            value @ Value::String(text) => (value, self::time(text)),
            value => (value, value.as_f64().and_then(read_epoch).filter(is_written_plainly)),
        };
        if time.is_none() {
            faults.push(Fault::new("timestamp", Problem::Timestamp, value.clone()));
        }
        time
    }

    fn text<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Option<T>,
        problem: Problem,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        match self.get(usize::MAX, key)? {
            Value::Null => None,
            value => {
                let parsed = value.as_str().and_then(parse);
                if parsed.is_none() {
                    faults.push(Fault::new(key, problem, value.clone()));
                }
                parsed
            }
        }
    }

    /// The value of `name`. Fast path: most senders put it at index `i`, so only the keys after it are searched, for a
    /// repetition.
    fn get(&self, i: usize, name: &str) -> Option<&Value> {
        let index = match self.fields.get(i) {
            Some((key, _)) if key == name && !self.fields[i + 1..].iter().any(|(later, _)| later == name) => i,
            _ => self.fields.iter().rposition(|(key, _)| key == name)?,
        };
        Some(&self.fields[index].1)
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Value)> for RawReading<'a> {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Value)>>(fields: I) -> Self {
        RawReading { fields: fields.into_iter().collect(), not_json: None }
    }
}

/// The time that a text says; without an offset it is in UTC. None before year 0, which would start a cell of the log with
/// `-`.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    read_alone(text, &TimeZone::UTC).filter(is_written_plainly)
}

fn is_written_plainly(time: &Timestamp) -> bool {
    time.as_second() >= YEAR_0
}

impl Serialize for RawReading<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (key, value) in &self.fields {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawReading<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = RawReading<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reading, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawReading<'de>, A::Error> {
        let mut fields = Vec::with_capacity(4);
        while let Some(Key(key)) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        Ok(RawReading { fields, not_json: None })
    }
}

/// A key, borrowed from the text if it has no escapes.
pub(super) struct Key<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}
