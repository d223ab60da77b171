//! The log in CSV files: a batch is in the file whole, at the log's path, or it is not there at all.
//!
//! **A disk that fails.** What was half written is cut off, at the latest before the next batch. After that the log is
//! probed until as much as failed can be written again.
//!
//! **A file taken away.** After each batch and before it is answered, the path is looked up: if the file was deleted,
//! replaced, renamed or emptied, the batch is taken back and written to a new file. That costs half a microsecond.
//!
//! **Beside the log** `predictions_log.csv`: the rotated parts `predictions_log.000001.csv` and so on, the lock
//! `predictions_log.lock`, torn ends `predictions_log.1.torn`, logs of other columns `predictions_log.set-aside-1.csv`,
//! and for a moment `predictions_log.new`, which becomes the log once its header is whole.

mod rotation;

use super::RecordLog;
use super::config::{LogConfig, LogSync};
use super::disk::{Disk, RealDisk, outlive_file_size_limits, sync_folder, write_all};
use super::fault::LogFault;
use super::file::LogFile;
use super::header::Header;
use super::lock::Lock;
use super::recover::take_up;
use super::telemetry::LogTelemetry;
use rotation::Rotation;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{LogName, LogPosition, PredictionRecord};

/// How often a batch is begun again because its file was taken away meanwhile.
const ATTEMPTS: usize = 3;

/// From how many bytes on rows that were answered before they were written are no longer held back.
const FLUSH_BYTES: usize = 256 << 10;

/// The smallest probe of a disk that failed.
const PROBE_BYTES: usize = 4 << 10;

/// The prediction log at a path.
pub struct CsvLog {
    config: LogConfig,
    name: LogName,
    header: Header,
    disk: Arc<dyn Disk>,
    telemetry: LogTelemetry,
    lock: Lock,
    file: Option<LogFile>,
    rotation: Rotation,
    /// Rows on their way to the file.
    buffer: Vec<u8>,
    /// How many they are. Only with [`LogSync::None`] do they stay there after an append.
    buffered_rows: u64,
    /// How many bytes could not be written last.
    failed_bytes: Option<usize>,
}

impl CsvLog {
    /// Opens the log for predictions on these features, and locks it. A torn last line is cut off and kept aside, and so
    /// is a file of other columns. Creates folder and file if need be.
    ///
    /// Must be called within a tokio runtime, which listens to a signal for it.
    ///
    /// # Errors
    /// [`LogFault::Locked`] if another service writes this log; else what the system said.
    pub fn open(config: LogConfig, features: &FeatureSet, telemetry: LogTelemetry) -> Result<Self, LogFault> {
        outlive_file_size_limits().map_err(LogFault::io("watch", &config.path))?;
        Self::open_on(config, features, telemetry, Arc::new(RealDisk))
    }

