//! The streams of the cluster: how they are made, and how they are found.

use crate::cluster::{Cluster, TIME_LIMIT};
use crate::config::SetupFlags;
use crate::subject::{self, INPUT, OUTPUT};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream, SubjectTransform};
use std::collections::HashMap;
use std::fmt::Debug;
use tokio::time::timeout;

/// The key of the number of partitions in the metadata of the stream `OUT`.
const PARTITIONS: &str = "partitions";

/// The streams, and into how many partitions they are divided.
#[derive(Debug, Clone)]
pub struct Streams {
    /// Readings.
    pub input: Stream,
    /// Records, alarms, events, rejected readings and checkpoints.
    pub output: Stream,
    /// The number of partitions.
    pub partitions: u32,
}

/// Why the streams cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// There is no stream of that name.
    #[error("the cluster has no stream {0}; make it with `worker setup`")]
    Missing(&'static str),
    /// There is one, and it is not what `setup` makes.
    #[error("the stream {name} was not made by `worker setup`: {problem}; name another cluster or account")]
    Foreign {
        /// The stream.
        name: &'static str,
        /// The difference.
        problem: String,
    },
    /// The streams disagree.
    #[error("IN has {input} partitions and OUT was made for {output}; make both with one `worker setup`")]
    Partitions {
        /// Of the stream of readings.
        input: u32,
        /// Of the stream of records.
        output: u32,
    },
    /// A stream that was asked for is there and is another.
    #[error("{0}")]
    Differs(String),
    /// The cluster did not answer, or refused.
    #[error("{stream}: {problem}")]
    Cluster {
        /// The stream.
        stream: &'static str,
        /// What was said.
        problem: String,
    },
}

/// Whether a stream was made or was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    Now,
    /// It was there, as asked for.
    Before,
}

/// Finds the streams that [`setup`] made.
///
/// # Errors
/// If one is not there or is another, or if the cluster does not answer.
pub async fn find(cluster: &Cluster) -> Result<Streams, StreamsError> {
    let input = get(cluster, INPUT).await?.ok_or(StreamsError::Missing(INPUT))?;
    let output = get(cluster, OUTPUT).await?.ok_or(StreamsError::Missing(OUTPUT))?;
    let foreign = |name, problem: &str| StreamsError::Foreign { name, problem: problem.to_owned() };
    let transform = input.cached_info().config.subject_transform.as_ref();
    let partitions = transform.and_then(|transform| subject::partitions_of(&transform.destination));
    let partitions = partitions.ok_or_else(|| foreign(INPUT, "it does not move readings into partitions"))?;
    let config = &output.cached_info().config;
    if !config.allow_atomic_publish {
        return Err(foreign(OUTPUT, "it does not allow atomic batches"));
    }
    let made_for = config.metadata.get(PARTITIONS).and_then(|number| number.parse().ok());
    let made_for = made_for.ok_or_else(|| foreign(OUTPUT, "it does not say for how many partitions it is"))?;
    if made_for != partitions {
        return Err(StreamsError::Partitions { input: partitions, output: made_for });
    }
    Ok(Streams { input, output, partitions })
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
        let stream = get(cluster, name).await?;
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
            made.map_err(|_| no_answer(name))?.map_err(|error| refused(name, error))?;
        }
    }
    let made = |is_there: bool| if is_there { Made::Before } else { Made::Now };
    Ok([(INPUT, made(found[0])), (OUTPUT, made(found[1]))])
}

async fn get(cluster: &Cluster, name: &'static str) -> Result<Option<Stream>, StreamsError> {
    match timeout(TIME_LIMIT, cluster.jetstream.get_stream(name)).await {
        Err(_) => Err(no_answer(name)),
        Ok(Ok(stream)) => Ok(Some(stream)),
        Ok(Err(error)) => match error.kind() {
            GetStreamErrorKind::JetStream(answer) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            _ => Err(refused(name, error)),
        },
    }
}

fn no_answer(stream: &'static str) -> StreamsError {
    let problem = "the cluster does not answer; see that more than half of its nodes run".to_owned();
    StreamsError::Cluster { stream, problem }
}

fn refused(stream: &'static str, error: impl std::error::Error) -> StreamsError {
    StreamsError::Cluster { stream, problem: error.to_string() }
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
