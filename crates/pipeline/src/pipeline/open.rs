//! Opening the prediction log and the file of alarms, and taking in what they say.

use super::{OpenError, Shared};
use crate::alarms::FoundAlarms;
use crate::committer::{Arrivals, Committer};
use crate::fleet::{Restored, restore};
use crate::group_commit::{GroupCommit, GroupCommitConfig, Placement};
use crate::prediction_log::{CsvLog, LogSync, RealDisk};
use std::sync::Arc;
use std::time::{Duration, Instant};
use turbine_core::model::Model;

impl Shared {
    pub(super) fn open_log(&self, model: &Model) -> Result<(), OpenError> {
        let started = Instant::now();
        let log_config = &self.config.log;
        let log = CsvLog::open(log_config.clone(), model.features(), self.log_telemetry.clone())?;
        let sync = log_config.sync == LogSync::Fsync;
        let found = FoundAlarms::open(&log_config.path, sync, Arc::new(RealDisk), self.alarms_problem.clone())?;
        let restored = restore(&log_config.path, model, self.config.fleet, found.rows())?;
        let Restored { fleet, rows_read, from_snapshot, alarm_rows, alarms: implied } = restored;
        let running: Vec<_> = fleet.alarms().collect();
        tracing::info!(
            turbines = fleet.len(),
            alarms = running.len(),
            rows_read,
            from_snapshot,
            seconds = started.elapsed().as_secs_f64(),
            "took in the prediction log"
        );
        let history = self.history.clone();
        let mut alarms = if rows_read == 0 && !from_snapshot {
            found.of_another_log(history)
        } else {
            found.complete(alarm_rows, implied, running, model, history)
        };
        alarms.flush();
        self.histories
            .begin(fleet.latest(u64::MAX).filter_map(|(id, turbine)| Some((id.clone(), turbine.last_reading()?))));
        *self.fleet.write() = fleet;
        let committer = Committer {
            log: Box::new(log),
            log_path: log_config.path.clone(),
            features: model.features().clone(),
            fleet: self.fleet.clone(),
            alarms,
            rows_are_buffered: log_config.sync == LogSync::None,
            counters: Arc::clone(&self.counters),
            events: self.events.clone(),
            watched: self.watched.clone(),
            histories: self.histories.clone(),
            shadow: self.shadow.clone(),
            rows_since_snapshot: 0,
            arrivals: Arrivals::begin(),
        };
        let placement = if sync { Placement::Blocking } else { Placement::Inline };
        let maintenance = Duration::from_millis(if log_config.sync == LogSync::None { 50 } else { 250 });
        let max_queue_bytes = self.config.max_queue_bytes;
        let config = GroupCommitConfig { placement, max_queue_bytes, maintenance };
        // Models go into service one at a time, so it is not set yet.
        let _ = self.commits.set(GroupCommit::new(committer, config));
        Ok(())
    }
}
