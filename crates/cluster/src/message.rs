//! JSON messages of the stream `OUT`. `T` is the reading program's type for the state of a turbine.

use serde::{Deserialize, Serialize};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{JsonRecord, PredictionRecord};

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
    /// The features of a model and those of the partition, as text, if they differ.
    pub fn other_features(&self, features: &FeatureSet) -> Option<(String, String)> {
        let differ = !self.features.iter().eq(features.names());
        differ.then(|| (features.names().collect::<Vec<_>>().join(", "), self.features.join(", ")))
    }

    /// The newest record of the partition, given the checkpoint's own sequence.
    pub fn newest_record(&self, own: Sequence) -> Sequence {
        self.newest_record.unwrap_or(own - 1)
    }
}

/// The message of a record; the newest one of its turbine has the turbine after it.
///
/// # Panics
/// Never: numbers, names and times have a JSON form.
pub fn record(
    input: Sequence,
    record: &PredictionRecord,
    turbine: Option<&impl Serialize>,
    features: &FeatureSet,
) -> Vec<u8> {
    #[derive(Serialize)]
    struct Message<'a, R: Serialize, T: Serialize> {
        input: Sequence,
        record: R,
        #[serde(skip_serializing_if = "Option::is_none")]
        turbine: Option<&'a T>,
    }
    json(&Message { input, record: record.json(features), turbine })
}

/// A record that was read back.
#[derive(Debug, Deserialize)]
pub struct RecordRead {
    /// Its reading's sequence in the stream `IN`.
    pub input: Sequence,
    /// The record.
    pub record: JsonRecord,
}

/// The state in the newest record of a turbine; the record itself is passed over.
#[derive(Debug, Deserialize)]
pub struct StateRead<T> {
    /// The turbine after the record.
    pub turbine: T,
}

/// A record as read back, with the turbine's state if it is the turbine's last record of its batch.
#[derive(Debug, Deserialize)]
pub struct RowRead<T> {
    /// Its reading's sequence in the stream `IN`.
    pub input: Sequence,
    /// The record.
    pub record: JsonRecord,
    /// The turbine after the record.
    pub turbine: Option<T>,
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
}
