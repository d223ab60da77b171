#![allow(clippy::unwrap_used)]
//! The log as its users see it: what they append, what they find in the files.

mod append;
mod failing;
mod rotation;
mod start;
mod taken_away;

use super::disk::Disk;
use super::*;
use crate::group_commit::{Commit, CommitError, GroupCommit, GroupCommitConfig, Placement, Weight};
use prometheus::Registry;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use turbine_core::prediction::{LogName, LogReader, Prediction, Watch};

const HEADER: &str = "timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score,turbine_id,model_version,surprisal,smoothed_surprisal,in_alarm,carried,missing\n";

/// A record that can be told from others by its turbine.
fn record(id: &str) -> PredictionRecord {
    PredictionRecord {
        timestamp: "2026-01-31T12:00:00.25Z".parse().unwrap(),
        values: vec![25.0, 60.2, 0.5],
        prediction: Prediction { anomaly_score: 0.4, is_anomaly: false },
        turbine_id: Some(id.parse().unwrap()),
        model_version: "m0123456789ab".into(),
        watch: Watch { surprisal: Some(1.5), smoothed_surprisal: None, in_alarm: false },
        gaps: Default::default(),
    }
}

/// Its line.
fn line(id: &str) -> String {
    format!("2026-01-31T12:00:00.25Z,25.0,60.2,0.5,0,0.4,{id},m0123456789ab,1.5,,0,,\n")
}

/// The log as a service uses it: many tasks append to it.
#[derive(Clone)]
struct SharedLog {
    commits: GroupCommit<Rows>,
    telemetry: LogTelemetry,
}

/// Commits rows and nothing else.
struct Rows(CsvLog);

impl Commit for Rows {
    type Item = Vec<PredictionRecord>;
    type Receipt = ();
    type Fault = LogFault;

    fn commit(&mut self, items: Vec<Self::Item>) -> Result<Vec<()>, LogFault> {
        let records: Vec<&PredictionRecord> = items.iter().flatten().collect();
        self.0.append(&records)?;
        Ok(items.iter().map(|_| ()).collect())
    }

    fn maintain(&mut self) -> Result<(), LogFault> {
        self.0.maintain()
    }

    fn close(&mut self) -> Result<(), LogFault> {
        self.0.close()
    }
}

impl SharedLog {
    async fn append(&self, records: &[PredictionRecord]) -> Result<(), CommitError> {
        self.append_within(PATIENCE, records).await
    }

    async fn append_within(&self, limit: Duration, records: &[PredictionRecord]) -> Result<(), CommitError> {
        let weight = Weight { rows: records.len() as u64, bytes: records.len() * line("a").len() };
        self.commits.queue(records.to_vec(), weight)?.receipt(limit).await
    }

    fn accepting(&self) -> bool {
        self.commits.status().refusal.is_none()
    }

    fn queued_rows(&self) -> u64 {
        self.commits.status().rows + self.telemetry.buffered_rows.get() as u64
    }

    async fn close(&self) -> Result<(), CommitError> {
        self.commits.close().await
    }
}

/// A log in a folder of its own.
struct Place {
    folder: TempDir,
    config: LogConfig,
    max_queue_bytes: usize,
}

impl Place {
    fn new(sync: LogSync) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/log.csv");
        let config = LogConfig { path, sync, max_bytes: None, max_age: None, keep: None };
        Place { folder, config, max_queue_bytes: 16 << 20 }
    }

    /// A place where an earlier service left this in the file.
    fn with(text: impl AsRef<[u8]>) -> Self {
        let place = Place::new(LogSync::Write);
        std::fs::create_dir(place.path().parent().unwrap()).unwrap();
        std::fs::write(place.path(), text).unwrap();
        place
    }

    fn path(&self) -> &Path {
        &self.config.path
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.path().with_file_name(name)
    }

    fn try_open(&self) -> Result<SharedLog, LogFault> {
        self.try_open_on(Arc::new(disk::RealDisk))
    }

    fn try_open_on(&self, disk: Arc<dyn Disk>) -> Result<SharedLog, LogFault> {
        let telemetry = LogTelemetry::new(&Registry::new());
        let log = CsvLog::open_on(self.config.clone(), &FeatureSet::turbine(), telemetry.clone(), disk)?;
        let placement = if self.config.sync == LogSync::Fsync { Placement::Blocking } else { Placement::Inline };
        let config = GroupCommitConfig {
            placement,
            max_queue_bytes: self.max_queue_bytes,
            maintenance: Duration::from_millis(50),
        };
        Ok(SharedLog { commits: GroupCommit::new(Rows(log), config), telemetry })
    }

    fn open(&self) -> SharedLog {
        self.try_open().unwrap()
    }

    fn open_on(&self, disk: &Arc<FaultyDisk>) -> SharedLog {
        self.try_open_on(Arc::clone(disk) as Arc<dyn Disk>).unwrap()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    /// The turbines of all rows of the set, in order; none may be torn.
    fn ids(&self) -> Vec<String> {
        let mut reader = LogReader::open(self.path()).unwrap();
        let ids = reader.by_ref().map(|row| row.unwrap().turbine_id.unwrap().to_string()).collect();
        assert_eq!(reader.skipped(), 0, "torn or mixed rows");
        ids
    }
}

