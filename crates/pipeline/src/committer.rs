//! One batch: from scored readings to rows of the log, and from those to the turbines' state.

use crate::alarms::{Alarm, Alarms, History, Known};
use crate::counters::Counters;
use crate::events::{Event, Events};
use crate::fleet::{DriftChange, Fingerprint, Fleet, Folded, Snapshot, Verdict};
use crate::group_commit::Commit;
use crate::history::Histories;
use crate::lifecycle::ShadowSlot;
use crate::prediction_log::{LogFault, RecordLog};
use crate::submission::{Answered, Submission};
use crate::watched::Watched;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use turbine_core::alarm_log::{ActionKind, AlarmAction, AlarmId, CommentText, PersonName};
use turbine_core::feature::{FeatureSet, MAX_FEATURES};
use turbine_core::model::{Model, Observation};
use turbine_core::monitor::TurbineState;
use turbine_core::prediction::{Prediction, PredictionRecord, Watch};
use turbine_core::reading::{Reading, TurbineId};

/// After how many rows the turbines' state is written again: a start reads no more rows than that, and those of the
/// window of repeated readings.
const SNAPSHOT_ROWS: u64 = 100_000;

/// The turbines' state, read by all and changed by the committer alone. Its lock is taken after that of
/// [`SharedHistory`](crate::alarms::SharedHistory), and no further one while it is held.
#[derive(Clone)]
pub(crate) struct SharedFleet(Arc<RwLock<Fleet>>);

