//! The streams of the cluster, which `worker setup` makes.

use crate::connection::{Cluster, TIME_LIMIT};
use crate::subject::{self, INPUT, OUTPUT};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::Stream;
use tokio::time::timeout;

/// Metadata key of the stream `OUT` for the number of partitions.
pub const PARTITIONS: &str = "partitions";

/// The streams and their number of partitions.
#[derive(Debug, Clone)]
pub struct Streams {
    /// Readings.
    pub input: Stream,
    /// Records, alarms, events, rejected readings and checkpoints.
    pub output: Stream,
    /// The number of partitions.
    pub partitions: u32,
}

/// Error while finding or creating the streams.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// There is no stream of that name.
    #[error("the cluster has no stream {0}; make it with `worker setup`")]
    Missing(&'static str),
    /// A stream exists, but `setup` would not create it like this.
    #[error("the stream {name} was not made by `worker setup`: {problem}; name another cluster or account")]
    Foreign {
        /// The stream.
        name: &'static str,
        /// The difference.
        problem: String,
    },
    /// The two streams have different numbers of partitions.
    #[error("IN has {input} partitions and OUT was made for {output}; make both with one `worker setup`")]
    Partitions {
        /// Of the stream of readings.
        input: u32,
        /// Of the stream of records.
        output: u32,
    },
    /// A stream exists with another configuration than requested.
    #[error("{0}")]
    Differs(String),
    /// The cluster did not answer, or refused.
    #[error("{stream}: {problem}")]
    Cluster {
        /// The stream.
        stream: &'static str,
        /// The error.
        problem: String,
    },
}

/// Finds the streams.
///
/// # Errors
/// If one is missing or has another configuration, or if the cluster does not answer.
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

/// The stream of that name; `None` if there is none.
///
/// # Errors
/// If the cluster does not answer.
pub async fn get(cluster: &Cluster, name: &'static str) -> Result<Option<Stream>, StreamsError> {
    match timeout(TIME_LIMIT, cluster.jetstream.get_stream(name)).await {
        Err(_) => Err(StreamsError::no_answer(name)),
        Ok(Ok(stream)) => Ok(Some(stream)),
        Ok(Err(error)) => match error.kind() {
            GetStreamErrorKind::JetStream(answer) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            // The client's own time limit, or nobody who listens: the streams have no leader.
            GetStreamErrorKind::Request => Err(StreamsError::no_answer(name)),
            _ => Err(StreamsError::refused(name, error)),
        },
    }
}

impl StreamsError {
    /// The error of a request about this stream that timed out.
    pub fn no_answer(stream: &'static str) -> Self {
        let problem = "the cluster does not answer; see that more than half of its nodes run".to_owned();
        StreamsError::Cluster { stream, problem }
    }

    /// The cluster answered with an error.
    pub fn refused(stream: &'static str, error: impl std::error::Error) -> Self {
        StreamsError::Cluster { stream, problem: error.to_string() }
    }
}
