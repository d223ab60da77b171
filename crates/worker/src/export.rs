//! The records of the cluster as a prediction log in CSV files, which the other programs read.

use crate::config::ExportFlags;
use anyhow::{Context as _, Result, bail};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use cluster::message::{Checkpoint, RecordRead};
use cluster::reader::last_checkpoint;
use cluster::streams::{self, Streams};
use cluster::subject::{Kind, OUTPUT};
use cluster::{Cluster, TIME_LIMIT};
use futures_util::StreamExt;
use pipeline::prediction_log::{CsvLog, LogTelemetry, RecordLog};
use pipeline::{LogConfig, LogSync};
use prometheus::Registry;
use std::path::{Path, PathBuf};
use tokio::time::timeout;
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{PredictionRecord, log_files};

/// The name of the log in its folder, as the service has it.
const LOG_FILE: &str = "predictions_log.csv";

/// Records that are written at once.
const CHUNK: usize = 1_000;

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Records that were written.
    pub rows: u64,
    /// The log.
    pub log: PathBuf,
}

/// Writes the records that the cluster has now, in the order in which they were stored: each turbine's in its own order.
///
/// # Errors
/// If there is a log already, if the cluster does not answer, or if the log cannot be written.
pub async fn export(cluster: &Cluster, flags: &ExportFlags) -> Result<Exported> {
    let log = flags.out.join(LOG_FILE);
    std::fs::create_dir_all(&flags.out).with_context(|| format!("cannot make the folder {}", flags.out.display()))?;
    if !log_files(&log).with_context(|| format!("cannot look into {}", flags.out.display()))?.is_empty() {
        bail!("there is a prediction log at {} already; name another folder (--out)", log.display());
    }
    let streams = streams::find(cluster).await?;
    let Some(features) = features(&streams).await? else { bail!("the cluster has no records yet") };
    let mut writer = Writer::open(&log, &features)?;
    let output = &streams.output;
    let consumer = output
        .create_consumer(pull::OrderedConfig {
            deliver_policy: DeliverPolicy::All,
            filter_subject: Kind::Record.subjects(),
            ..pull::OrderedConfig::default()
        })
        .await
        .with_context(|| format!("cannot read the stream {OUTPUT}"))?;
    let mut left = consumer.cached_info().num_pending;
    let mut messages = consumer.messages().await.with_context(|| format!("cannot read the stream {OUTPUT}"))?;
    while left > 0 {
        let message = timeout(10 * TIME_LIMIT, messages.next()).await.context("the records stopped coming")?;
        let message = message.context("the records ended early")?.context("the records cannot be read")?;
        let unreadable = || format!("a message of {} cannot be read", message.subject);
        let read: RecordRead = serde_json::from_slice(&message.payload).with_context(unreadable)?;
        let record = read.record.into_record(&features).with_context(unreadable)?;
        let is_early = flags.from.is_some_and(|from| record.timestamp < from);
        let is_late = flags.to.is_some_and(|to| record.timestamp >= to);
        if !is_early && !is_late {
            writer.add(record)?;
        }
        left -= 1;
    }
    Ok(Exported { rows: writer.finish()?, log })
}

/// The features of all records; `None` if there are none.
async fn features(streams: &Streams) -> Result<Option<FeatureSet>> {
    let mut found: Option<(u32, Vec<String>)> = None;
    for number in 0..streams.partitions {
        let Some((_, Checkpoint { features, .. })) = last_checkpoint(&streams.output, number).await? else { continue };
        match &found {
            Some((first, others)) if *others != features => bail!(
                "partition {first} has the features {} and partition {number} has {}; one log cannot hold both",
                others.join(", "),
                features.join(", ")
            ),
            Some(_) => {}
            None => found = Some((number, features)),
        }
    }
    let set = found.map(|(_, features)| FeatureSet::from_names(features)).transpose();
    set.context("the features of a checkpoint")
}

/// Writes records to a log, so many at once.
struct Writer {
    log: CsvLog,
    waiting: Vec<PredictionRecord>,
    rows: u64,
}

impl Writer {
    fn open(path: &Path, features: &FeatureSet) -> Result<Self> {
        let (path, sync) = (path.to_owned(), LogSync::Write);
        let config = LogConfig { path, sync, max_bytes: None, max_age: None, keep: None };
        let log = CsvLog::open(config, features, LogTelemetry::new(&Registry::new()))?;
        Ok(Writer { log, waiting: Vec::new(), rows: 0 })
    }

    fn add(&mut self, record: PredictionRecord) -> Result<()> {
        self.waiting.push(record);
        if self.waiting.len() >= CHUNK { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        self.log.append(&self.waiting.iter().collect::<Vec<_>>())?;
        self.rows += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// Writes the rest and gives the number of rows.
    fn finish(mut self) -> Result<u64> {
        self.write()?;
        self.log.close()?;
        Ok(self.rows)
    }
}
