//! Reads the state of all turbines from the stream `OUT`: the newest record of each turbine, the newest records
//! overall, and the alarms that were cleared last.

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
use std::collections::{HashMap, VecDeque};
use tokio::time::{Instant, timeout, timeout_at};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// Number of past alarms to read: as many as the pipeline keeps.
const PAST_ALARMS: u64 = 10_000;

/// An alarm is written when it is raised and when it is cleared.
const MESSAGES_OF_ALARM: u64 = 2;

/// The turbine's state in a record.
#[derive(Deserialize)]
struct State {
    turbine: Option<Turbine>,
}

/// Progress in the stream `OUT`.
pub struct Known {
    /// Sequence of the last message that was applied; it ends a batch.
    pub applied: Sequence,
    /// Sequence in `IN` of the last reading that was scored or rejected, by partition.
    pub inputs: HashMap<u32, Sequence>,
    /// The partition of each turbine.
    pub partitions: HashMap<TurbineId, u32>,
    /// Turbines whose state is newer than `applied`, with the sequence of its record.
    pub ahead: HashMap<TurbineId, Sequence>,
    /// Creation time of the stream; it changes if the stream is deleted and recreated.
    pub stream: String,
    /// The features of all records.
    pub features: FeatureSet,
}

/// Reads the state of all turbines, for a model of these features.
///
/// # Errors
/// If the stream cannot be read, or has other features.
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

/// Checks that a checkpoint has these features.
///
/// # Errors
/// If it has others.
pub fn check(checkpoint: &Checkpoint, features: &FeatureSet) -> Result<(), Stop> {
    let misfit = checkpoint.other_features(features);
    misfit.map_or(Ok(()), |(expected, found)| Err(Stop::OtherFeatures { expected, found }))
}

/// Creation time of a stream.
///
/// # Errors
/// If the cluster does not answer.
pub async fn made(stream: &Stream) -> Result<String, ReadError> {
    let info = timeout(TIME_LIMIT, stream.get_info()).await.map_err(ReadError::cluster)?;
    Ok(info.map_err(ReadError::cluster)?.created.to_string())
}

/// The newest state of each turbine, the one with the oldest record first. Fails if the node lags and does not have the
/// record `expected` yet.
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
            // Only a turbine's last record of a batch has state; records written during this read may be earlier ones.
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

/// The partition and the turbine in a record's subject.
///
/// # Errors
/// If the subject lacks either.
pub fn place(received: &Received) -> Result<(u32, TurbineId), ReadError> {
    let mut tokens = received.message.subject.splitn(3, '.').skip(1);
    let partition = tokens.next().and_then(|number| number.parse().ok());
    let partition = partition.ok_or_else(|| received.unreadable("its subject names no partition"))?;
    let id = tokens.next().unwrap_or_default().parse().map_err(|problem| received.unreadable(problem))?;
    Ok((partition, id))
}

/// The newest `count` records of all turbines, in order.
async fn newest(
    output: &Stream,
    last: Sequence,
    features: &FeatureSet,
    count: usize,
) -> Result<Vec<PredictionRecord>, Stop> {
    let (messages, _) = newest_messages(output, count as u64, last, vec![Kind::Record.subjects()]).await?;
    let record = |received: &Received| {
        let record = json::<RecordRead>(received)?.record.into_record(features);
        record.map_err(|error| received.unreadable(error))
    };
    Ok(messages.iter().map(record).collect::<Result<_, ReadError>>()?)
}

/// The alarms that were cleared last, in order.
async fn past_alarms(output: &Stream, last: Sequence) -> Result<Vec<Alarm>, Stop> {
    let count = MESSAGES_OF_ALARM * PAST_ALARMS;
    let (messages, _) = newest_messages(output, count, last, vec![Kind::Alarm.subjects()]).await?;
    let mut past = Vec::new();
    for received in &messages {
        let alarm: Alarm = json(received)?;
        if alarm.cleared.is_some() {
            past.push(alarm);
        }
    }
    Ok(past)
}

/// The newest messages of these subjects up to sequence `last`, at most `count`; true if there are no older ones.
///
/// # Errors
/// If they cannot be read.
pub async fn newest_messages(
    output: &Stream,
    count: u64,
    last: Sequence,
    subjects: Vec<String>,
) -> Result<(VecDeque<Received>, bool), ReadError> {
    let (mut reader, mut is_all) = Reader::newest(count, last, output, subjects).await?;
    let mut messages = VecDeque::new();
    while reader.pending > 0 {
        let until = Instant::now() + TIME_LIMIT;
        let chunk = timeout_at(until, reader.next()).await.map_err(ReadError::cluster)??;
        let is_last = chunk.last().is_some_and(|newest| newest.sequence >= last);
        messages.extend(chunk.into_iter().filter(|received| received.sequence <= last));
        while messages.len() as u64 > count {
            messages.pop_front();
            is_all = false;
        }
        if is_last {
            break;
        }
    }
    Ok((messages, is_all))
}
