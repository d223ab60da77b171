//! Alarms: in memory the running ones and the last past ones, and in a file beside the prediction log all of them.
//!
//! Which alarms there are follows from the log: a running one is part of its turbine's state, and a row of the file is
//! written once the row of the log that implies it is there. A start adds what a crash kept from being written.
//!
//! What people did with them is in that file only: a row of it is on the disk before it is answered. Its order is the one
//! that counts, so the last action wins.

mod alarm;
mod file;
mod handling;
mod history;
mod upgrade;

#[cfg(test)]
mod tests;

pub use alarm::Alarm;
pub(crate) use file::AlarmsProblem;
pub use handling::{By, Comment, Handling, Snooze};
pub use history::AlarmFilter;
pub(crate) use history::{History, Known};

use crate::fleet::LoggedAlarm;
use crate::prediction_log::{Disk, LogFault};
use alarm::EventKey;
use file::{AlarmsFile, Found};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use turbine_core::alarm_log::{AlarmAction, AlarmId};
use turbine_core::model::Model;
use turbine_core::prediction::LogName;

/// Past alarms, read by all and changed by the committer alone.
#[derive(Clone, Default)]
pub(crate) struct SharedHistory(Arc<RwLock<History>>);

impl SharedHistory {
    /// Must be taken before the fleet's lock, so that an alarm that is being cleared is seen once.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, History> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`SharedHistory::read`].
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, History> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What keeps the alarms: the committer's side.
pub(crate) struct Alarms {
    history: SharedHistory,
    file: AlarmsFile,
}

/// Alarms as a start finds them in the file.
pub(crate) struct FoundAlarms {
    file: AlarmsFile,
    /// One entry a row that the log implies, in order.
    keys: Vec<EventKey>,
    /// Raised and not cleared, by id.
    open: HashMap<String, Alarm>,
    past: History,
}

impl FoundAlarms {
    /// Takes up the file of alarms of the log at `log`. With `sync`, rows are waited for until they are on the disk.
    ///
    /// # Errors
    /// If there is a file that cannot be read, or not be cut off behind its last whole row.
    pub(crate) fn open(log: &Path, sync: bool, disk: Arc<dyn Disk>, problem: AlarmsProblem) -> Result<Self, LogFault> {
        let (mut keys, mut open, mut past) = (Vec::new(), HashMap::new(), History::default());
        let name = LogName::new(log.with_file_name("alarms.csv"));
        let file = AlarmsFile::open(name, sync, disk, problem, |found| match found {
            Found::Handled(id, action) => past.handle(&id, action),
            Found::Changed(alarm) => {
                keys.push(alarm.key());
                if alarm.cleared.is_some() {
                    open.remove(&alarm.id);
                    past.add(&Arc::new(alarm));
                } else {
                    open.insert(alarm.id.clone(), alarm);
                }
            }
        })?;
        Ok(FoundAlarms { file, keys, open, past })
    }

    /// How many rows that the log implies the file has.
    pub(crate) fn rows(&self) -> u64 {
        self.file.rows()
    }

    /// The alarms of a log that has no rows: those that were found are of another log, and are set aside.
    pub(crate) fn of_another_log(mut self, history: SharedHistory) -> Alarms {
        if !self.keys.is_empty() || !self.past.is_empty() {
            self.file.begin_anew();
        }
        history.write().clear();
        Alarms { history, file: self.file }
    }

    /// Adds what the log implies and the file lacks. Of those rows found, the first `vouched` belong to what came before
    /// `implied`. In the end the alarms that are running, and no others, are open in the file.
    pub(crate) fn complete(
        self,
        vouched: u64,
        implied: Vec<LoggedAlarm>,
        running: Vec<LoggedAlarm>,
        model: &Model,
        history: SharedHistory,
    ) -> Alarms {
        let FoundAlarms { file, keys, mut open, past } = self;
        *history.write() = past;
        let now_running: HashSet<AlarmId> = running.iter().map(LoggedAlarm::alarm_id).collect();
        let mut alarms = Alarms { history, file };
        // Counted, since an id comes twice if a turbine that was forgotten sends the same times again.
        let mut found: HashMap<EventKey, usize> = HashMap::new();
        for key in keys.into_iter().skip(usize::try_from(vouched).unwrap_or(usize::MAX)) {
            *found.entry(key).or_default() += 1;
        }
        let mut missing = Vec::new();
        for alarm in implied {
            match found.get_mut(&alarm.key()).filter(|count| **count > 0) {
                Some(count) => *count -= 1,
                None => missing.push(Alarm::explained(alarm, model, Arc::default())),
            }
        }
        for alarm in &missing {
            if alarm.cleared.is_some() {
                open.remove(&alarm.id);
            } else {
                open.insert(alarm.id.clone(), alarm.clone());
            }
        }
        let running = running.into_iter().filter(|alarm| open.remove(&alarm.key().0).is_none());
        missing.extend(running.map(|alarm| Alarm::explained(alarm, model, Arc::default())));
        // Rows of the log were lost: when these were cleared is not known.
        let mut lost: Vec<Alarm> = open.into_values().collect();
        lost.sort_by(|a, b| a.id.cmp(&b.id));
        missing.extend(lost.into_iter().map(|alarm| Alarm { cleared: Some(alarm.peaked), ..alarm }));
        if !missing.is_empty() {
            tracing::info!("adding {} rows to the file of alarms that the prediction log implies", missing.len());
        }
        missing.into_iter().for_each(|alarm| {
            let alarm = Arc::new(alarm);
            alarms.file.add(&alarm);
            if alarms.file.should_flush() {
                alarms.file.flush();
            }
            alarms.history.write().add(&alarm);
        });
        alarms.history.write().forget_all_but(&now_running);
        alarms
    }
}

impl Alarms {
    /// Past alarms.
    pub(crate) fn history(&self) -> &SharedHistory {
        &self.history
    }

    /// Adds an alarm that was raised or cleared; `history` is [`Alarms::history`], locked. It is written by the next flush.
    pub(crate) fn add(&mut self, history: &mut History, alarm: &Arc<Alarm>) {
        history.add(alarm);
        self.file.add(alarm);
    }

    /// Keeps what somebody did with an alarm: in the file, on the disk, and then in memory. Says how the alarm stands now.
    ///
    /// # Errors
    /// If it cannot be written; then it is as if nothing had been done.
    pub(crate) fn handle(&mut self, id: &AlarmId, action: AlarmAction) -> Result<Arc<Handling>, LogFault> {
        self.file.write_action(id, &action)?;
        let mut history = self.history.write();
        history.handle(id, action);
        Ok(history.handling(id))
    }

    /// Writes what is not in the file yet. If that is not possible, the health says why.
    pub(crate) fn flush(&mut self) {
        self.file.flush();
    }

    /// As [`Alarms::flush`], unless that failed and many rows wait: then the next maintenance tries, so that not every commit
    /// pays for a disk that is full.
    pub(crate) fn flush_after_commit(&mut self) {
        if !self.file.is_slow_to_retry() {
            self.file.flush();
        }
    }

    /// How many rows that the log implies the file has; `None` while some are still to be written, or are left out.
    pub(crate) fn settled_rows(&self) -> Option<u64> {
        self.file.is_settled().then(|| self.file.rows())
    }

    /// Sets the file aside: it is of other features.
    pub(crate) fn begin_anew(&mut self) {
        self.history.write().clear();
        self.file.begin_anew();
        self.file.flush();
    }
}
