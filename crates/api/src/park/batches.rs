//! Groups the messages of the stream `OUT` into the batches in which they were written.

use cluster::message::{Checkpoint, RowRead, Sequence};
use cluster::reader::{ReadError, Received};
use cluster::subject::{self, Kind};
use pipeline::decode::BadReadings;
use pipeline::events::Event;
use pipeline::fleet::Turbine;
use pipeline::park::{ParkBatch, ParkRow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use turbine_core::feature::FeatureSet;
use turbine_core::reading::TurbineId;

/// A reading that was rejected, as a worker wrote it.
#[derive(Deserialize)]
pub struct RejectedRead {
    /// The reading's sequence in the stream `IN`.
    pub input: Sequence,
    /// Its faults.
    #[serde(flatten)]
    pub why: BadReadings,
}

/// The checkpoint that ends a batch.
pub struct End {
    /// Its partition.
    pub partition: u32,
    /// Its sequence in the stream `OUT`.
    pub sequence: Sequence,
    /// Its content.
    pub checkpoint: Checkpoint,
}

/// Parses a message as JSON.
///
/// # Errors
/// If its content is not a `T`.
pub fn json<T: DeserializeOwned>(received: &Received) -> Result<T, ReadError> {
    serde_json::from_slice(&received.message.payload).map_err(|error| received.unreadable(error))
}

/// Parses a record of these features; returns its turbine too.
///
/// # Errors
/// If the message is not a record, has other features, or names no turbine.
pub fn row(received: &Received, features: &FeatureSet) -> Result<(TurbineId, ParkRow), ReadError> {
    let RowRead { input, record, turbine } = json::<RowRead<Turbine>>(received)?;
    let record = record.into_record(features).map_err(|error| received.unreadable(error))?;
    let Some(id) = record.turbine_id.clone() else { return Err(received.unreadable("it names no turbine")) };
    Ok((id, ParkRow { place: input, record, turbine }))
}

/// The kind of a message; `None` for a checkpoint.
fn kind(received: &Received) -> Option<Kind> {
    let token = received.message.subject.split('.').next().unwrap_or_default();
    Kind::ALL.into_iter().find(|kind| kind.token() == token)
}

/// Adds a message to a batch; returns the checkpoint if it ends the batch. Records for which `is_known` is true are
/// skipped.
///
/// # Errors
/// If the message cannot be read.
pub fn add(
    batch: &mut ParkBatch,
    received: &Received,
    features: &FeatureSet,
    is_known: impl Fn(&TurbineId, Sequence) -> bool,
) -> Result<Option<End>, ReadError> {
    match kind(received) {
        Some(Kind::Record) => {
            let (id, row) = row(received, features)?;
            if !is_known(&id, received.sequence) {
                batch.rows.push(row);
            }
        }
        Some(Kind::Alarm) => batch.alarms.push(json(received)?),
        Some(Kind::Event) => {
            let event = Event::of_sensor(&received.message.payload).map_err(|error| received.unreadable(error))?;
            batch.events.extend(event);
        }
        Some(Kind::Rejected) => {
            let RejectedRead { input, why } = json(received)?;
            // Rejected readings may have an invalid turbine id; no request here waits for those.
            if let Some(Ok(id)) = subject::turbine(&received.message.subject).map(str::parse::<TurbineId>) {
                batch.rejected.push((id, input, why));
            }
        }
        None => {
            let partition = received.message.subject.rsplit('.').next().and_then(|number| number.parse().ok());
            let partition = partition.ok_or_else(|| received.unreadable("its subject names no partition"))?;
            return Ok(Some(End { partition, sequence: received.sequence, checkpoint: json(received)? }));
        }
    }
    Ok(None)
}
