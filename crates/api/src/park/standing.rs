//! What the stream `OUT` says of all turbines: the newest record of each, the newest records of all together, and the alarms
//! that were cleared last.

use super::batches::json;
use super::stop::Stop;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::stream::Stream;
use cluster::TIME_LIMIT;
use cluster::message::{Checkpoint, RecordRead, Sequence};
use cluster::reader::{ReadError, Reader, Received, last_checkpoint};
use cluster::streams::Streams;
use cluster::subject::Kind;
use futures_util::future::try_join_all;
use pipeline::alarms::Alarm;
use pipeline::fleet::Turbine;
use pipeline::park::ParkStanding;
use serde::Deserialize;
use std::collections::HashMap;
use tokio::time::{Instant, timeout, timeout_at};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// Past alarms that are read: as many as the pipeline keeps.
const PAST_ALARMS: u64 = 10_000;

/// An alarm is written when it is raised and when it is cleared.
const MESSAGES_OF_ALARM: u64 = 2;

/// What a record says of its turbine.
#[derive(Deserialize)]
struct State {
    turbine: Option<Turbine>,
}

/// How far the stream `OUT` was read.
pub struct Known {
    /// The last message that was taken in, which ends a batch.
    pub applied: Sequence,
    /// How far each partition was scored, by its number.
    pub inputs: HashMap<u32, Sequence>,
    /// The partition of each turbine.
    pub partitions: HashMap<TurbineId, u32>,
    /// Turbines whose newest record that was read comes behind `applied`, with its place.
    pub ahead: HashMap<TurbineId, Sequence>,
    /// When the stream was made: another of the same name is another stream.
    pub stream: String,
    /// The features of all records.
    pub features: FeatureSet,
}

/// Reads what there is, for a model of these features.
///
/// # Errors
/// If it cannot be read, or is of other features.
pub async fn read(
    streams: &Streams,
    features: &FeatureSet,
    drift_window: usize,
) -> Result<(ParkStanding, Known), Stop> {
    let output = &streams.output;
    let checkpoints = try_join_all((0..streams.partitions).map(|number| last_checkpoint(output, number))).await?;
    let mut known = Known {
        applied: 0,
        inputs: HashMap::new(),
        partitions: HashMap::new(),
        ahead: HashMap::new(),
        stream: made(output).await?,
        features: features.clone(),
    };
    let mut expected = 0;
    for (number, found) in (0..).zip(checkpoints) {
        let Some((sequence, checkpoint)) = found else { continue };
        check(&checkpoint, features)?;
        known.applied = known.applied.max(sequence);
        expected = expected.max(checkpoint.newest_record(sequence));
        known.inputs.insert(number, checkpoint.input);
    }
    let mut standing = ParkStanding::default();
    if expected > 0 {
        standing.turbines = turbines(output, expected, &mut known).await?;
        standing.newest = newest(output, known.applied, features, drift_window).await?;
    }
    if known.applied > 0 {
        standing.past_alarms = past_alarms(output, known.applied).await?;
    }
    Ok((standing, known))
}

/// Whether a checkpoint is of these features.
///
/// # Errors
/// If it is of others.
pub fn check(checkpoint: &Checkpoint, features: &FeatureSet) -> Result<(), Stop> {
    if checkpoint.features.iter().eq(features.names()) {
        return Ok(());
    }
    let expected = features.names().collect::<Vec<_>>().join(", ");
    Err(Stop::OtherFeatures { expected, found: checkpoint.features.join(", ") })
}

/// When a stream was made.
///
/// # Errors
/// If the cluster does not answer.
pub async fn made(stream: &Stream) -> Result<String, ReadError> {
    let info = timeout(TIME_LIMIT, stream.get_info()).await.map_err(ReadError::cluster)?;
    Ok(info.map_err(ReadError::cluster)?.created.to_string())
}

/// The newest state of each turbine, the one with the oldest record first. A node that is behind has not `expected` yet.
async fn turbines(output: &Stream, expected: Sequence, known: &mut Known) -> Result<Vec<(TurbineId, Turbine)>, Stop> {
    let mut reader = Reader::open(output, DeliverPolicy::LastPerSubject, vec![Kind::Record.subjects()]).await?;
    let (mut left, mut found) = (reader.pending, 0);
    let mut turbines = HashMap::new();
    while left > 0 || found < expected {
        let Ok(chunk) = timeout(TIME_LIMIT, reader.next()).await else {
            return Err(Stop::Behind { expected, found });
        };
        for received in chunk? {
            let (partition, id) = place(&received)?;
            left = left.saturating_sub(1);
            found = received.sequence;
            // A record that was written while this is read may not be the newest one of its turbine in its batch.
            let State { turbine: Some(turbine) } = json(&received)? else { continue };
            if found > known.applied {
                known.ahead.insert(id.clone(), found);
            }
            known.partitions.insert(id.clone(), partition);
            turbines.insert(id, (found, turbine));
        }
    }
    let mut turbines: Vec<_> = turbines.into_iter().collect();
    turbines.sort_unstable_by_key(|(_, (sequence, _))| *sequence);
    Ok(turbines.into_iter().map(|(id, (_, turbine))| (id, turbine)).collect())
}

/// The partition and the turbine of a record's subject.
///
/// # Errors
/// If it names none.
pub fn place(received: &Received) -> Result<(u32, TurbineId), ReadError> {
    let mut tokens = received.message.subject.splitn(3, '.').skip(1);
    let partition = tokens.next().and_then(|number| number.parse().ok());
    let partition = partition.ok_or_else(|| received.unreadable("its subject names no partition"))?;
    let id = tokens.next().unwrap_or_default().parse().map_err(|problem| received.unreadable(problem))?;
    Ok((partition, id))
}

/// The newest records of all turbines together, in order.
async fn newest(
    output: &Stream,
    last: Sequence,
    features: &FeatureSet,
    count: usize,
) -> Result<Vec<PredictionRecord>, Stop> {
    let (reader, _) = Reader::newest(count as u64, last, output, vec![Kind::Record.subjects()]).await?;
    let messages = up_to(reader, last).await?;
    let newest = &messages[messages.len().saturating_sub(count)..];
    let record = |received: &Received| {
        let record = json::<RecordRead>(received)?.record.into_record(features);
        record.map_err(|error| received.unreadable(error))
    };
    Ok(newest.iter().map(record).collect::<Result<_, ReadError>>()?)
}

/// The alarms that were cleared last, in order.
async fn past_alarms(output: &Stream, last: Sequence) -> Result<Vec<Alarm>, Stop> {
    let count = MESSAGES_OF_ALARM * PAST_ALARMS;
    let (reader, _) = Reader::newest(count, last, output, vec![Kind::Alarm.subjects()]).await?;
    let messages = up_to(reader, last).await?;
    let mut past = Vec::new();
    for received in &messages {
        let alarm: Alarm = json(received)?;
        if alarm.cleared.is_some() {
            past.push(alarm);
        }
    }
    Ok(past)
}

/// The messages that there are up to `last`.
///
/// # Errors
/// If they cannot be read.
pub async fn up_to(mut reader: Reader, last: Sequence) -> Result<Vec<Received>, ReadError> {
    let mut messages = Vec::new();
    while reader.pending > 0 {
        let until = Instant::now() + TIME_LIMIT;
        let chunk = timeout_at(until, reader.next()).await.map_err(ReadError::cluster)??;
        let is_last = chunk.last().is_some_and(|newest| newest.sequence >= last);
        messages.extend(chunk.into_iter().filter(|received| received.sequence <= last));
        if is_last {
            break;
        }
    }
    Ok(messages)
}
