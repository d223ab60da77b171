//! Applies the log of a park to its pipeline.

use super::{Park, empty_fleet};
use crate::alarms::Alarm;
use crate::committer::drift_event;
use crate::events::Event;
use crate::park::{Outcome, ParkBatch, ParkRow, ParkStanding};
use crate::pipeline::{Pipeline, Shared};
use jiff::Timestamp;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use turbine_core::feature::FeatureSet;
use turbine_core::model::Model;
use turbine_core::prediction::PredictionRecord;
use turbine_core::reading::TurbineId;

/// The pipeline as the reader of the log updates it.
pub struct Mirror(Pipeline);

/// The rows have other features than the model in service.
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

    /// Number of records that are compared with the training.
    pub fn drift_window(&self) -> usize {
        self.0.0.config.fleet.drift_window
    }

    /// Replaces the state of all turbines by that of the log.
    ///
    /// # Errors
    /// If the model in service has other features; then nothing is changed.
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
        park.is_read.store(true, Relaxed);
        shared.events.tell(Event::Restored);
        Ok(())
    }

    /// Applies a batch of the log: updates turbines, alarms and counters, emits events, and answers waiting requests.
    ///
    /// # Errors
    /// If the model in service has other features; then nothing is changed.
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

    /// Sets the reason why the state may be out of date, or `None` if it is current. Logs changes only.
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

    /// The state has to be restored again; until then no readings are handed in.
    pub fn forget(&self) {
        self.parts().1.is_read.store(false, Relaxed);
    }

    /// Overdue turbines: they are silent unless readings of theirs wait to be scored.
    pub fn unconfirmed_silences(&self) -> Vec<TurbineId> {
        let (shared, _) = self.parts();
        let Some(model) = shared.slot.model() else { return Vec::new() };
        shared.fleet.write().unconfirmed(model.monitor(), Timestamp::now())
    }

    /// Marks these turbines as silent: none of their readings waits to be scored.
    pub fn confirm_silences(&self, turbines: Vec<TurbineId>) {
        self.parts().0.fleet.write().confirm(turbines);
    }

    fn parts(&self) -> (&Shared, &Park) {
        let shared = &*self.0.0;
        (shared, shared.park.as_ref().expect("a mirror is made with a park"))
    }
}

/// The model in service, if it has these features.
fn serving(shared: &Shared, features: &FeatureSet) -> Result<Arc<Model>, OtherFeatures> {
    let model = shared.slot.model();
    model.filter(|model| model.features().names().eq(features.names())).ok_or(OtherFeatures)
}

/// Folds rows and alarms, and sends the outcomes; returns the changes of drift.
fn fold(shared: &Shared, park: &Park, rows: &[ParkRow], alarms: &[Arc<Alarm>], model: &Model) -> Vec<Event> {
    let mut drift = Vec::new();
    let mut history = shared.history.write();
    alarms.iter().for_each(|alarm| history.add(alarm));
    let mut fleet = shared.fleet.write();
    for ParkRow { place, record, turbine } in rows {
        // Only drift is used: changes of sensors and alarms are in the log.
        let folded = fleet.fold(record, None, model);
        drift.extend(folded.drift.into_iter().map(|change| drift_event(change, model)));
        // The log's state takes precedence: the workers may score with another model.
        if let Some(turbine) = turbine {
            fleet.put(record.turbine_id.clone(), turbine.clone());
        }
        if let Some(id) = &record.turbine_id {
            let is_logs = turbine.is_some() || record.model_version == *model.version();
            park.waiting.tell(id, *place, || {
                let state = fleet.turbine(&record.turbine_id).filter(|_| is_logs);
                let smoothed = state.map(|turbine| turbine.state().smoothed().collect());
                Outcome::Scored { record: record.clone(), smoothed }
            });
        }
    }
    drift
}
