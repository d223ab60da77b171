//! The turbines of one partition of a park, whose log is not a file: it takes batches whole or not at all, each with the
//! state of the turbines after it.
//!
//! The steps are those of the [`Pipeline`](crate::Pipeline): check → score → the turbine's state → log → count → tell. Here
//! the state and the events of a batch are worked out before it is logged, since they are logged with it; they count from
//! when the log has them. A partition is restored by reading the newest state of each of its turbines.

use crate::alarms::History;
use crate::committer::{Arrivals, Judge, news};
use crate::counters::Counters;
use crate::events::{Event, Events};
use crate::fleet::{Census, Fleet, Turbine};
use crate::pipeline::Silences;
use crate::submission::Submission;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::{Reading, TurbineId};

/// Judged readings on their way into the log, with what they change.
#[derive(Debug, Clone)]
pub struct Batch {
    /// One record a reading, in order.
    pub records: Vec<PredictionRecord>,
    /// What the readings changed, in order: sensors and alarms.
    pub events: Vec<Event>,
    /// The turbines of the records, each after its last one: the fold over all of its records.
    turbines: HashMap<Option<TurbineId>, Turbine>,
    model: Arc<Model>,
}

impl Batch {
    fn new(records: Vec<PredictionRecord>, events: Vec<Event>, model: &Arc<Model>) -> Self {
        Batch { records, events, turbines: HashMap::new(), model: Arc::clone(model) }
    }

    /// The records in order, each turbine's last one with what is known of the turbine after it. A log that keeps both whole
    /// has the newest state of every turbine beside its newest record.
    pub fn with_turbines(&self) -> impl Iterator<Item = (&PredictionRecord, Option<&Turbine>)> {
        let places = self.records.iter().enumerate().map(|(place, record)| (&record.turbine_id, place));
        let last: HashMap<_, _> = places.collect();
        self.records.iter().enumerate().map(move |(place, record)| {
            let is_last = last.get(&record.turbine_id) == Some(&place);
            (record, self.turbines.get(&record.turbine_id).filter(|_| is_last))
        })
    }
}

/// Where the batches of a partition go.
pub trait BatchLog {
    /// Why a batch is not in the log, or may not be.
    type Fault;

    /// Appends a batch whole or not at all, and returns when it is as safe as the log promises.
    ///
    /// # Errors
    /// If it is not in the log, or if that is unknown. What is known of the partition is then to be dropped and restored
    /// from the log.
    fn append(&mut self, batch: &Batch) -> impl Future<Output = Result<(), Self::Fault>> + Send;
}

/// What is known of the turbines of one partition.
pub struct Partition {
    fleet: Fleet,
    /// What was found when silent turbines were looked for last.
    silences: Option<Silences>,
    counters: Arc<Counters>,
    events: Events,
}

impl Partition {
    /// A partition of which nothing is known yet; its batches are counted and its events told there.
    pub fn new(counters: Arc<Counters>, events: Events) -> Self {
        Partition { fleet: Fleet::unbounded(1), silences: None, counters, events }
    }

    /// Takes up what the log has of a turbine beside its newest record: see [`Batch::with_turbines`].
    pub fn restore(&mut self, turbine_id: TurbineId, turbine: Turbine) {
        self.fleet.put(Some(turbine_id), turbine);
    }

    /// How many turbines are known.
    pub fn len(&self) -> usize {
        self.fleet.len()
    }

    /// Whether no turbine is known.
    pub fn is_empty(&self) -> bool {
        self.fleet.is_empty()
    }

    /// Judges readings that were checked against the features of `model`. Changes nothing.
    ///
    /// # Panics
    /// If a reading was checked against other features.
    pub fn judge(&self, model: &Arc<Model>, readings: Vec<Reading>) -> Batch {
        let submission = Submission::score(Arc::clone(model), readings);
        let judged = Judge::new(&self.fleet, Arrivals::begin()).all(submission);
        let mut batch = Batch::new(Vec::with_capacity(judged.len()), Vec::new(), model);
        for judged in judged {
            let record = judged.answered.record;
            let known = |id: &Option<TurbineId>| self.fleet.turbine(id).cloned().unwrap_or_default();
            let turbine = batch.turbines.entry(record.turbine_id.clone()).or_insert_with_key(known);
            let folded = turbine.take_in(&record, model.monitor());
            if folded.is_news() {
                batch.events.extend(news(folded, &record, model, &History::default()));
            }
            batch.records.push(record);
        }
        batch
    }

    /// The turbines that fell silent or were heard again since this was asked last, as batches of up to `most` events and no
    /// records. To be asked only when no readings wait, since those that wait break a silence. The first answer is empty:
    /// what is silent then was so before.
    pub fn silences(&mut self, model: &Arc<Model>, now: Timestamp, most: usize) -> Vec<Batch> {
        let (found, events) = Silences::look(self.silences.take(), &self.fleet, model.monitor(), now);
        self.silences = found;
        let batch = |events: &[Event]| Batch::new(Vec::new(), events.to_vec(), model);
        events.chunks(most).map(batch).collect()
    }

    /// Counts the turbines that need attention at this time.
    pub fn census(&self, model: &Model, now: Timestamp) -> Census {
        self.fleet.census(model.monitor(), now)
    }

    /// Appends a batch to the log and takes it in: the turbines' state, the counters, the events.
    ///
    /// # Errors
    /// As [`BatchLog::append`]; nothing was taken in.
    pub async fn commit<L: BatchLog>(&mut self, batch: Batch, log: &mut L) -> Result<(), L::Fault> {
        log.append(&batch).await?;
        let Batch { records, events, turbines, model } = batch;
        records.iter().for_each(|record| self.counters.count_logged(record, &model));
        turbines.into_iter().for_each(|(id, turbine)| self.fleet.put(id, turbine));
        for event in events {
            self.counters.notice(&event);
            event.log();
            self.events.tell(event);
        }
        Ok(())
    }
}
