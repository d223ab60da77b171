#![allow(clippy::unwrap_used)]
//! The log as its users see it: what they append, what they find in the files.

mod append;
mod failing;
mod rotation;
mod start;
mod taken_away;

use super::disk::Disk;
use super::*;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;
use tempfile::TempDir;
use turbine_core::prediction::{LogName, LogReader, Prediction};

const HEADER: &str = "timestamp,temperature,humidity,sound_volume,is_anomaly,anomaly_score,turbine_id,model_version\n";

/// A record that can be told from others by its turbine.
fn record(id: &str) -> PredictionRecord {
    PredictionRecord {
        timestamp: "2026-01-31T12:00:00.25Z".parse().unwrap(),
        values: vec![25.0, 60.2, 0.5],
        prediction: Prediction { anomaly_score: 0.4, is_anomaly: false },
        turbine_id: Some(id.parse().unwrap()),
        model_version: "0123456789ab".into(),
    }
}

/// Its line.
fn line(id: &str) -> String {
    format!("2026-01-31T12:00:00.25Z,25.0,60.2,0.5,0,0.4,{id},0123456789ab\n")
}

/// A log in a folder of its own.
struct Place {
    folder: TempDir,
    config: LogConfig,
}

impl Place {
    fn new(sync: LogSync) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = LogConfig { sync, ..LogConfig::new(folder.path().join("logs/log.csv")) };
        Place { folder, config }
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

    fn try_open(&self) -> Result<PredictionLog, LogFault> {
        PredictionLog::open(self.config.clone(), &FeatureSet::turbine())
    }

    fn open(&self) -> PredictionLog {
        self.try_open().unwrap()
    }

    fn open_on(&self, disk: &Arc<FaultyDisk>) -> PredictionLog {
        PredictionLog::open_on(self.config.clone(), &FeatureSet::turbine(), Arc::clone(disk) as Arc<dyn Disk>).unwrap()
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
async fn load(log: &PredictionLog, mark: &str, tasks: usize, rows: usize) -> HashMap<String, Instant> {
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

/// A writer without a queue: what fails can be looked at step by step.
struct Bench {
    place: Place,
    disk: Arc<FaultyDisk>,
    writer: Writer,
}

impl Bench {
    fn at(place: Place) -> Self {
        let disk = Arc::new(FaultyDisk::default());
        let header = Header::new(&FeatureSet::turbine());
        let writer =
            Writer::open(place.config.clone(), header, Arc::clone(&disk) as Arc<dyn Disk>, Arc::default()).unwrap();
        Bench { place, disk, writer }
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
