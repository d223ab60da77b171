//! The log of a partition: atomic batches to the stream `OUT`, each behind the fence of the checkpoint before it.

use crate::batch;
use crate::desk::Desk;
use crate::interruption::Interruption;
use crate::rejected::Rejected;
use crate::restore::Standing;
use cluster::Cluster;
use cluster::message::{self, Checkpoint, Sequence};
use cluster::subject::{self, Kind};
use pipeline::events::Event;
use pipeline::{Batch, BatchLog, Happening};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use turbine_core::feature::FeatureSet;
use turbine_core::reading::TurbineId;

/// The log of one partition.
pub struct Output {
    cluster: Cluster,
    partition: u32,
    standing: Standing,
    worker: String,
    features: FeatureSet,
    batches: Arc<AtomicU64>,
}

/// What a chunk of readings brings besides its judged readings.
pub struct Chunk<'a> {
    /// The log.
    pub output: &'a mut Output,
    /// The places of the judged readings in the stream `IN`.
    pub accepted: &'a [Sequence],
    /// The others.
    pub rejected: &'a [Rejected],
    /// The last reading of the chunk.
    pub last_input: Sequence,
}

/// How many messages a chunk takes: its readings, alarms and events, and the checkpoint.
pub fn messages(batch: &Batch, rejected: usize) -> usize {
    batch.records.len() + batch.events.len() + rejected + 1
}

impl Output {
    /// The log of a partition that stands there, for batches with records of these features.
    pub fn new(desk: &Desk, partition: u32, standing: Standing, features: FeatureSet) -> Self {
        let Desk { cluster, worker, batches, .. } = desk;
        let (cluster, worker, batches) = (cluster.clone(), worker.to_string(), Arc::clone(batches));
        Output { cluster, partition, standing, worker, features, batches }
    }

    fn checkpoint(&self, input: Sequence, has_records: bool) -> Checkpoint {
        Checkpoint {
            input,
            newest_record: (!has_records).then_some(self.standing.newest_record),
            features: self.features.names().map(str::to_owned).collect(),
            worker: self.worker.clone(),
        }
    }

    /// Sends the messages, and waits until all of them are in the stream.
    async fn publish(&mut self, messages: Vec<batch::Message>, checkpoint: &Checkpoint) -> Result<(), Interruption> {
        let id = format!("{}-{}", self.worker, self.batches.fetch_add(1, Ordering::Relaxed));
        let last = (subject::checkpoint(self.partition), message::json(checkpoint));
        self.standing.fence = batch::publish(&self.cluster, &id, messages, last, self.standing.fence).await?;
        Ok(())
    }
}

impl BatchLog for Chunk<'_> {
    type Fault = Interruption;

    async fn append(&mut self, batch: &Batch) -> Result<(), Interruption> {
        let partition = self.output.partition;
        let name = |kind: Kind, turbine: Option<&TurbineId>| kind.of(partition, TurbineId::name(turbine));
        let mut messages = Vec::with_capacity(batch.records.len() + batch.events.len() + self.rejected.len());
        for rejected in self.rejected {
            messages.push((Kind::Rejected.of(partition, &rejected.turbine), message::json(rejected)));
        }
        for event in &batch.events {
            if let Event::AlarmRaised(alarm) | Event::AlarmCleared(alarm) = event {
                messages.push((name(Kind::Alarm, alarm.turbine_id.as_ref()), message::json(&**alarm)));
            } else if let Some(happening) = Happening::of(event) {
                messages.push((name(Kind::Event, happening.turbine_id()), message::json(&happening)));
            }
        }
        // The records come last, so that the newest one is just before the checkpoint.
        for (&input, (record, turbine)) in self.accepted.iter().zip(batch.with_turbines()) {
            let subject = name(Kind::Record, record.turbine_id.as_ref());
            messages.push((subject, message::record(input, record, turbine, &self.output.features)));
        }
        let checkpoint = self.output.checkpoint(self.last_input, !batch.records.is_empty());
        self.output.publish(messages, &checkpoint).await?;
        self.output.standing.input = self.last_input;
        self.output.standing.newest_record = checkpoint.newest_record(self.output.standing.fence);
        Ok(())
    }
}