impl SharedFleet {
    pub(crate) fn new(fleet: Fleet) -> Self {
        SharedFleet(Arc::new(RwLock::new(fleet)))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Fleet> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Fleet> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What commits readings, one batch at a time.
pub(crate) struct Committer {
    pub(crate) log: Box<dyn RecordLog>,
    pub(crate) log_path: PathBuf,
    pub(crate) features: FeatureSet,
    pub(crate) fleet: SharedFleet,
    pub(crate) alarms: Alarms,
    /// Rows are answered before they are in the log: alarms are written when maintenance has written the rows.
    pub(crate) rows_are_buffered: bool,
    pub(crate) counters: Arc<Counters>,
    pub(crate) events: Events,
    pub(crate) watched: Watched,
    pub(crate) histories: Histories,
    pub(crate) shadow: ShadowSlot,
    pub(crate) rows_since_snapshot: u64,
    pub(crate) arrivals: Arrivals,
}

/// The answers to the readings of one submission; `None` if the log is no longer one of its model's features.
pub(crate) type Receipt = Option<Vec<Answered>>;

/// An answer, and the fingerprint of its reading if that could come again.
pub(crate) struct Judged {
    pub(crate) answered: Answered,
    fingerprint: Option<Fingerprint>,
}

impl Commit for Committer {
    type Item = Submission;
    type Receipt = Receipt;
    type Fault = LogFault;

    fn commit(&mut self, submissions: Vec<Submission>) -> Result<Vec<Receipt>, LogFault> {
        let models: Vec<Arc<Model>> = submissions.iter().map(|submission| Arc::clone(&submission.model)).collect();
        let knows_all;
        let judged: Vec<Option<Vec<Judged>>> = {
            let fleet = self.fleet.read();
            knows_all = fleet.is_complete();
            let mut judge = Judge::new(&fleet, self.arrivals.until_now());
            let fits = |submission: &Submission| submission.model.features().names().eq(self.features.names());
            let judged =
                submissions.into_iter().map(|submission| fits(&submission).then(|| judge.all(submission))).collect();
            self.arrivals = judge.arrivals;
            judged
        };
        let new = || {
            judged.iter().zip(&models).flat_map(|(judged, model)| {
                judged.iter().flatten().filter(|judged| !judged.answered.duplicate).map(move |judged| (judged, model))
            })
        };
        let rows: Vec<&PredictionRecord> = new().map(|(judged, _)| &judged.answered.record).collect();
        if !rows.is_empty() {
            self.log.append(&rows)?;
        }
        let events = self.fold(new());
        if !self.rows_are_buffered {
            self.alarms.flush_after_commit();
        }
        for (judged, model) in new() {
            self.counters.count_logged(&judged.answered.record, model);
        }
        self.counters.duplicates.inc_by((judged.iter().flatten().flatten().count() - rows.len()) as u64);
        self.watched.take_in(&rows);
        self.histories.take_in(&rows, knows_all);
        self.shadow.take_in(&rows);
        for event in events {
            self.counters.notice(&event);
            event.log();
            self.events.tell(event);
        }
        self.rows_since_snapshot += rows.len() as u64;
        if self.rows_since_snapshot >= SNAPSHOT_ROWS {
            self.write_snapshot();
        }
        let answers = |judged: Vec<Judged>| judged.into_iter().map(|judged| judged.answered).collect();
        Ok(judged.into_iter().map(|judged| judged.map(answers)).collect())
    }

    fn maintain(&mut self) -> Result<(), LogFault> {
        self.log.maintain()?;
        self.alarms.flush();
        Ok(())
    }

    fn close(&mut self) -> Result<(), LogFault> {
        self.log.close()?;
        self.alarms.flush();
        if let Some(save) = self.snapshot() {
            save();
        }
        Ok(())
    }
}

impl Committer {
    /// Sets the log aside and begins anew, with other features and turbines of which nothing is known.
    pub(crate) fn begin_anew(&mut self, features: &FeatureSet, fleet: Fleet) -> Result<(), LogFault> {
        self.log.begin_anew(features)?;
        self.features = features.clone();
        self.alarms.begin_anew();
        self.histories.begin_anew();
        *self.fleet.write() = fleet;
        self.rows_since_snapshot = 0;
        Ok(())
    }

    /// Keeps what somebody did with an alarm, and says how the alarm is now; `None` if it is not known.
    ///
    /// # Errors
    /// If it cannot be written; then nothing was done.
    pub(crate) fn handle(
        &mut self,
        id: &AlarmId,
        (kind, by, comment): (ActionKind, PersonName, Option<CommentText>),
        model: &Model,
    ) -> Result<Option<Arc<Alarm>>, LogFault> {
        let Some(alarm) = self.known(id) else { return Ok(None) };
        // The rows of the log and of the file of alarms that the alarm comes from are written first.
        self.maintain()?;
        let at = self.arrivals.until_now().0;
        let action = AlarmAction { kind, by, at, comment };
        let handling = self.alarms.handle(id, action.clone())?;
        tracing::info!(alarm = %id, by = %action.by, action = kind.event(), "alarm handled");
        let alarm = alarm.explained(model, handling);
        self.events.tell(Event::AlarmHandled(Arc::clone(&alarm)));
        Ok(Some(alarm))
    }

    fn known(&self, id: &AlarmId) -> Option<Known> {
        let history = self.alarms.history().read();
        let fleet = self.fleet.read();
        let running = fleet.turbine(&id.turbine_id).and_then(|turbine| turbine.alarm(&id.turbine_id));
        match running.filter(|alarm| alarm.alarm.raised == id.raised) {
            Some(alarm) => Some(Known::Running(alarm)),
            None => history.past(id),
        }
    }

    /// Takes rows that are in the log into the turbines' state. Alarms that they raise or clear are listed from now on, and
    /// written by the next flush.
    fn fold<'a>(&mut self, rows: impl Iterator<Item = (&'a Judged, &'a Arc<Model>)>) -> Vec<Event> {
        let history = self.alarms.history().clone();
        let mut history = history.write();
        let mut noticed = Vec::new();
        let mut fleet = self.fleet.write();
        for (judged, model) in rows {
            let record = &judged.answered.record;
            let folded = fleet.fold(record, judged.fingerprint, model);
            if folded.is_news() {
                noticed.push((folded, record, model));
            }
        }
        drop(fleet);
        let events = noticed.into_iter().flat_map(|(folded, record, model)| news(folded, record, model, &history));
        let events: Vec<Event> = events.collect();
        for event in &events {
            if let Event::AlarmRaised(alarm) | Event::AlarmCleared(alarm) = event {
                self.alarms.add(&mut history, alarm);
            }
        }
        events
    }

    fn write_snapshot(&mut self) {
        if let Some(save) = self.snapshot() {
            self.rows_since_snapshot = 0;
            tokio::task::spawn_blocking(save);
        }
    }

    /// The state as it is now, to be saved; nothing if the log is in no state to be read on from, or alarms are still to be
    /// written: a start from the snapshot would not write them.
    fn snapshot(&self) -> Option<impl FnOnce() + Send + 'static> {
        let position = self.log.position()?;
        let alarm_rows = self.alarms.settled_rows()?;
        let snapshot = Snapshot::of(&self.fleet.read(), &self.features, position, alarm_rows);
        let log_path = self.log_path.clone();
        Some(move || {
            if let Err(error) = snapshot.save(&log_path) {
                let path = Snapshot::path(&log_path);
                tracing::warn!("cannot write the snapshot {}: {error}; a start will read the log", path.display());
            }
        })
    }
}

/// What a row changed, as events.
pub(crate) fn news(folded: Folded, record: &PredictionRecord, model: &Model, history: &History) -> Vec<Event> {
    let named = |place: usize| model.features().names().nth(place).unwrap_or_default().to_owned();
    let turbine_id = || record.turbine_id.clone();
    let stuck = folded.step.newly_stuck.iter();
    let stuck = stuck.map(|place| Event::SensorStuck { turbine_id: turbine_id(), feature: named(place) });
    let released = folded.step.released.iter();
    let released = released.map(|place| Event::SensorReleased { turbine_id: turbine_id(), feature: named(place) });
    let missing = folded.step.newly_missing.iter();
    let missing = missing.map(|place| Event::SensorMissing { turbine_id: turbine_id(), feature: named(place) });
    let returned = folded.step.returned.iter();
    let returned = returned.map(|place| Event::SensorReturned { turbine_id: turbine_id(), feature: named(place) });
    let drift = folded.drift.into_iter().map(|change| drift_event(change, model));
    let alarms = folded.alarms.into_iter().map(|alarm| {
        let handling = history.handling(&alarm.alarm_id());
        let alarm = Arc::new(Alarm::explained(alarm, model, handling));
        if alarm.cleared.is_some() { Event::AlarmCleared(alarm) } else { Event::AlarmRaised(alarm) }
    });
    stuck.chain(released).chain(missing).chain(returned).chain(drift).chain(alarms).collect()
}

