//! The work on one partition: restore, read, judge, commit; and from the start after anything that was not expected.

use crate::batch::MAX_MESSAGES;
use crate::desk::Desk;
use crate::input::{self, Extent, Input};
use crate::interruption::Interruption;
use crate::output::{self, Chunk, Output};
use crate::rejected::Rejected;
use crate::restore::{Standing, restore};
use crate::telemetry::Telemetry;
use cluster::message::Sequence;
use cluster::reader::Reader;
use cluster::subject;
use jiff::Timestamp;
use pipeline::decode::{self, BadReadings};
use pipeline::{Batch, Partition};
use service::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};
use turbine_core::reading::{Reading, TurbineId};

/// How often it is looked for turbines that need attention.
const LOOK: Duration = Duration::from_secs(1);

/// Works on a partition until `stop`, which is heeded between two batches.
pub async fn follow(mut desk: Desk, partition: u32, stop: Shutdown) {
    let _owned = Owned::new(Arc::clone(&desk.telemetry), partition);
    while !stop.has_begun() {
        let Err(interruption) = work(&mut desk, partition, &stop).await else { break };
        desk.telemetry.interrupted(partition, &interruption);
        tokio::select! {
            () = tokio::time::sleep(interruption.back_off()) => {}
            () = stop.begun() => {}
        }
    }
}

/// Counts a partition as this worker's until it is dropped, also if its task is aborted.
struct Owned {
    telemetry: Arc<Telemetry>,
    partition: u32,
    take: u64,
}

impl Owned {
    fn new(telemetry: Arc<Telemetry>, partition: u32) -> Self {
        let take = telemetry.taken(partition);
        Owned { telemetry, partition, take }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.telemetry.given_back(self.partition, self.take);
    }
}

/// A partition as its last checkpoint has it, and what is behind that.
struct Restored {
    partition: Partition,
    standing: Standing,
    inputs: Reader,
}

async fn take_up(desk: &Desk, number: u32) -> Result<Restored, Interruption> {
    let Desk { streams, model, telemetry, .. } = desk;
    let started = Instant::now();
    let mut partition = Partition::new(Arc::clone(&telemetry.counters), telemetry.events.clone());
    let standing = restore(streams, number, &mut partition, model.features()).await?;
    compare_with_input(desk, number, standing.input).await?;
    let inputs = input::after(standing.input, &streams.input, number).await?;
    telemetry.restored(number, partition.len(), inputs.pending, started.elapsed());
    telemetry.lag(number, inputs.pending);
    Ok(Restored { partition, standing, inputs })
}

/// Works until `stop`, or until something that was not expected. A batch that is under way is not broken off: the server
/// would wait for its end.
async fn work(desk: &mut Desk, number: u32, stop: &Shutdown) -> Result<(), Interruption> {
    desk.take_model_in_service();
    let Restored { mut partition, standing, mut inputs } = tokio::select! {
        restored = take_up(desk, number) => restored?,
        () = stop.begun() => return Ok(()),
    };
    let mut output = Output::new(desk, number, standing, desk.model.features().clone());
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_input = standing.input;
    loop {
        let chunk = tokio::select! {
            chunk = inputs.next() => chunk?,
            _ = looks.tick() => {
                look(desk, number, &mut partition, &mut output, inputs.pending, last_input).await?;
                continue;
            }
            () = stop.begun() => return Ok(()),
        };
        last_input = chunk.last().map_or(last_input, |input| input.sequence);
        if !desk.take_model_in_service() {
            // The model changed before the partition had its first batch.
            return Err(Interruption::NewFeatures);
        }
        commit(desk, number, &mut partition, &mut output, &chunk).await?;
        desk.telemetry.lag(number, inputs.pending);
    }
}

