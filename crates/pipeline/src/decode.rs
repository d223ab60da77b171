//! From JSON text to readings checked against a model's features, or everything that is wrong with them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::lenient::quote_bare_words;
use turbine_core::reading::{Fault, MissingValues, Reading, ReadingError};

/// The most readings of one batch.
pub const MAX_BATCH: usize = 10_000;

/// How many faults are listed; the rest are counted.
pub const MAX_FAULTS: usize = 100;

/// How many faulty readings of a batch the message spells out, if they do not make it longer than a person wants to read.
const SPELT_OUT: usize = 10;
const LONG_MESSAGE: usize = 1_000;

/// Why readings were rejected.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Deserialize)]
#[error("{message}")]
pub struct BadReadings {
    /// What is wrong and how to mend it.
    pub message: String,
    /// The same by field: the first [`MAX_FAULTS`].
    pub faults: Vec<IndexedFault>,
    /// How many more there are.
    #[serde(default)]
    pub more_faults: usize,
}

/// A fault and, in a batch, which reading it is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexedFault {
    /// Place in the batch, from 0; left out for a single reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
}

impl BadReadings {
    /// A problem of the text as a whole.
    pub fn of_text(message: impl Into<String>) -> Self {
        BadReadings { message: message.into(), faults: Vec::new(), more_faults: 0 }
    }
}

impl From<ReadingError> for BadReadings {
    fn from(error: ReadingError) -> Self {
        let mut refused = Refused::default();
        refused.add(None, error);
        refused.into()
    }
}

/// One reading, a JSON object.
///
/// # Errors
/// With every fault there is.
pub fn reading(text: &[u8], features: &FeatureSet, missing: MissingValues) -> Result<Reading, BadReadings> {
    Ok(Reading::from_json(text, features, missing)?)
}

/// The readings of a batch, `{"readings": [...]}`; one that has a fault rejects all of them.
///
/// # Errors
/// With every fault of every reading, each with its place.
pub fn batch(text: &[u8], features: &FeatureSet, missing: MissingValues) -> Result<Vec<Reading>, BadReadings> {
    let text = std::str::from_utf8(text).map_err(|_| BadReadings::of_text("the body is not UTF-8 text"))?;
    let Text { text, not_json } = lenient(text)?;
    let Batch { readings } = serde_json::from_str(&text).map_err(not_a_batch)?;
    if readings.len() > MAX_BATCH {
        return Err(BadReadings::of_text(format!(
            "readings has {} entries; a batch takes up to {MAX_BATCH}, send several or newline-delimited JSON",
            readings.len()
        )));
    }
    let mut accepted = Vec::with_capacity(readings.len());
    let mut refused = Refused::default();
    for (index, raw) in readings.iter().enumerate() {
        match Reading::from_json(raw.get().as_bytes(), features, missing) {
            Ok(reading) => accepted.push(reading),
            Err(error) => refused.add(Some(index), error),
        }
    }
    match not_json {
        _ if refused.readings > 0 => Err(refused.into()),
        // Nothing but the text itself is at fault, so no field is named.
        Some(error) => Err(error),
        None => Ok(accepted),
    }
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    readings: Vec<&'a RawValue>,
}

/// The text of a batch, and why it is not JSON if that was overlooked to find out which fields are at fault.
struct Text<'a> {
    text: Cow<'a, str>,
    not_json: Option<BadReadings>,
}

fn lenient(text: &str) -> Result<Text<'_>, BadReadings> {
    let Err(error) = serde_json::from_str::<Batch>(text) else {
        return Ok(Text { text: Cow::Borrowed(text), not_json: None });
    };
    let quoted = quote_bare_words(text);
    if serde_json::from_str::<Batch>(&quoted.text).is_err() {
        return Err(not_a_batch(error));
    }
    let not_json = (!quoted.was_json).then(|| not_a_batch(error));
    Ok(Text { text: Cow::Owned(quoted.text), not_json })
}

fn not_a_batch(error: serde_json::Error) -> BadReadings {
    BadReadings::of_text(format!("a batch must be a JSON object {{\"readings\": [{{…}}, …]}}: {error}"))
}

/// Faults as they are found: no more is kept than is told.
#[derive(Default)]
struct Refused {
    readings: usize,
    messages: Vec<String>,
    faults: Vec<IndexedFault>,
    more_faults: usize,
}

impl Refused {
    fn add(&mut self, index: Option<usize>, error: ReadingError) {
        self.readings += 1;
        let length: usize = self.messages.iter().map(String::len).sum();
        if self.messages.len() < SPELT_OUT && length < LONG_MESSAGE {
            self.messages.push(match index {
                Some(index) => format!("reading {index}: {error}"),
                None => error.to_string(),
            });
        }
        for fault in error.into_faults() {
            if self.faults.len() < MAX_FAULTS {
                self.faults.push(IndexedFault { index, fault });
            } else {
                self.more_faults += 1;
            }
        }
    }
}

impl From<Refused> for BadReadings {
    fn from(refused: Refused) -> Self {
        let Refused { readings, messages, faults, more_faults } = refused;
        let more = readings - messages.len();
        let mut message = messages.join("; ");
        if more > 0 {
            message += &format!("; and {more} more readings");
        }
        BadReadings { message, faults, more_faults }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refusal(body: &str) -> BadReadings {
        batch(body.as_bytes(), &FeatureSet::from_names(["a", "b"]).unwrap(), MissingValues::Refuse).unwrap_err()
    }

    #[test]
    fn a_batch_is_rejected_whole_with_every_fault_in_its_place() {
        let refusal = refusal(r#"{"readings":[{"a":1,"b":2},{"a":"x"},[1],{"a":NaN,"b":1}]}"#);
        let faults: Vec<_> = refusal.faults.iter().map(|fault| (fault.index, fault.fault.field.as_str())).collect();
        assert_eq!(faults, [(Some(1), "a"), (Some(1), "b"), (Some(3), "a")]);
        assert_eq!(
            refusal.message,
            "reading 1: a must be a number, got \"x\"; b is missing; reading 2: a reading must be a JSON object such as \
             {\"temperature\": 25.1, …}, got a list; reading 3: a must be a finite number, got \"NaN\""
        );
    }

    #[test]
    fn a_text_that_is_no_batch_is_named_as_such() {
        for body in ["", "[]", "{}", "{\"readings\":1}", "{\"readings\":[", "7"] {
            let BadReadings { message, faults, .. } = refusal(body);
            assert!(
                message.starts_with("a batch must be a JSON object {\"readings\": [{…}, …]}: "),
                "{body}: {message}"
            );
            assert!(faults.is_empty());
        }
        let many = format!("{{\"readings\":[{}1]}}", "1,".repeat(MAX_BATCH));
        assert!(refusal(&many).message.contains("readings has 10001 entries; a batch takes up to 10000"));
    }

    #[test]
    fn long_lists_of_faults_are_cut_and_counted() {
        // 60 readings that lack both features.
        let refusal = refusal(&format!("{{\"readings\":[{}{{}}]}}", "{},".repeat(59)));
        assert!(refusal.message.ends_with("; and 50 more readings"), "{}", refusal.message);
        assert_eq!((refusal.faults.len(), refusal.more_faults), (100, 20));
    }
}
