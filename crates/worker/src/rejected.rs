//! Readings with faults, as they are written to the stream `OUT`.

use cluster::message::Sequence;
use pipeline::decode::{BadReadings, IndexedFault};
use serde::Serialize;

/// The longest part of a rejected payload that is kept, in bytes.
const MAX_PAYLOAD: usize = 2_048;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cluster::message::json;

    #[test]
    fn of_a_rejected_payload_the_beginning_is_kept() {
        let payload = [b'x'; 10_000];
        let rejected = Rejected::new(3, "T1", BadReadings::of_text("the body is not JSON"), &payload);
        assert_eq!(rejected.payload.len(), MAX_PAYLOAD);
        let text = String::from_utf8(json(&Rejected { payload: "x".to_owned(), ..rejected })).unwrap();
        assert_eq!(text, r#"{"input":3,"message":"the body is not JSON","faults":[],"payload":"x"}"#);
    }
}