/// Counts the turbines that need attention and, if no readings wait, publishes which fell silent.
async fn look(
    desk: &Desk,
    number: u32,
    partition: &mut Partition,
    output: &mut Output,
    pending: u64,
    last_input: Sequence,
) -> Result<(), Interruption> {
    let now = Timestamp::now();
    desk.telemetry.census(number, partition.census(&desk.model, now));
    if pending > 0 {
        return Ok(());
    }
    for silences in partition.silences(&desk.model, now, MAX_MESSAGES - 1) {
        let mut chunk = Chunk { output, accepted: &[], rejected: &[], last_input };
        partition.commit(silences, &mut chunk).await?;
    }
    Ok(())
}

/// Judges and commits readings; in halves if what they bring is too much for one batch.
async fn commit(
    desk: &Desk,
    number: u32,
    partition: &mut Partition,
    output: &mut Output,
    mut inputs: &[Input],
) -> Result<(), Interruption> {
    while let Some(last) = inputs.last() {
        let mut part = inputs;
        let mut judged = judge(desk, partition, part);
        while judged.messages() > MAX_MESSAGES && part.len() > 1 {
            part = &part[..part.len() / 2];
            judged = judge(desk, partition, part);
        }
        let last_input = part.last().unwrap_or(last).sequence;
        let Judged { batch, accepted, rejected } = judged;
        let mut chunk = Chunk { output, accepted: &accepted, rejected: &rejected, last_input };
        partition.commit(batch, &mut chunk).await?;
        desk.telemetry.committed(number, rejected.len());
        inputs = &inputs[part.len()..];
    }
    Ok(())
}

/// A chunk of readings, judged.
struct Judged {
    batch: Batch,
    accepted: Vec<Sequence>,
    rejected: Vec<Rejected>,
}

impl Judged {
    fn messages(&self) -> usize {
        output::messages(&self.batch, self.rejected.len())
    }
}

fn judge(desk: &Desk, partition: &Partition, inputs: &[Input]) -> Judged {
    let (mut readings, mut accepted, mut rejected) = (Vec::with_capacity(inputs.len()), Vec::new(), Vec::new());
    for input in inputs {
        match reading(desk, input) {
            Ok(reading) => {
                readings.push(reading);
                accepted.push(input.sequence);
            }
            Err(why) => {
                let turbine = subject::turbine(&input.message.subject).unwrap_or_default();
                rejected.push(Rejected::new(input.sequence, turbine, why, &input.message.payload));
            }
        }
    }
    Judged { batch: partition.judge(&desk.model, readings), accepted, rejected }
}

/// The reading of a message: of the turbine that its subject names and, if it does not say, of the time when it came.
fn reading(desk: &Desk, input: &Input) -> Result<Reading, BadReadings> {
    let name = subject::turbine(&input.message.subject).unwrap_or_default();
    let turbine: TurbineId = name
        .parse()
        .map_err(|problem| BadReadings::of_text(format!("the turbine {name:?} of the subject {problem}")))?;
    let reading = decode::reading(&input.message.payload, desk.model.features(), desk.missing)?;
    match reading.turbine_id() {
        Some(other) if *other != turbine => Err(BadReadings::of_text(format!(
            "turbine_id is {other}, and the reading was sent as one of {turbine}; send it to readings.{other}"
        ))),
        _ => Ok(reading.or_of(&turbine, input.received)),
    }
}

/// Compares a checkpoint with the readings in the stream, and logs a warning if some expired before they were scored.
///
/// # Errors
/// If the checkpoint is beyond the last reading.
async fn compare_with_input(desk: &Desk, number: u32, last_input: Sequence) -> Result<(), Interruption> {
    let Extent { first, last } = input::extent(&desk.streams.input).await?;
    if last_input > last {
        return Err(Interruption::InputBehind { checkpoint: last_input, last });
    }
    if last_input > 0 && last_input + 1 < first {
        // Of a partition that had no readings for so long none is lost.
        tracing::warn!(
            partition = number,
            last_input,
            first,
            "readings behind the checkpoint have expired; those of this partition among them were not scored"
        );
    }
    Ok(())
}
