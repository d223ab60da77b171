//! The streams of the cluster: how they are made, and what differs in those that are there.

use crate::config::SetupFlags;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, SubjectTransform};
use cluster::streams::{self, PARTITIONS, StreamsError};
use cluster::subject::{self, INPUT, OUTPUT};
use cluster::{Cluster, TIME_LIMIT};
use std::collections::HashMap;
use std::fmt::Debug;
use tokio::time::timeout;

/// Whether a stream was made or was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    Now,
    /// It was there, as asked for.
    Before,
}

/// Makes the streams that are not there. Those that are there are compared and never changed.
///
/// # Errors
/// With everything that differs from what was asked for, or if the cluster refuses.
pub async fn setup(cluster: &Cluster, flags: &SetupFlags) -> Result<[(&'static str, Made); 2], StreamsError> {
    let wanted = [(INPUT, input(flags)), (OUTPUT, output(flags))];
    let mut differences = Vec::new();
    let mut found = Vec::new();
    for (name, wanted) in &wanted {
        let stream = streams::get(cluster, name).await?;
        if let Some(stream) = &stream {
            differences.extend(compare(wanted, &stream.cached_info().config));
        }
        found.push(stream.is_some());
    }
    if !differences.is_empty() {
        let remedy = "nothing was changed; ask for what is there, change it with the cluster's own tool, or delete the \
                      streams, with all readings and records, to begin anew";
        return Err(StreamsError::Differs(format!("{}; {remedy}", differences.join("; "))));
    }
    for ((name, wanted), is_there) in wanted.iter().zip(&found) {
        if !is_there {
            let made = timeout(2 * TIME_LIMIT, cluster.jetstream.create_stream(wanted.clone())).await;
            made.map_err(|_| StreamsError::no_answer(name))?.map_err(|error| StreamsError::refused(name, error))?;
        }
    }
    let made = |is_there: bool| if is_there { Made::Before } else { Made::Now };
    Ok([(INPUT, made(found[0])), (OUTPUT, made(found[1]))])
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
        // What was not scored yet must not make room for what comes.
        discard: DiscardPolicy::New,
        retention: RetentionPolicy::Limits,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        ..Config::default()
    }
}

/// What differs between a stream that was asked for and the one that is there.
fn compare(wanted: &Config, found: &Config) -> Vec<String> {
    let mut differences = Vec::new();
    let mut note = |field: &str, wanted: &dyn Debug, found: &dyn Debug| {
        let (wanted, found) = (format!("{wanted:?}"), format!("{found:?}"));
        if wanted != found {
            differences.push(format!("{field} is {found}, asked for was {wanted}"));
        }
    };
    let destination = |config: &Config| config.subject_transform.clone().map(|transform| transform.destination);
    let partitions = |config: &Config| {
        let of_input = destination(config).and_then(|destination| subject::partitions_of(&destination));
        of_input.or_else(|| config.metadata.get(PARTITIONS)?.parse().ok()).unwrap_or(0)
    };
    let name = &wanted.name;
    note(
        &format!("{name}: the number of partitions, which cannot be changed,"),
        &partitions(wanted),
        &partitions(found),
    );
    note(&format!("{name}: replicas"), &wanted.num_replicas, &found.num_replicas);
    note(&format!("{name}: storage"), &wanted.storage, &found.storage);
    note(&format!("{name}: subjects"), &wanted.subjects, &found.subjects);
    note(&format!("{name}: discard"), &wanted.discard, &found.discard);
    note(&format!("{name}: retention"), &wanted.retention, &found.retention);
    note(&format!("{name}: max_age"), &wanted.max_age, &found.max_age);
    note(&format!("{name}: max_bytes"), &wanted.max_bytes, &found.max_bytes);
    note(&format!("{name}: allow_atomic"), &wanted.allow_atomic_publish, &found.allow_atomic_publish);
    differences
}
