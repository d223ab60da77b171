//! Records of one turbine, read from the stream `OUT` on request.

use super::batches::{self, RejectedRead, json};
use super::standing::newest_messages;
use async_nats::jetstream::stream::Stream;
use cluster::TIME_LIMIT;
use cluster::message::Sequence;
use cluster::reader::{ReadError, Received};
use cluster::subject::Kind;
use pipeline::park::{Outcome, Place};
use std::collections::VecDeque;
use std::ops::Range;
use tokio::time::timeout;
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// Maximum number of records that a history reads: the turbine's newest ones.
const MAX_ROWS: u64 = 50_000;

/// Number of a turbine's newest messages that are searched for the outcome of a repeated reading.
const MAX_LOOK: u64 = 1_000;

/// Passes the turbine's records of these seconds to `add`. If there are too many to read all, returns the first second
/// from which on they are complete.
///
/// # Errors
/// If they cannot be read.
pub async fn rows(
    output: &Stream,
    turbine: &TurbineId,
    features: &FeatureSet,
    seconds: Range<i64>,
    add: &mut dyn FnMut(PredictionRecord),
) -> Result<Option<i64>, ReadError> {
    let (messages, is_all) = newest(output, MAX_ROWS, vec![subject(Kind::Record, turbine)]).await?;
    let mut first = None;
    for received in &messages {
        let record = batches::row(received, features)?.1.record;
        // Rounds down, also before 1970.
        let second = record.timestamp.as_second() - i64::from(record.timestamp.subsec_nanosecond() < 0);
        first.get_or_insert(second);
        if seconds.contains(&second) {
            add(record);
        }
    }
    // The second of the first record may be incomplete.
    Ok(first.filter(|_| !is_all).map(|second| second + 1))
}

/// Outcome of one of the turbine's readings; `None` if it is not in the stream yet.
///
/// # Errors
/// If it cannot be read.
pub async fn outcome(
    output: &Stream,
    turbine: &TurbineId,
    place: Place,
    features: &FeatureSet,
) -> Result<Option<Outcome>, ReadError> {
    let subjects = [Kind::Record, Kind::Rejected].map(|kind| subject(kind, turbine));
    let (messages, _) = newest(output, MAX_LOOK, subjects.to_vec()).await?;
    for received in messages.iter().rev() {
        if received.message.subject.starts_with(Kind::Rejected.token()) {
            let RejectedRead { input, why } = json(received)?;
            if input == place {
                return Ok(Some(Outcome::Rejected(why)));
            }
        } else {
            let row = batches::row(received, features)?.1;
            if row.place == place {
                return Ok(Some(Outcome::Scored { record: row.record, smoothed: None }));
            }
        }
    }
    Ok(None)
}

async fn newest(output: &Stream, count: u64, subjects: Vec<String>) -> Result<(VecDeque<Received>, bool), ReadError> {
    let info = timeout(TIME_LIMIT, output.get_info()).await.map_err(ReadError::cluster)?;
    let last: Sequence = info.map_err(ReadError::cluster)?.state.last_sequence;
    newest_messages(output, count, last, subjects).await
}

/// The turbine's subject, with a wildcard for its partition.
fn subject(kind: Kind, turbine: &TurbineId) -> String {
    format!("{}.*.{turbine}", kind.token())
}
