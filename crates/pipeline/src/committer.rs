//! One batch: from scored readings to rows of the log, and from those to the turbines' state.

use crate::counters::Counters;
use crate::events::{Event, Events};
use crate::fleet::{Fingerprint, Fleet, Snapshot, Verdict};
use crate::group_commit::Commit;
use crate::prediction_log::{LogFault, RecordLog};
use crate::submission::{Answered, Submission};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{Prediction, PredictionRecord};

/// After how many rows the turbines' state is written again: a start reads no more rows than that, and those of the
/// window of repeated readings.
const SNAPSHOT_ROWS: u64 = 100_000;

/// The turbines' state, read by all and changed by the committer alone.
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
    pub(crate) counters: Arc<Counters>,
    pub(crate) events: Events,
    pub(crate) rows_since_snapshot: u64,
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
        let judged: Vec<Option<Vec<Judged>>> = {
            let fleet = self.fleet.read();
            let mut judge = Judge::new(&fleet);
            let fits = |submission: &Submission| submission.model.features().names().eq(self.features.names());
            submissions.into_iter().map(|submission| fits(&submission).then(|| judge.all(submission))).collect()
        };
        let new = || judged.iter().flatten().flatten().filter(|judged| !judged.answered.duplicate);
        let rows: Vec<&PredictionRecord> = new().map(|judged| &judged.answered.record).collect();
        if !rows.is_empty() {
            self.log.append(&rows)?;
        }
        let mut fleet = self.fleet.write();
        new().for_each(|judged| fleet.fold(&judged.answered.record, judged.fingerprint));
        drop(fleet);
        rows.iter().for_each(|record| self.counters.count(record));
        self.counters.duplicates.inc_by((judged.iter().flatten().flatten().count() - rows.len()) as u64);
        self.events.tell(|| Event::Logged(rows.iter().map(|&record| record.clone()).collect()));
        self.rows_since_snapshot += rows.len() as u64;
        if self.rows_since_snapshot >= SNAPSHOT_ROWS {
            self.write_snapshot();
        }
        let answers = |judged: Vec<Judged>| judged.into_iter().map(|judged| judged.answered).collect();
        Ok(judged.into_iter().map(|judged| judged.map(answers)).collect())
    }

    fn maintain(&mut self) -> Result<(), LogFault> {
        self.log.maintain()
    }

    fn close(&mut self) -> Result<(), LogFault> {
        self.log.close()?;
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
        *self.fleet.write() = fleet;
        self.rows_since_snapshot = 0;
        Ok(())
    }

    fn write_snapshot(&mut self) {
        self.rows_since_snapshot = 0;
        if let Some(save) = self.snapshot() {
            tokio::task::spawn_blocking(save);
        }
    }

    /// The state as it is now, to be saved; nothing if the log is in no state to be read on from.
    fn snapshot(&self) -> Option<impl FnOnce() + Send + 'static> {
        let position = self.log.position()?;
        let snapshot = Snapshot::of(&self.fleet.read(), &self.features, position);
        let log_path = self.log_path.clone();
        Some(move || {
            if let Err(error) = snapshot.save(&log_path) {
                let path = Snapshot::path(&log_path);
                tracing::warn!("cannot write the snapshot {}: {error}; a start will read the log", path.display());
            }
        })
    }
}

/// Decides what is said of readings, given what is in the log and the readings of the same batch before them.
pub(crate) struct Judge<'a> {
    fleet: &'a Fleet,
    batch: HashMap<Fingerprint, Verdict>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(fleet: &'a Fleet) -> Self {
        Judge { fleet, batch: HashMap::new() }
    }

    pub(crate) fn all(&mut self, submission: Submission) -> Vec<Judged> {
        let Submission { model, readings, scores, received } = submission;
        let window = self.fleet.window();
        let judge = |(reading, score): (turbine_core::reading::Reading, f64)| {
            let named = reading.turbine_id().zip(reading.timestamp());
            let fingerprint = named.and_then(|(turbine, time)| window.fingerprint(turbine, time, reading.values()));
            let before = fingerprint.and_then(|key| self.batch.get(&key).or_else(|| window.find(key)));
            if let Some(Verdict { anomaly_score, is_anomaly, model_version }) = before {
                let prediction = Prediction { anomaly_score: *anomaly_score, is_anomaly: *is_anomaly };
                let record = PredictionRecord::new(reading, prediction, received, model_version);
                let threshold = (model_version == model.version()).then(|| model.threshold());
                return Judged { answered: Answered { record, threshold, duplicate: true }, fingerprint };
            }
            let record = PredictionRecord::new(reading, model.verdict(score), received, model.version());
            if let Some(fingerprint) = fingerprint {
                self.batch.insert(fingerprint, Verdict::of(&record, model.version()));
            }
            let threshold = Some(model.threshold());
            Judged { answered: Answered { record, threshold, duplicate: false }, fingerprint }
        };
        readings.into_iter().zip(scores).map(judge).collect()
    }
}
