//! Parsing and checking readings: a [`RawReading`] is what arrived, a [`Reading`] is complete, finite and in range.
//!
//! ```
//! use turbine_core::{feature::FeatureSet, reading::RawReading};
//!
//! let features = FeatureSet::turbine();
//! let raw = RawReading::from_json(br#"{"temperature": 25.1, "humidity": 60.2, "sound_volume": 0.51}"#)?;
//! assert_eq!(raw.check(&features)?.values(), [25.1, 60.2, 0.51]);
//!
//! let raw = RawReading::from_json(br#"{"temperature": "abc", "humidity": 130}"#)?;
//! assert_eq!(
//!     raw.check(&features).unwrap_err().to_string(),
//!     "temperature must be a number, got \"abc\"; humidity is outside 0 to 100 %, got 130; sound_volume is missing"
//! );
//! # Ok::<(), turbine_core::reading::ReadingError>(())
//! ```

mod direct;
mod fault;
pub mod lenient;
mod raw;

pub use fault::{Fault, Problem, ReadingError};
pub use raw::RawReading;

use crate::feature::FeatureSet;
use crate::sensors::SensorSet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const MAX_TURBINE_ID_CHARS: usize = 64;

/// What becomes of a reading that lacks values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingValues {
    /// It is rejected.
    #[default]
    Refuse,
    /// The turbine's last values stand in for them, or what is to be expected.
    Carry,
}

/// A reading whose values are finite and in their ranges. Each feature has one, unless it was allowed to lack some.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// NaN for those that are absent, until they are filled.
    values: Vec<f64>,
    absent: SensorSet,
    timestamp: Option<Timestamp>,
    turbine_id: Option<TurbineId>,
}

impl Reading {
    /// A reading in JSON: what [`RawReading::from_json`] and [`RawReading::check_with`] say, in less time for common readings.
    ///
    /// # Errors
    /// A [`ReadingError`] with every fault.
    pub fn from_json(text: &[u8], features: &FeatureSet, missing: MissingValues) -> Result<Self, ReadingError> {
        match direct::reading(text, features) {
            Some(reading) => Ok(reading),
            None => RawReading::from_json(text)?.check_with(features, missing),
        }
    }

    /// Checks values from another source than JSON, such as the cells of a CSV row.
    ///
    /// # Errors
    /// [`ReadingError::Faults`] with every value that is not finite or out of range.
    ///
    /// # Panics
    /// If `values` and `features` differ in length.
    pub fn new(values: Vec<f64>, features: &FeatureSet) -> Result<Self, ReadingError> {
        assert_eq!(values.len(), features.len(), "one value per feature");
        let faults: Vec<Fault> =
            features.iter().zip(&values).filter_map(|(feature, &value)| Fault::of_number(feature, value)).collect();
        if faults.is_empty() {
            Ok(Reading { values, absent: SensorSet::default(), timestamp: None, turbine_id: None })
        } else {
            Err(ReadingError::Faults(faults))
        }
    }

    /// One value per feature, in the feature set's order and units; NaN for those that are absent, until
    /// [`Model::fill`](crate::model::Model::fill) has filled them.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The features that came without a value.
    pub fn absent(&self) -> SensorSet {
        self.absent
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// When the reading was taken, if the reading says so.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// The turbine's id, if the reading has one.
    pub fn turbine_id(&self) -> Option<&TurbineId> {
        self.turbine_id.as_ref()
    }

    /// The same reading; where it does not say of which turbine it is or when it was taken, it is of this one and this time.
    #[must_use]
    pub fn or_of(mut self, turbine_id: &TurbineId, timestamp: Timestamp) -> Self {
        self.turbine_id.get_or_insert_with(|| turbine_id.clone());
        self.timestamp.get_or_insert(timestamp);
        self
    }

    pub(crate) fn into_parts(self) -> (Vec<f64>, Option<Timestamp>, Option<TurbineId>) {
        (self.values, self.timestamp, self.turbine_id)
    }
}

/// The id of a turbine: 1 to 64 letters, digits, `.`, `_` or `-`, starting with a letter or a digit. So it needs no
/// quotes in a CSV, and no spreadsheet takes it for a formula.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TurbineId(String);

impl TurbineId {
    /// What stands for the readings that name no turbine. No turbine can be called so.
    pub const NAMELESS: &'static str = "-";

    /// The id as text, or [`TurbineId::NAMELESS`].
    pub fn name(id: Option<&Self>) -> &str {
        id.map_or(Self::NAMELESS, Self::as_str)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for TurbineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for TurbineId {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let usable = text.len() <= MAX_TURBINE_ID_CHARS
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(safe);
        if usable { Ok(TurbineId(text.to_owned())) } else { Err(Problem::TurbineId) }
    }
}

impl TryFrom<String> for TurbineId {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<TurbineId> for String {
    fn from(id: TurbineId) -> String {
        id.0
    }
}

#[cfg(test)]
mod tests;
