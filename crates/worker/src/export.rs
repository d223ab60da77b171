//! The records of the cluster as a prediction log in CSV files, which the other programs read.

use crate::cluster::{Cluster, TIME_LIMIT};
use crate::config::ExportFlags;
use crate::message::RecordRead;
use crate::streams;
use crate::subject::{Kind, OUTPUT};
use anyhow::{Context as _, Result, bail};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt;
use pipeline::prediction_log::{CsvLog, LogTelemetry, RecordLog};
use pipeline::{LogConfig, LogSync};
use prometheus::Registry;
use std::path::PathBuf;
use tokio::time::timeout;
use turbine_core::feature::FeatureSet;
use turbine_core::prediction::{NamedRecord, PredictionRecord, log_files};

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
    let output = streams::find(cluster).await?.output;
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
    let mut writer = Writer { log, open: None, waiting: Vec::new(), rows: 0 };
    while left > 0 {
        let message = timeout(10 * TIME_LIMIT, messages.next()).await.context("the records stopped coming")?;
        let message = message.context("the records ended early")?.context("the records cannot be read")?;
        let read = serde_json::from_slice::<RecordRead>(&message.payload);
        let NamedRecord { features, record } =
            read.with_context(|| format!("a message of {} cannot be read", message.subject))?.record;
        let is_early = flags.from.is_some_and(|from| record.timestamp < from);
        let is_late = flags.to.is_some_and(|to| record.timestamp >= to);
        if !is_early && !is_late {
            writer.add(features, record)?;
        }
        left -= 1;
    }
    writer.finish()
}

/// Writes records to a log of their features.
struct Writer {
    log: PathBuf,
    open: Option<(CsvLog, Vec<String>)>,
    waiting: Vec<PredictionRecord>,
    rows: u64,
}

impl Writer {
    fn add(&mut self, features: Vec<String>, record: PredictionRecord) -> Result<()> {
        match &mut self.open {
            Some((_, current)) if *current == features => {}
            Some(_) => {
                // Records of other features follow in a file of their own.
                self.write()?;
                let set = FeatureSet::from_names(features.clone()).context("the features of a record")?;
                if let Some((log, current)) = &mut self.open {
                    log.begin_anew(&set)?;
                    *current = features;
                }
            }
            None => self.open = Some((open(&self.log, &features)?, features)),
        }
        self.waiting.push(record);
        if self.waiting.len() >= CHUNK { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        if let Some((log, _)) = &mut self.open {
            log.append(&self.waiting.iter().collect::<Vec<_>>())?;
        }
        self.rows += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Exported> {
        self.write()?;
        if let Some((log, _)) = &mut self.open {
            log.close()?;
        }
        Ok(Exported { rows: self.rows, log: self.log })
    }
}

fn open(path: &std::path::Path, features: &[String]) -> Result<CsvLog> {
    let set = FeatureSet::from_names(features.to_vec()).context("the features of a record")?;
    let config = LogConfig { path: path.to_owned(), sync: LogSync::Write, max_bytes: None, max_age: None, keep: None };
    Ok(CsvLog::open(config, &set, LogTelemetry::new(&Registry::new()))?)
}
