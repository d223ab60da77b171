//! Readings with faults, as they are written to the stream `OUT`.

use cluster::message::Sequence;
use pipeline::decode::{BadReadings, IndexedFault};
use serde::Serialize;

/// Maximum length of a stored payload, in bytes.
const MAX_PAYLOAD: usize = 2_048;

/// A reading with faults.
#[derive(Debug, Serialize)]
pub struct Rejected {
    /// The reading's sequence in the stream `IN`.
    pub input: Sequence,
    /// The turbine token of its subject; not necessarily a valid id.
    #[serde(skip)]
    pub turbine: String,
    /// The faults with their remedies, as one text.
    pub message: String,
    /// The faults by field.
    pub faults: Vec<IndexedFault>,
    /// Number of faults beyond those listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_faults: usize,
    /// The payload, truncated to 2 KiB.
    pub payload: String,
}

impl Rejected {
    /// The rejection of a payload, which is truncated.
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
