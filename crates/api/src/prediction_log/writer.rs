//! The one writer: a batch is in the file whole, at the log's path, or it is not there at all.

use super::config::{LogConfig, LogSync};
use super::disk::{Disk, FileId, len_if_named, sync_folder};
use super::fault::LogFault;
use super::header::Header;
use super::lock::Lock;
use super::recover::take_up;
use super::telemetry::Telemetry;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use turbine_core::prediction::LogName;

/// How often a batch is begun again because its file was taken away meanwhile.
const ATTEMPTS: usize = 3;

/// How long to wait before what failed is tried again.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long a file that was found at the log's path is taken to be there still, unless it has lost its last name.
const TRUST: Duration = Duration::from_millis(5);

pub(super) struct Writer {
    config: LogConfig,
    name: LogName,
    header: Header,
    disk: Arc<dyn Disk>,
    telemetry: Arc<Telemetry>,
    lock: Lock,
    file: Option<LogFile>,
    rotation: Rotation,
    /// How many bytes failed last, and when.
    failed: Option<(usize, Instant)>,
}

/// The file at the log's path.
struct LogFile {
    file: File,
    id: FileId,
    /// Bytes that are committed; a reader may rely on them.
    len: u64,
    /// Whether bytes that belong to no committed batch may stand behind them.
    torn: bool,
    born: SystemTime,
    /// When it was last looked up by its path.
    found: Instant,
}

#[derive(Default)]
struct Rotation {
    /// What is wrong with it.
    problem: Option<Arc<str>>,
    tried: Option<Instant>,
}

impl Writer {
    pub(super) fn open(
        config: LogConfig,
        header: Header,
        disk: Arc<dyn Disk>,
        telemetry: Arc<Telemetry>,
    ) -> Result<Self, LogFault> {
        let name = LogName::new(&config.path);
        create_folder(&name)?;
        let lock = Lock::take(name.path())?;
        let rotation = Rotation::default();
        let mut writer = Writer { config, name, header, disk, telemetry, lock, file: None, rotation, failed: None };
        writer.ready()?;
        Ok(writer)
    }

    /// Why files are not rotated, if they are not.
    pub(super) fn rotation_problem(&self) -> Option<&Arc<str>> {
        self.rotation.problem.as_ref()
    }

    /// Puts whole rows into the log, all or none.
    pub(super) fn commit(&mut self, rows: &[u8]) -> Result<(), LogFault> {
        let result = self.try_commit(rows);
        self.failed = result.is_err().then(|| (rows.len(), Instant::now()));
        result
    }

    fn try_commit(&mut self, rows: &[u8]) -> Result<(), LogFault> {
        for _ in 0..ATTEMPTS {
            self.rotate_if_full(rows.len());
            let whole = self.ready()?.len + rows.len() as u64;
            if let Err(fault) = self.put(rows) {
                // If this fails too, the file is marked, and mended before the next batch.
                let _ = self.undo();
                return Err(fault);
            }
            if self.is_still_ours(whole) {
                let file = self.file.as_mut().expect("it was ready");
                (file.len, file.torn) = (whole, false);
                return Ok(());
            }
            // The rows may be in a file that was deleted, renamed or emptied before they came.
            tracing::warn!(
                "the prediction log {} was taken away or changed by another program",
                self.name.path().display()
            );
            self.take_back(rows)?;
        }
        Err(LogFault::Unsteady(self.name.path().to_owned()))
    }

    /// Whether too little time has passed since a failure to try again.
    pub(super) fn is_resting(&self) -> bool {
        self.failed.is_some_and(|(_, when)| when.elapsed() < PATIENCE)
    }

    /// What is due without a row: begins the log again if its file is gone, rotates it if it is old, and, if the last
    /// batch failed, finds out whether as much could be written now. A failed batch itself is not tried again.
    pub(super) fn maintain(&mut self) -> Result<(), LogFault> {
        let failed = self.failed.map(|(bytes, _)| bytes);
        let result = self.try_maintain(failed);
        self.failed = result.is_err().then(|| (failed.unwrap_or(0), Instant::now()));
        result
    }

    fn try_maintain(&mut self, failed: Option<usize>) -> Result<(), LogFault> {
        let len = self.ready()?.len;
        if !self.is_in_place(len) {
            self.file = None;
            self.ready()?;
        }
        if let Some(bytes) = failed {
            self.probe(bytes)?;
        }
        self.rotate_if_old();
        Ok(())
    }

