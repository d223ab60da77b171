//! What is written to the stream `OUT`, as JSON.

use pipeline::decode::{BadReadings, IndexedFault};
use pipeline::fleet::Turbine;
use serde::{Deserialize, Serialize};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{JsonRecord, PredictionRecord};

/// The longest part of a rejected payload that is kept, in bytes.
const MAX_PAYLOAD: usize = 2_048;

/// Sequence numbers of the streams `IN` and `OUT`.
pub type Sequence = u64;

/// How far a partition has come: the last message of each of its batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last reading that was scored or rejected.
    pub input: Sequence,
    /// The newest record of the partition, if it is not the message just before this one; 0 if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_record: Option<Sequence>,
    /// The features of the partition: those of its records' values, from the first record to the last.
    pub features: Vec<String>,
    /// The worker that wrote it.
    pub worker: String,
}

impl Checkpoint {
    /// The newest record of the partition, given the checkpoint's own sequence.
    pub fn newest_record(&self, own: Sequence) -> Sequence {
        self.newest_record.unwrap_or(own - 1)
    }
}

/// The message of a record; the newest one of its turbine has the turbine after it.
///
/// # Panics
/// Never: numbers, names and times have a JSON form.
pub fn record(input: Sequence, record: &PredictionRecord, turbine: Option<&Turbine>, features: &FeatureSet) -> Vec<u8> {
    #[derive(Serialize)]
    struct Message<'a, R: Serialize> {
        input: Sequence,
        record: R,
        #[serde(skip_serializing_if = "Option::is_none")]
        turbine: Option<&'a Turbine>,
    }
    json(&Message { input, record: record.json(features), turbine })
}

/// A record that was read back.
#[derive(Debug, Deserialize)]
pub struct RecordRead {
    /// The reading that it is of.
    pub input: Sequence,
    /// The record.
    pub record: JsonRecord,
}

/// The state in the newest record of a turbine; the record itself is passed over.
#[derive(Debug, Deserialize)]
pub struct StateRead {
    /// The turbine after the record.
    pub turbine: Turbine,
}

/// A reading with faults.
#[derive(Debug, Serialize)]
pub struct Rejected {
    /// The reading.
    pub input: Sequence,
    /// What stands for the turbine in its subject.
    #[serde(skip)]
    pub turbine: String,
    /// What is wrong with it and how to mend it.
    pub message: String,
    /// The same by field.
    pub faults: Vec<IndexedFault>,
    /// How many faults there are besides.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_faults: usize,
    /// What was sent, or its beginning.
    pub payload: String,
}

impl Rejected {
    /// The rejection of that payload.
    pub fn new(input: Sequence, turbine: &str, why: BadReadings, payload: &[u8]) -> Self {
        let BadReadings { message, faults, more_faults } = why;
        let shown = &payload[..payload.len().min(MAX_PAYLOAD)];
        let payload = String::from_utf8_lossy(shown).into_owned();
        Rejected { input, turbine: turbine.to_owned(), message, faults, more_faults, payload }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The JSON text of what has one.
///
/// # Panics
/// If it has none.
pub fn json(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("numbers, names and times have a JSON form")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_checkpoint_says_where_the_newest_record_is() {
        let read = |text: &str| serde_json::from_str::<Checkpoint>(text).unwrap();
        let after_records = read(r#"{"input":7,"features":["a"],"worker":"w"}"#);
        assert_eq!(after_records.newest_record(40), 39);
        let after_rejections = read(r#"{"input":7,"newest_record":12,"features":["a"],"worker":"w"}"#);
        assert_eq!(after_rejections.newest_record(40), 12);
        for checkpoint in [after_records, after_rejections] {
            assert_eq!(serde_json::from_slice::<Checkpoint>(&json(&checkpoint)).unwrap(), checkpoint);
        }
    }

    #[test]
    fn of_a_rejected_payload_the_beginning_is_kept() {
        let payload = [b'x'; 10_000];
        let rejected = Rejected::new(3, "T1", BadReadings::of_text("the body is not JSON"), &payload);
        assert_eq!(rejected.payload.len(), MAX_PAYLOAD);
        let text = String::from_utf8(json(&Rejected { payload: "x".to_owned(), ..rejected })).unwrap();
        assert_eq!(text, r#"{"input":3,"message":"the body is not JSON","faults":[],"payload":"x"}"#);
    }
}