/// How long a test waits for what must happen. Nothing is asserted about it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what another task will do, however long it takes.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How often each id stands in a list.
fn counts(ids: impl IntoIterator<Item = String>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for id in ids {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

/// Appends `rows` rows one by one in each of `tasks` tasks, their ids beginning with `mark`, and says when each append
/// that was answered had begun.
async fn load(log: &SharedLog, mark: &str, tasks: usize, rows: usize) -> HashMap<String, Instant> {
    let appenders: Vec<_> = (0..tasks)
        .map(|task| {
            let (log, mark) = (log.clone(), mark.to_owned());
            tokio::spawn(async move {
                let mut answered = Vec::new();
                for row in 0..rows {
                    let id = format!("{mark}{task}.{row}");
                    let begun = Instant::now();
                    if log.append(&[record(&id)]).await.is_ok() {
                        answered.push((id, begun));
                    }
                    tokio::task::yield_now().await;
                }
                answered
            })
        })
        .collect();
    let mut answered = HashMap::new();
    for appender in appenders {
        answered.extend(appender.await.unwrap());
    }
    answered
}

/// A log without a queue: what fails can be looked at step by step.
struct Bench {
    place: Place,
    disk: Arc<FaultyDisk>,
    log: CsvLog,
}

impl Bench {
    fn at(place: Place) -> Self {
        let disk = Arc::new(FaultyDisk::default());
        let telemetry = LogTelemetry::new(&Registry::new());
        let features = FeatureSet::turbine();
        let log = CsvLog::open_on(place.config.clone(), &features, telemetry, Arc::clone(&disk) as Arc<dyn Disk>);
        Bench { place, disk, log: log.unwrap() }
    }

    fn append(&mut self, ids: &[&str]) -> Result<(), LogFault> {
        let records: Vec<PredictionRecord> = ids.iter().map(|id| record(id)).collect();
        self.log.append(&records.iter().collect::<Vec<_>>())
    }
}

/// A disk that fails as it is told.
#[derive(Default)]
struct FaultyDisk(Mutex<Faults>);

#[derive(Default)]
struct Faults {
    /// Bytes that fit yet; cutting a file makes room again.
    room: Option<u64>,
    sync_fails: bool,
    cut_fails: bool,
    hangs: bool,
}

impl FaultyDisk {
    fn set(&self, faults: Faults) {
        *self.0.lock().unwrap() = faults;
    }

    fn hangs(&self) -> bool {
        self.0.lock().unwrap().hangs
    }
}

impl Disk for FaultyDisk {
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        let started = Instant::now();
        while self.hangs() {
            if started.elapsed() > PATIENCE / 3 {
                return Err(io::Error::other("it hung too long for this test"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let room = &mut self.0.lock().unwrap().room;
        let fits = room.map_or(bytes.len(), |room| bytes.len().min(room as usize));
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = io::Write::write(&mut file, &bytes[..fits])?;
        if let Some(room) = room {
            *room -= written as u64;
        }
        Ok(written)
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        let mut faults = self.0.lock().unwrap();
        if faults.cut_fails {
            return Err(io::Error::other("cutting fails"));
        }
        let before = file.metadata()?.len();
        file.set_len(len)?;
        if let Some(room) = &mut faults.room {
            *room += before.saturating_sub(len);
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.0.lock().unwrap().sync_fails { Err(io::Error::other("syncing fails")) } else { file.sync_data() }
    }
}