    /// Empty lines, which every reader of CSV passes over, are written where the next batch would be, and cut off again.
    fn probe(&mut self, bytes: usize) -> Result<(), LogFault> {
        let result = self.put(&vec![b'\n'; bytes.max(4096)]);
        let undone = self.undo().map_err(LogFault::io("cut off a probe from", self.name.path()));
        result.and(undone)
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
            self.file = match take_up(&self.name, &self.header, &*self.disk)? {
                Some(file) => Some(LogFile::new(file).map_err(LogFault::io("look at", self.name.path()))?),
                None => Some(self.begin()?),
            };
        }
        Ok(self.file.as_mut().expect("it was opened"))
    }

    /// Cuts off what a failed batch left behind, which did not work when it failed.
    fn mend(&mut self) -> Result<(), LogFault> {
        let Err(error) = self.undo() else { return Ok(()) };
        let at_path = std::fs::metadata(self.name.path()).ok().map(|at_path| FileId::of(&at_path));
        if self.file.as_ref().map(|file| file.id) == at_path {
            return Err(LogFault::io("cut off half a batch from", self.name.path())(error));
        }
        // Someone has taken the damaged file away.
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
        self.telemetry.write.observe(written - started);
        if self.config.sync == LogSync::Fsync {
            self.disk.sync(file).map_err(LogFault::io("sync", path))?;
            self.telemetry.sync.observe(written.elapsed());
        }
        Ok(())
    }

    /// Cuts the file back to its committed bytes, or marks it as torn.
    fn undo(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let cut = file.file.metadata().and_then(|now| {
            // A file that someone else has shortened must not be filled up with zeros.
            if now.len() > file.len { self.disk.set_len(&file.file, file.len) } else { Ok(()) }
        });
        file.torn = cut.is_err();
        cut
    }

    /// Takes rows back from the end of a file that is no longer the log, so that they are not in two files, and
    /// forgets that file.
    fn take_back(&mut self, rows: &[u8]) -> Result<(), LogFault> {
        let Some(LogFile { mut file, .. }) = self.file.take() else { return Ok(()) };
        let mut cut = || {
            let len = file.metadata()?.len();
            let Some(before) = len.checked_sub(rows.len() as u64) else { return Ok(()) };
            let mut tail = Vec::with_capacity(rows.len());
            file.seek(SeekFrom::Start(before))?;
            (&file).take(rows.len() as u64).read_to_end(&mut tail)?;
            if tail == rows { self.disk.set_len(&file, before) } else { Ok(()) }
        };
        cut().map_err(LogFault::io("take rows back from what was", self.name.path()))
    }

    /// Whether our file is still the log and `len` long. Asked after a batch is written and before it is answered, so
    /// that no answered row is in a file that was deleted before.
    fn is_still_ours(&mut self, len: u64) -> bool {
        let Some(file) = &mut self.file else { return false };
        if file.found.elapsed() > TRUST {
            return self.is_in_place(len);
        }
        len_if_named(&file.file) == Some(len)
    }

    /// Whether the file at the log's path is ours and `len` long.
    fn is_in_place(&mut self, len: u64) -> bool {
        let Some(file) = &mut self.file else { return false };
        let in_place =
            std::fs::metadata(self.name.path()).is_ok_and(|found| FileId::of(&found) == file.id && found.len() == len);
        if in_place {
            file.found = Instant::now();
        }
        in_place
    }

    /// A new file at the log's path. It gets its name once its header is whole.
    fn begin(&self) -> Result<LogFile, LogFault> {
        let fresh = self.fresh()?;
        self.put_in_place()?;
        Ok(fresh)
    }

    fn fresh(&self) -> Result<LogFile, LogFault> {
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
            LogFile::new(file)
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

    fn rotate_if_full(&mut self, more: usize) {
        if let (Some(file), Some(max)) = (&self.file, self.config.max_bytes)
            && file.len.saturating_add(more as u64) > max.get()
        {
            self.rotate_or_say_why_not();
        }
    }

    fn rotate_if_old(&mut self) {
        if let (Some(file), Some(max)) = (&self.file, self.config.max_age)
            && file.born.elapsed().is_ok_and(|age| age >= max)
        {
            self.rotate_or_say_why_not();
        }
    }

    /// A log that cannot be rotated is written on: rows matter more than the size of a file.
    fn rotate_or_say_why_not(&mut self) {
        let too_soon = self.rotation.tried.is_some_and(|when| when.elapsed() < PATIENCE);
        let header = self.header.line().len() as u64;
        let rows = self.file.as_ref().filter(|file| file.len > header && !file.torn).map(|file| file.len);
        if too_soon || !rows.is_some_and(|len| self.is_in_place(len)) {
            return;
        }
        match self.rotate() {
            Ok(()) => self.rotation = Rotation::default(),
            Err(fault) => {
                let problem: Arc<str> =
                    format!("the prediction log is written, but not rotated as asked: {fault}").into();
                if self.rotation.problem.as_ref() != Some(&problem) {
                    tracing::warn!("{problem}");
                }
                self.rotation = Rotation { problem: Some(problem), tried: Some(Instant::now()) };
            }
        }
    }

    fn rotate(&mut self) -> Result<(), LogFault> {
        let fresh = self.fresh()?;
        let parts = self.name.parts().map_err(LogFault::io("list", self.name.folder()))?;
        let part = self.name.rotated(parts.last().map_or(1, |(sequence, _)| sequence + 1));
        std::fs::rename(self.name.path(), &part).map_err(LogFault::io("rotate", self.name.path()))?;
        // Should the new file not get its name now, one is begun before the next row.
        self.file = None;
        self.telemetry.rotations.add(1);
        self.put_in_place()?;
        self.file = Some(fresh);
        tracing::info!("the prediction log goes on in a new file; its last rows are in {}", part.display());
        let keep = self.config.keep.map_or(usize::MAX, |keep| keep.get());
        for (_, old) in parts.iter().rev().skip(keep - 1) {
            std::fs::remove_file(old).map_err(LogFault::io("remove", old))?;
        }
        Ok(())
    }
}

impl LogFile {
    fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let born = metadata.created().or_else(|_| metadata.modified())?;
        Ok(LogFile { file, id: FileId::of(&metadata), len: metadata.len(), torn: false, born, found: Instant::now() })
    }
}

fn create_folder(name: &LogName) -> Result<(), LogFault> {
    std::fs::create_dir_all(name.folder()).map_err(LogFault::io("create", name.folder()))
}

fn write_all(disk: &dyn Disk, file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match disk.write(file, bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
