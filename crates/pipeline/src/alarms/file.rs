//! The file of alarms: one row an event, appended in the order of the log, and one for each thing that people did.
//!
//! The prediction log implies every row that says that an alarm was raised or cleared, so none that is torn or lost here is
//! lost for good: the next start writes it again. What people did is in its row alone, which is on the disk before the
//! request is answered. Rows of the first kind that cannot be written wait in memory, up to [`MAX_WAITING_BYTES`]; then the
//! file takes no more rows until the next start, so that those it has stay in the order of the log.

use super::alarm::Alarm;
use super::upgrade::upgrade;
use crate::prediction_log::{Disk, LogFault, LogFile, sync_folder, write_all};
use std::fs::OpenOptions;
use std::io::{BufReader, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use turbine_core::alarm_log::{AlarmAction, AlarmEvent, AlarmFormat, AlarmId, AlarmRow, AlarmRows, Opened};
use turbine_core::prediction::LogName;

/// Bytes of rows that may wait for the file: tens of thousands of rows.
pub(super) const MAX_WAITING_BYTES: usize = 8 << 20;

/// Bytes of rows that are tried again with every commit; more wait for the next maintenance.
const MAX_RETRIED_BYTES: usize = 64 << 10;

/// Why rows wait, if they do; shared with the health.
#[derive(Debug, Clone, Default)]
pub(crate) struct AlarmsProblem(Arc<Mutex<Option<Arc<str>>>>);

impl AlarmsProblem {
    pub(crate) fn get(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, problem: Option<Arc<str>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

pub(super) struct AlarmsFile {
    name: LogName,
    /// Whether written rows are waited for until they are on the disk.
    sync: bool,
    disk: Arc<dyn Disk>,
    file: Option<LogFile>,
    /// Rows that the log implies and that were written, also if the file was deleted meanwhile: a snapshot goes with so many.
    rows: u64,
    waiting: Vec<u8>,
    waiting_rows: u64,
    /// Rows that found no room among those that wait. The next start writes them.
    left_out: u64,
    /// Whether the file is of other features and still to be set aside.
    foreign: bool,
    problem: AlarmsProblem,
}

/// A row that was found in the file.
pub(super) enum Found {
    /// An alarm that was raised or cleared.
    Changed(Alarm),
    /// What somebody did with an alarm.
    Handled(AlarmId, AlarmAction),
}

/// What was found at the path.
enum TakenUp {
    /// Nothing that could be continued.
    Nothing,
    /// A file from before people's actions were kept: it is still to be upgraded.
    Old,
    /// A file that is continued.
    File(LogFile),
}

impl AlarmsFile {
    /// Takes up the file, if there is one, and gives each row in it to `found`. What follows the last whole row is cut off.
    pub(super) fn open(
        name: LogName,
        sync: bool,
        disk: Arc<dyn Disk>,
        problem: AlarmsProblem,
        mut found: impl FnMut(Found),
    ) -> Result<Self, LogFault> {
        let mut alarms = AlarmsFile {
            name,
            sync,
            disk,
            file: None,
            rows: 0,
            waiting: Vec::new(),
            waiting_rows: 0,
            left_out: 0,
            foreign: false,
            problem,
        };
        let mut rows = 0;
        let taken_up = alarms.take_up(|AlarmRow { id, event }| match event {
            AlarmEvent::Handled(action) => found(Found::Handled(id, action)),
            AlarmEvent::Changed(state) => {
                if let Some(alarm) = Alarm::of_row(id, state) {
                    rows += 1;
                    found(Found::Changed(alarm));
                }
            }
        })?;
        alarms.rows = rows;
        match taken_up {
            TakenUp::File(file) => alarms.file = Some(file),
            TakenUp::Nothing => {}
            TakenUp::Old => {
                // All rows were read. If the disk is full, the next row that is to be written tries again.
                if let Err(fault) = upgrade(alarms.name.path()) {
                    tracing::warn!("the file of alarms keeps its old columns for now: {fault}");
                }
            }
        }
        Ok(alarms)
    }

    /// Rows that the log implies: those in the file, and those that wait for it.
    pub(super) fn rows(&self) -> u64 {
        self.rows + self.waiting_rows
    }

    /// Whether all rows that the log implies are in the file.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && !self.foreign && self.left_out == 0
    }

    /// Adds the row of what became of an alarm last, to be written by the next flush; not if too many wait already.
    pub(super) fn add(&mut self, alarm: &Alarm) {
        let row = alarm.row().to_line();
        if self.left_out > 0 || self.waiting.len() + row.len() > MAX_WAITING_BYTES {
            self.left_out += 1;
            return;
        }
        self.waiting.extend_from_slice(&row);
        self.waiting_rows += 1;
    }

    /// Whether the last flush failed and many rows wait for the next, or none will be written until the next start.
    pub(super) fn is_slow_to_retry(&self) -> bool {
        (self.waiting.len() > MAX_RETRIED_BYTES || self.left_out > 0) && self.problem.get().is_some()
    }

    /// Whether many rows wait.
    pub(super) fn should_flush(&self) -> bool {
        self.waiting.len() >= MAX_WAITING_BYTES / 2
    }

    /// Sets the file aside at the next flush, and forgets the rows that wait for it.
    pub(super) fn begin_anew(&mut self) {
        (self.foreign, self.rows, self.waiting_rows, self.left_out) = (true, 0, 0, 0);
        self.waiting.clear();
    }

    /// Writes the rows that wait. If that is not possible they go on waiting, and the health says why.
    pub(super) fn flush(&mut self) {
        if !self.is_settled() {
            let _ = self.try_to_flush();
        }
    }

    fn try_to_flush(&mut self) -> Result<(), LogFault> {
        let written = self.write();
        let problem: Option<Arc<str>> = self.problem_after(&written).map(Into::into);
        if let Some(problem) = problem.as_ref().filter(|_| self.problem.get().is_none()) {
            tracing::warn!("{problem}");
        }
        self.problem.set(problem);
        written
    }

    /// Writes what somebody did, behind the rows that wait, and waits until it is on the disk.
    ///
    /// # Errors
    /// If it is not in the file.
    pub(super) fn write_action(&mut self, id: &AlarmId, action: &AlarmAction) -> Result<(), LogFault> {
        self.try_to_flush()?;
        let row = AlarmRow { id: id.clone(), event: AlarmEvent::Handled(action.clone()) };
        self.append(&row.to_line(), true)
    }

    /// What the health says, given how the rows that waited were written.
    fn problem_after(&self, written: &Result<(), LogFault>) -> Option<String> {
        let left_out = match self.left_out {
            0 => String::new(),
            rows => format!("{rows} rows are left out until the service is restarted, because too many waited"),
        };
        match written {
            Ok(()) if left_out.is_empty() => None,
            Ok(()) => Some(format!("alarms are raised and listed, but the file of alarms is incomplete: {left_out}")),
            Err(fault) => {
                let left_out = if left_out.is_empty() { left_out } else { format!("; {left_out}") };
                let waiting = self.waiting_rows;
                Some(format!(
                    "alarms are raised and listed, but {waiting} rows wait to be written to the file of alarms: {fault}{left_out}"
                ))
            }
        }
    }

    fn write(&mut self) -> Result<(), LogFault> {
        if self.foreign {
            self.set_aside()?;
            (self.foreign, self.file) = (false, None);
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        let appended = self.append(&rows, self.sync);
        match &appended {
            Ok(()) => {
                self.rows += self.waiting_rows;
                self.waiting_rows = 0;
            }
            Err(_) => self.waiting = rows,
        }
        appended
    }

    fn append(&mut self, rows: &[u8], sync: bool) -> Result<(), LogFault> {
        self.ready()?;
        let file = self.file.as_mut().expect("it is ready");
        let path = self.name.path();
        file.torn = true;
        let written = write_all(&*self.disk, &file.file, rows)
            .map_err(LogFault::io("write to", path))
            .and_then(|()| if sync { self.disk.sync(&file.file).map_err(LogFault::io("sync", path)) } else { Ok(()) });
        // The file may have been begun without waiting for its name.
        let named = || sync_folder(self.name.folder()).map_err(LogFault::io("sync", self.name.folder()));
        let written = written.and_then(|()| if sync && !self.sync { named() } else { Ok(()) });
        match written {
            Ok(()) => {
                file.len += rows.len() as u64;
                file.torn = false;
            }
            // If this fails too, the file is marked, and cut before the next row.
            Err(_) => drop(file.undo(&*self.disk)),
        }
        written
    }

    /// The file with nothing torn behind its rows; begun again if it was deleted.
    fn ready(&mut self) -> Result<(), LogFault> {
        let path = self.name.path();
        if self.file.as_ref().is_some_and(|file| !file.is_at(path)) {
            tracing::warn!("the file of alarms {} was removed by another program", path.display());
            self.file = None;
        }
        if let Some(file) = self.file.as_mut().filter(|file| file.torn) {
            file.undo(&*self.disk).map_err(LogFault::io("cut off half a row from", path))?;
        }
        if self.file.is_none() {
            let mut taken_up = self.take_up(|_| {})?;
            if matches!(taken_up, TakenUp::Old) {
                upgrade(path)?;
                taken_up = self.take_up(|_| {})?;
            }
            self.file = match taken_up {
                TakenUp::File(file) => Some(file),
                TakenUp::Nothing | TakenUp::Old => Some(self.begin()?),
            };
        }
        Ok(())
    }

    fn begin(&self) -> Result<LogFile, LogFault> {
        let path = self.name.path();
        let begin = || {
            std::fs::create_dir_all(self.name.folder())?;
            let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            self.disk.set_len(&file, 0)?;
            write_all(&*self.disk, &file, &AlarmFormat::WithActions.header())?;
            if self.sync {
                self.disk.sync(&file)?;
                sync_folder(self.name.folder())?;
            }
            LogFile::new(file, 0)
        };
        begin().map_err(LogFault::io("create", path))
    }

    /// The file at the path, if there is one that can be continued, cut off behind its last whole row.
    fn take_up(&self, mut row: impl FnMut(AlarmRow)) -> Result<TakenUp, LogFault> {
        let path = self.name.path();
        let file = match OpenOptions::new().read(true).append(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(TakenUp::Nothing),
            Err(error) => return Err(LogFault::io("open", path)(error)),
        };
        let mut rows = match AlarmRows::open(BufReader::new(&file)).map_err(LogFault::io("read", path))? {
            Opened::Rows(rows) => rows,
            // It is begun again.
            Opened::Unfinished => return Ok(TakenUp::Nothing),
            Opened::Foreign => {
                self.set_aside()?;
                return Ok(TakenUp::Nothing);
            }
        };
        rows.by_ref().try_for_each(|found| found.map(&mut row)).map_err(LogFault::io("read", path))?;
        let (whole, end) = (rows.whole(), rows.end());
        if whole < end {
            tracing::warn!("the last {} bytes of the file of alarms {} are no row", end - whole, path.display());
        }
        if rows.format() != AlarmFormat::WithActions {
            return Ok(TakenUp::Old);
        }
        if whole < end {
            self.disk.set_len(&file, whole).map_err(LogFault::io("cut off the torn end of", path))?;
        }
        LogFile::new(file, 0).map(TakenUp::File).map_err(LogFault::io("look at", path))
    }

    fn set_aside(&self) -> Result<(), LogFault> {
        let path = self.name.path();
        let free = |aside: &PathBuf| aside.symlink_metadata().is_err();
        let aside = (1..).map(|n| self.name.beside(&format!("set-aside-{n}"))).find(free);
        let aside = aside.expect("there are more numbers than files");
        match std::fs::rename(path, &aside) {
            Ok(()) => {
                tracing::warn!("{} does not belong to this log: renamed to {}", path.display(), aside.display());
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(LogFault::io("set aside", path)(error)),
        }
    }
}