    pub(crate) fn open_on(
        config: LogConfig,
        features: &FeatureSet,
        telemetry: LogTelemetry,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, LogFault> {
        let name = LogName::new(&config.path);
        create_folder(&name)?;
        let lock = Lock::take(name.path())?;
        let mut log = CsvLog {
            config,
            name,
            header: Header::new(features),
            disk,
            telemetry,
            lock,
            file: None,
            rotation: Rotation::default(),
            buffer: Vec::new(),
            buffered_rows: 0,
            failed_bytes: None,
        };
        log.ready()?;
        Ok(log)
    }

    /// Writes the buffer, whole or not at all. It is empty afterwards, unless it holds rows that were answered.
    fn flush(&mut self) -> Result<(), LogFault> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.buffer);
        let result = self.commit(&rows);
        self.failed_bytes = result.is_err().then_some(rows.len());
        self.buffer = rows;
        match &result {
            Ok(()) => {
                self.telemetry.rows.inc_by(self.buffered_rows);
                self.telemetry.bytes.inc_by(self.buffer.len() as u64);
                self.telemetry.batches.inc();
                self.forget_buffer();
            }
            Err(_) => self.telemetry.failures.inc(),
        }
        result
    }

    fn forget_buffer(&mut self) {
        self.buffer.clear();
        self.buffered_rows = 0;
        self.telemetry.buffered_rows.set(0);
    }

    fn commit(&mut self, rows: &[u8]) -> Result<(), LogFault> {
        for _ in 0..ATTEMPTS {
            self.rotate_if_full(rows.len());
            let whole = self.ready()?.len + rows.len() as u64;
            if let Err(fault) = self.put(rows) {
                // If this fails too, the file is marked, and mended before the next batch.
                let _ = self.undo();
                return Err(fault);
            }
            if self.is_in_place(whole) {
                let file = self.file.as_mut().expect("it was ready");
                (file.len, file.torn) = (whole, false);
                return Ok(());
            }
            // The rows may be in a file that was deleted, renamed or emptied before they came.
            tracing::warn!(
                "the prediction log {} was removed or changed by another program",
                self.name.path().display()
            );
            if let Some(mut file) = self.file.take() {
                let took_back = file.take_back(rows, &*self.disk);
                took_back.map_err(LogFault::io("take rows back from what was", self.name.path()))?;
            }
        }
        Err(LogFault::Unsteady(self.name.path().to_owned()))
    }

    /// Begins the log again if its file is gone, rotates it if it is old, and, if the last batch failed, finds out
    /// whether as much could be written now. A failed batch itself is not tried again.
    fn restore(&mut self) -> Result<(), LogFault> {
        let len = self.ready()?.len;
        if !self.is_in_place(len) {
            self.file = None;
            self.ready()?;
        }
        if let Some(bytes) = self.failed_bytes {
            self.probe(bytes)?;
        }
        self.rotate_if_old();
        Ok(())
    }

    /// Empty lines, which every reader of CSV skips, are written where the next batch would be, and cut off again.
    fn probe(&mut self, bytes: usize) -> Result<(), LogFault> {
        let written = self.put(&vec![b'\n'; bytes.max(PROBE_BYTES)]);
        let undone = self.undo().map_err(LogFault::io("cut off a probe from", self.name.path()));
        written.and(undone)
    }

    /// The file with nothing torn behind its committed bytes, opened or begun if need be.
    fn ready(&mut self) -> Result<&mut LogFile, LogFault> {
        if self.file.as_ref().is_some_and(|file| file.torn) {
            self.mend()?;
        }
        if self.file.is_none() {
            create_folder(&self.name)?;
            if !self.lock.in_place() {
                self.lock = Lock::take(self.name.path())?;
            }
            let parts = self.name.parts().map_err(LogFault::io("list", self.name.folder()))?;
            let sequence = parts.last().map_or(1, |(newest, _)| newest + 1);
            self.file = match take_up(&self.name, &self.header, &*self.disk)? {
                Some(file) => Some(LogFile::new(file, sequence).map_err(LogFault::io("look at", self.name.path()))?),
                None => Some(self.begin(sequence)?),
            };
        }
        Ok(self.file.as_mut().expect("it was opened"))
    }

    /// Cuts off what a failed batch left behind, which did not work when it failed.
    fn mend(&mut self) -> Result<(), LogFault> {
        let Err(error) = self.undo() else { return Ok(()) };
        if self.file.as_ref().is_some_and(|file| file.is_at(self.name.path())) {
            return Err(LogFault::io("cut off half a batch from", self.name.path())(error));
        }
        // Another program has taken the damaged file away.
        self.file = None;
        Ok(())
    }

    /// Writes all of `bytes` behind the file, and waits for the disk if that was asked for. The file is torn until they
    /// are committed or undone.
    fn put(&mut self, bytes: &[u8]) -> Result<(), LogFault> {
        let LogFile { file, torn, .. } = self.file.as_mut().expect("it is ready");
        *torn = true;
        let path = self.name.path();
        let started = Instant::now();
        write_all(&*self.disk, file, bytes).map_err(LogFault::io("write to", path))?;
        let written = Instant::now();
        self.telemetry.write_seconds.observe((written - started).as_secs_f64());
        if self.config.sync == LogSync::Fsync {
            self.disk.sync(file).map_err(LogFault::io("sync", path))?;
            self.telemetry.sync_seconds.observe(written.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Cuts the file back to its committed bytes, or marks it as torn.
    fn undo(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.undo(&*self.disk))
    }

    /// Whether the file at the log's path is ours and `len` long.
    fn is_in_place(&self, len: u64) -> bool {
        self.file.as_ref().is_some_and(|file| file.is_at_with_len(self.name.path(), len))
    }

    /// A new file at the log's path. It gets its name once its header is whole.
    fn begin(&self, sequence: u64) -> Result<LogFile, LogFault> {
        let fresh = self.fresh(sequence)?;
        self.put_in_place()?;
        Ok(fresh)
    }

    fn fresh(&self, sequence: u64) -> Result<LogFile, LogFault> {
        let path = self.name.path().with_extension("new");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(LogFault::io("remove", &path)(error)),
            _ => {}
        }
        let create = || {
            let file = OpenOptions::new().read(true).append(true).create_new(true).open(&path)?;
            write_all(&*self.disk, &file, self.header.line())?;
            if self.config.sync == LogSync::Fsync {
                self.disk.sync(&file)?;
            }
            LogFile::new(file, sequence)
        };
        create().map_err(LogFault::io("create", &path))
    }

    fn put_in_place(&self) -> Result<(), LogFault> {
        let path = self.name.path();
        let rename = || {
            std::fs::rename(path.with_extension("new"), path)?;
            if self.config.sync == LogSync::Fsync { sync_folder(self.name.folder()) } else { Ok(()) }
        };
        rename().map_err(LogFault::io("create", path))
    }

    fn header_len(&self) -> u64 {
        self.header.line().len() as u64
    }
}

