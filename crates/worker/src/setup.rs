//! Creates the streams of the cluster, and compares those that exist.

use crate::config::SetupFlags;
use crate::differences::Differences;
use crate::mqtt_source;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, Source, StorageType, SubjectTransform};
use cluster::mqtt::{self, CONSUMER};
use cluster::streams::{self, PARTITIONS, StreamsError};
use cluster::subject::{self, INPUT, OUTPUT};
use cluster::{Cluster, ClusterFlags, TIME_LIMIT};
use std::collections::HashMap;
use std::fmt::Debug;
use tokio::time::timeout;

/// Result of the setup for a stream or consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was created.
    Now,
    /// It existed with the requested configuration.
    Before,
    /// It existed, and the source of MQTT sensors was added.
    Extended,
}

/// Creates missing streams. Existing ones are compared and never changed, with one exception: `--mqtt` adds the durable
/// source to the stream of readings if it has none.
///
/// # Errors
/// Lists all differences from the flags; or if the cluster refuses.
pub async fn setup(
    cluster: &Cluster,
    connection: &ClusterFlags,
    flags: &SetupFlags,
) -> anyhow::Result<Vec<(&'static str, Made)>> {
    let wanted = [(INPUT, input(flags)), (OUTPUT, output(flags))];
    let mut differences = Differences::default();
    let mut found = Vec::new();
    for (name, wanted) in &wanted {
        let stream = streams::get(cluster, name).await?;
        let config = stream.map(|stream| stream.cached_info().config.clone());
        if let Some(config) = &config {
            compare(wanted, config, &mut differences);
        }
        found.push(config);
    }
    let has_consumer = match &flags.mqtt {
        Some(_) => mqtt_source::compare(cluster, usize::from(flags.replicas), &mut differences).await?,
        None => false,
    };
    differences.none()?;
    let mut made = Vec::new();
    // First, since the stream IN cannot be made without its source.
    if let Some(listener) = &flags.mqtt {
        if !has_consumer {
            mqtt_source::make(cluster, connection, listener.as_ref()).await?;
        }
        made.push((CONSUMER, if has_consumer { Made::Before } else { Made::Now }));
    }
    for ((name, wanted), found) in wanted.into_iter().zip(found) {
        made.push((name, make(cluster, name, wanted, found).await?));
    }
    Ok(made)
}

async fn make(
    cluster: &Cluster,
    name: &'static str,
    wanted: Config,
    found: Option<Config>,
) -> Result<Made, StreamsError> {
    let (config, is_made) = match found {
        None => (wanted, Made::Now),
        Some(found) if found.sources != wanted.sources => (Config { sources: wanted.sources, ..found }, Made::Extended),
        Some(_) => return Ok(Made::Before),
    };
    let refused = |error: &dyn std::fmt::Display| StreamsError::Cluster { stream: name, problem: error.to_string() };
    let answered = timeout(2 * TIME_LIMIT, async {
        match is_made {
            Made::Extended => cluster.jetstream.update_stream(config).await.map(drop).map_err(|error| refused(&error)),
            _ => cluster.jetstream.create_stream(config).await.map(drop).map_err(|error| refused(&error)),
        }
    });
    answered.await.map_err(|_| StreamsError::no_answer(name))??;
    Ok(is_made)
}

fn input(flags: &SetupFlags) -> Config {
    Config {
        name: INPUT.to_owned(),
        description: Some("Readings of turbines, by partition".to_owned()),
        subjects: vec![subject::READINGS.to_owned()],
        subject_transform: Some(SubjectTransform {
            source: subject::READINGS.to_owned(),
            destination: subject::partitioned(flags.partitions),
        }),
        sources: flags.mqtt.as_ref().map(|_| vec![mqtt::source(flags.partitions)]),
        max_age: flags.in_max_age,
        max_bytes: i64::try_from(flags.in_max_bytes.0).ok().filter(|bytes| *bytes > 0).unwrap_or(-1),
        ..common(flags)
    }
}

fn output(flags: &SetupFlags) -> Config {
    Config {
        name: OUTPUT.to_owned(),
        description: Some("Records, alarms, events, rejected readings and checkpoints".to_owned()),
        subjects: subject::of_output(),
        metadata: HashMap::from([(PARTITIONS.to_owned(), flags.partitions.to_string())]),
        max_bytes: -1,
        allow_atomic_publish: true,
        ..common(flags)
    }
}

fn common(flags: &SetupFlags) -> Config {
    Config {
        storage: if flags.in_memory { StorageType::Memory } else { StorageType::File },
        num_replicas: usize::from(flags.replicas),
        // Readings that are not scored yet must not be dropped for new ones.
        discard: DiscardPolicy::New,
        retention: RetentionPolicy::Limits,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        ..Config::default()
    }
}

/// Notes the differences between a requested stream and the existing one.
fn compare(wanted: &Config, found: &Config, differences: &mut Differences) {
    let destination = |config: &Config| config.subject_transform.clone().map(|transform| transform.destination);
    let partitions = |config: &Config| {
        let of_input = destination(config).and_then(|destination| subject::partitions_of(&destination));
        of_input.or_else(|| config.metadata.get(PARTITIONS)?.parse().ok()).unwrap_or(0)
    };
    let name = &wanted.name;
    let mut note = |field: &str, wanted: &dyn Debug, found: &dyn Debug| {
        differences.note(&format!("{name}: {field}"), wanted, found)
    };
    note("the number of partitions, which cannot be changed,", &partitions(wanted), &partitions(found));
    note("replicas", &wanted.num_replicas, &found.num_replicas);
    note("storage", &wanted.storage, &found.storage);
    note("subjects", &wanted.subjects, &found.subjects);
    note("discard", &wanted.discard, &found.discard);
    note("retention", &wanted.retention, &found.retention);
    note("max_age", &wanted.max_age, &found.max_age);
    note("max_bytes", &wanted.max_bytes, &found.max_bytes);
    note("allow_atomic", &wanted.allow_atomic_publish, &found.allow_atomic_publish);
    // A missing source is no difference: it is added.
    if found.sources.is_some() {
        note("the sources (--mqtt)", &described(wanted), &described(found));
    }
}

/// The sources of a stream, as text.
fn described(config: &Config) -> Vec<String> {
    let describe = |source: &Source| {
        let consumer = source.consumer.as_ref().map_or("no consumer", |consumer| &consumer.name);
        let destinations = source.subject_transforms.iter().map(|transform| &*transform.destination);
        format!("{consumer} of {} to {}", source.name, destinations.collect::<Vec<_>>().join(", "))
    };
    config.sources.iter().flatten().map(describe).collect()
}
