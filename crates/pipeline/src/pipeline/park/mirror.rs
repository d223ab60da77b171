//! Keeps a pipeline up with the log of its park.

use super::{Park, empty_fleet};
use crate::alarms::Alarm;
use crate::committer::drift_event;
use crate::events::Event;
use crate::park::{Outcome, ParkBatch, ParkRow, ParkStanding};
use crate::pipeline::{Pipeline, Shared};
use jiff::Timestamp;
use std::sync::{Arc, PoisonError};
use turbine_core::feature::FeatureSet;
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// What the reader of the log tells the pipeline.
pub struct Mirror(Pipeline);

/// The rows are not of the features of the model that is in service now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherFeatures;

impl Mirror {
    pub(super) fn new(pipeline: Pipeline) -> Self {
        Mirror(pipeline)
    }

    /// The model in service.
    pub fn model(&self) -> Option<Arc<Model>> {
        self.0.slot().model()
    }

    /// How many records of a standing are compared with the training.
    pub fn drift_window(&self) -> usize {
        self.0.0.config.fleet.drift_window
    }

    /// Puts what the log says of all turbines in the place of what was known.
    ///
    /// # Errors
    /// If it is of other features than the model in service; nothing has changed then.
    pub fn restore(&self, standing: ParkStanding, features: &FeatureSet) -> Result<(), OtherFeatures> {
        let (shared, park) = self.parts();
        let _folding = park.folding();
        let model = serving(shared, features)?;
        let ParkStanding { turbines, newest, past_alarms } = standing;
        let mut fleet = empty_fleet(&shared.config);
        newest.iter().for_each(|record| fleet.fold_drift(record, &model));
        turbines.into_iter().for_each(|(id, turbine)| fleet.put(Some(id), turbine));
        let last =
            |(id, turbine): (&Option<TurbineId>, &crate::fleet::Turbine)| Some((id.clone(), turbine.last_reading()?));
        shared.histories.begin_anew();
        shared.histories.begin(fleet.latest(u64::MAX).filter_map(last));
        let mut history = shared.history.write();
        *history = crate::alarms::History::default();
        past_alarms.into_iter().for_each(|alarm| history.add(&Arc::new(alarm)));
        let mut known = shared.fleet.write();
        *known = fleet.with_confirmed_silence(&known);
        drop(known);
        drop(history);
        shared.events.tell(Event::Restored);
        Ok(())
    }

    /// Takes in a batch of the log: the turbines' state, alarms, events, counters, and those who wait for the outcome.
    ///
    /// # Errors
    /// If it is of other features than the model in service; nothing has changed then.
    pub fn take_in(&self, batch: ParkBatch, features: &FeatureSet) -> Result<(), OtherFeatures> {
        let (shared, park) = self.parts();
        let _folding = park.folding();
        let model = serving(shared, features)?;
        let ParkBatch { rows, alarms, events, rejected } = batch;
        let alarms: Vec<Arc<Alarm>> = alarms.into_iter().map(Arc::new).collect();
        let drift = fold(shared, park, &rows, &alarms, &model);
        let records: Vec<&PredictionRecord> = rows.iter().map(|row| &row.record).collect();
        records.iter().for_each(|record| shared.counters.count_logged(record, &model));
        shared.watched.take_in(&records);
        shared.histories.take_in(&records, true);
        for (turbine, place, why) in rejected {
            park.waiting.tell(&turbine, place, || Outcome::Rejected(why));
        }
        let of_alarm = |alarm: Arc<Alarm>| match alarm.cleared {
            Some(_) => Event::AlarmCleared(alarm),
            None => Event::AlarmRaised(alarm),
        };
        for event in events.into_iter().chain(drift).chain(alarms.into_iter().map(of_alarm)) {
            shared.notice(event);
        }
        Ok(())
    }

    /// Notes why what is known may be out of date, or that it is not. Says so once.
    pub fn set_problem(&self, problem: Option<String>) {
        let (_, park) = self.parts();
        let mut known = park.problem.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() != problem.as_deref() {
            match &problem {
                Some(problem) => tracing::error!("what is shown may be out of date: {problem}"),
                None => tracing::info!("following the records of the cluster"),
            }
        }
        *known = problem.map(Into::into);
    }

    /// The turbines of which no reading has been known for so long that they would be silent, if none waits to be scored.
    pub fn unconfirmed_silences(&self) -> Vec<TurbineId> {
        let (shared, _) = self.parts();
        let Some(model) = shared.slot.model() else { return Vec::new() };
        shared.fleet.write().unconfirmed(model.monitor(), Timestamp::now())
    }

    /// No readings of these turbines wait to be scored, so they are silent.
    pub fn confirm_silences(&self, turbines: Vec<TurbineId>) {
        self.parts().0.fleet.write().confirm(turbines);
    }

    fn parts(&self) -> (&Shared, &Park) {
        let shared = &*self.0.0;
        (shared, shared.park.as_ref().expect("a mirror is made with a park"))
    }
}

/// The model in service, which has these features.
fn serving(shared: &Shared, features: &FeatureSet) -> Result<Arc<Model>, OtherFeatures> {
    let model = shared.slot.model();
    model.filter(|model| model.features().names().eq(features.names())).ok_or(OtherFeatures)
}

/// Takes rows and alarms in, and tells the outcomes; gives the changes of drift.
fn fold(shared: &Shared, park: &Park, rows: &[ParkRow], alarms: &[Arc<Alarm>], model: &Model) -> Vec<Event> {
    let mut drift = Vec::new();
    let mut history = shared.history.write();
    alarms.iter().for_each(|alarm| history.add(alarm));
    let mut fleet = shared.fleet.write();
    for ParkRow { place, record, turbine } in rows {
        // What it changed of sensors and alarms is told by the log.
        let folded = fleet.fold(record, None, model);
        drift.extend(folded.drift.into_iter().map(|change| drift_event(change, model)));
        if let Some(id) = &record.turbine_id {
            park.waiting.tell(id, *place, || {
                let state = fleet.turbine(&record.turbine_id).map(|turbine| turbine.state().smoothed().collect());
                Outcome::Scored { record: record.clone(), smoothed: state }
            });
        }
        // The log's own word, also where its model is another than this one.
        if let Some(turbine) = turbine {
            fleet.put(record.turbine_id.clone(), turbine.clone());
        }
    }
    drift
}