impl RecordLog for CsvLog {
    fn append(&mut self, records: &[&PredictionRecord]) -> Result<(), LogFault> {
        for record in records {
            record.append_to(&mut self.buffer, self.header.features());
        }
        self.buffered_rows += records.len() as u64;
        if self.config.sync == LogSync::None {
            self.telemetry.buffered_rows.set(self.buffered_rows as i64);
            if self.buffer.len() >= FLUSH_BYTES && self.flush().is_err() {
                // The rows are kept; the fault is told by the next maintenance.
                tracing::debug!("rows that were answered wait for the disk");
            }
            return Ok(());
        }
        let written = self.flush();
        if written.is_err() {
            self.forget_buffer();
        }
        written
    }

    fn maintain(&mut self) -> Result<(), LogFault> {
        let restored = self.restore();
        if restored.is_ok() {
            self.failed_bytes = None;
        }
        restored.and_then(|()| self.flush())
    }

    fn begin_anew(&mut self, features: &FeatureSet) -> Result<(), LogFault> {
        self.flush()?;
        let before = std::mem::replace(&mut self.header, Header::new(features));
        let file = self.file.take();
        // A file of other columns is set aside when it is taken up.
        match self.ready() {
            Ok(_) => Ok(()),
            Err(fault) => {
                (self.header, self.file) = (before, file);
                Err(fault)
            }
        }
    }

    fn position(&self) -> Option<LogPosition> {
        let file = self.file.as_ref().filter(|file| !file.torn)?;
        Some(LogPosition { sequence: file.sequence, offset: file.len + self.buffer.len() as u64 })
    }

    fn close(&mut self) -> Result<(), LogFault> {
        self.flush()
    }
}

/// A log that was not closed loses no answered row all the same.
impl Drop for CsvLog {
    fn drop(&mut self) {
        if let Err(fault) = self.flush() {
            tracing::error!("the last {} predictions were not logged: {fault}", self.buffered_rows);
        }
    }
}

fn create_folder(name: &LogName) -> Result<(), LogFault> {
    std::fs::create_dir_all(name.folder()).map_err(LogFault::io("create", name.folder()))
}