/// A change of drift, as an event.
pub(crate) fn drift_event(change: DriftChange, model: &Model) -> Event {
    let named = |place: usize| model.features().names().nth(place).unwrap_or_default().to_owned();
    match change {
        DriftChange::Began { feature, comparison } => Event::DriftBegan { feature: named(feature), comparison },
        DriftChange::Ended { feature } => Event::DriftEnded { feature: named(feature) },
    }
}

/// The times of readings whose sender gave none: when they were received, each later than the one before, so that each
/// steps its turbine's state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrivals(Timestamp);

impl Arrivals {
    /// Times from now on.
    pub(crate) fn begin() -> Self {
        Arrivals(Timestamp::UNIX_EPOCH).until_now()
    }

    fn until_now(self) -> Self {
        let now = Timestamp::now();
        // What follows the microsecond is noise in a log.
        Arrivals(Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now).max(self.0))
    }

    fn next(&mut self) -> Timestamp {
        let time = self.0;
        self.0 = time.checked_add(SignedDuration::from_micros(1)).unwrap_or(time);
        time
    }
}

/// Decides what is said of readings, given what is in the log and the readings of the same batch before them.
pub(crate) struct Judge<'a> {
    fleet: &'a Fleet,
    /// The state of the turbines that the batch has touched.
    states: HashMap<Option<TurbineId>, TurbineState>,
    verdicts: HashMap<Fingerprint, Verdict>,
    arrivals: Arrivals,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(fleet: &'a Fleet, arrivals: Arrivals) -> Self {
        Judge { fleet, states: HashMap::new(), verdicts: HashMap::new(), arrivals }
    }

    pub(crate) fn all(&mut self, submission: Submission) -> Vec<Judged> {
        let Submission { model, readings, scores, explained } = submission;
        let scored = readings.into_iter().zip(scores);
        scored.map(|(reading, forest_score)| self.one(&model, reading, forest_score, explained)).collect()
    }

    fn one(&mut self, model: &Model, mut reading: Reading, forest_score: f64, explained: bool) -> Judged {
        let window = self.fleet.window();
        let named = reading.turbine_id().zip(reading.timestamp());
        let fingerprint =
            named.and_then(|(turbine, time)| window.fingerprint(turbine, time, reading.values(), reading.absent()));
        let before = fingerprint.and_then(|key| self.verdicts.get(&key).or_else(|| window.find(key)));
        if let Some(Verdict { anomaly_score, is_anomaly, watch, gaps, model_version }) = before {
            let prediction = Prediction { anomaly_score: *anomaly_score, is_anomaly: *is_anomaly };
            let record = PredictionRecord::new(reading, *gaps, prediction, *watch, self.arrivals.0, model_version);
            let threshold = (model_version == model.version()).then(|| model.threshold());
            return Judged { answered: Answered { record, threshold, duplicate: true, smoothed: None }, fingerprint };
        }
        let timestamp = reading.timestamp().unwrap_or_else(|| self.arrivals.next());
        let turbine = reading.turbine_id().cloned();
        let state = self
            .states
            .entry(turbine)
            .or_insert_with_key(|id| self.fleet.turbine(id).map(|turbine| turbine.state().clone()).unwrap_or_default());
        let gaps = model.fill(state, timestamp, &mut reading);
        let values = reading.values();
        let forest_score = if gaps.is_empty() { forest_score } else { model.detector().forest_score(values) };
        let observation = Observation { timestamp, values, gaps, forest_score };
        let mut smoothed = [0.0; MAX_FEATURES];
        let smoothed = &mut smoothed[..values.len()];
        let judgement = model.step_into(state, &observation, smoothed);
        let smoothed = explained.then(|| Box::from(&*smoothed));
        let watch = Watch {
            surprisal: judgement.surprisal,
            smoothed_surprisal: judgement.smoothed_surprisal,
            in_alarm: judgement.in_alarm,
        };
        let record = PredictionRecord::new(reading, gaps, judgement.prediction(), watch, timestamp, model.version());
        if let Some(fingerprint) = fingerprint {
            self.verdicts.insert(fingerprint, Verdict::of(&record, model.version()));
        }
        let threshold = Some(model.threshold());
        Judged { answered: Answered { record, threshold, duplicate: false, smoothed }, fingerprint }
    }
}
