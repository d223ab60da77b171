//! The model that the workers of a cluster share: the newest object of an object store, which `worker publish-model` writes.

use crate::connection::{Cluster, TIME_LIMIT};
use crate::streams::{self, Streams, StreamsError};
use async_nats::jetstream::object_store::{Config, InfoErrorKind, ObjectInfo, ObjectStore};
use std::io;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// The name of the object store.
pub const BUCKET: &str = "MODELS";

/// The stream behind the object store.
const STREAM: &str = "OBJ_MODELS";

/// The name of the object.
const OBJECT: &str = "model";

/// Maximum size of a model file, in bytes.
const LARGEST: usize = 256 << 20;

/// Time limit for publishing a model.
const PUBLISH: Duration = Duration::from_secs(60);

/// A published model file. Publishing the same content again gives it another `id`.
pub struct Published {
    /// Unique for each publication.
    pub id: String,
    store: ObjectStore,
    info: ObjectInfo,
}

/// Error while reading the content of a published file.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The content is damaged; a retry does not help.
    #[error("{0}")]
    Damaged(String),
    /// The cluster did not deliver it; a retry may succeed.
    #[error("{0}")]
    Undelivered(String),
}

/// Publishes the bytes of a model file. Creates the object store if needed, with as many replicas as the stream `OUT`.
///
/// # Errors
/// If the file is too large, or if the cluster refuses or does not answer.
pub async fn publish(cluster: &Cluster, streams: &Streams, mut bytes: &[u8]) -> Result<(), StreamsError> {
    if bytes.len() > LARGEST {
        let problem = format!("the model has {} bytes; at most {LARGEST} are taken", bytes.len());
        return Err(StreamsError::Cluster { stream: BUCKET, problem });
    }
    let store = match open(cluster).await? {
        Some(store) => store,
        None => make(cluster, streams).await?,
    };
    let put = timeout(PUBLISH, store.put(OBJECT, &mut bytes)).await;
    put.map_err(|_| StreamsError::no_answer(BUCKET))?.map_err(|error| StreamsError::refused(BUCKET, error))?;
    Ok(())
}

async fn make(cluster: &Cluster, streams: &Streams) -> Result<ObjectStore, StreamsError> {
    let records = &streams.output.cached_info().config;
    let config = Config {
        bucket: BUCKET.to_owned(),
        description: Some("The model of the workers".to_owned()),
        max_bytes: -1,
        storage: records.storage,
        num_replicas: records.num_replicas,
        ..Config::default()
    };
    let made = timeout(2 * TIME_LIMIT, cluster.jetstream.create_object_store(config)).await;
    made.map_err(|_| StreamsError::no_answer(BUCKET))?.map_err(|error| StreamsError::refused(BUCKET, error))
}

/// The object store; `None` if there is none.
async fn open(cluster: &Cluster) -> Result<Option<ObjectStore>, StreamsError> {
    if streams::get(cluster, STREAM).await?.is_none() {
        return Ok(None);
    }
    let found = timeout(TIME_LIMIT, cluster.jetstream.get_object_store(BUCKET)).await;
    let store = found.map_err(|_| StreamsError::no_answer(BUCKET))?;
    Ok(Some(store.map_err(|error| StreamsError::refused(BUCKET, error))?))
}

/// The newest file that was published; `None` if there is none, or if it was deleted.
///
/// # Errors
/// If the cluster does not answer.
pub async fn newest(cluster: &Cluster) -> Result<Option<Published>, StreamsError> {
    let Some(store) = open(cluster).await? else { return Ok(None) };
    let info = timeout(TIME_LIMIT, store.info(OBJECT)).await;
    match info.map_err(|_| StreamsError::no_answer(BUCKET))? {
        Ok(info) if info.deleted => Ok(None),
        Ok(info) => Ok(Some(Published { id: info.nuid.clone(), store, info })),
        Err(error) if error.kind() == InfoErrorKind::NotFound => Ok(None),
        Err(error) => Err(StreamsError::refused(BUCKET, error)),
    }
}

impl Published {
    /// The bytes of the file.
    ///
    /// # Errors
    /// If they are damaged, or if the cluster does not deliver them.
    pub async fn content(&self) -> Result<Vec<u8>, ContentError> {
        let size = self.info.size;
        if size > LARGEST {
            return Err(ContentError::Damaged(format!("it has {size} bytes; at most {LARGEST} are taken")));
        }
        self.read(size).await.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => ContentError::Damaged(format!("its content is damaged: {error}")),
            _ => ContentError::Undelivered(format!("the cluster does not deliver it: {error}")),
        })
    }

    async fn read(&self, size: usize) -> io::Result<Vec<u8>> {
        let object = timeout(2 * TIME_LIMIT, self.store.get(OBJECT)).await?.map_err(io::Error::other)?;
        if object.info.nuid != self.id {
            return Err(io::Error::other("another one was published meanwhile"));
        }
        let mut object = object.take(LARGEST as u64);
        let mut content = Vec::with_capacity(size);
        // If the object is replaced meanwhile, the rest may never arrive.
        while timeout(TIME_LIMIT, object.read_buf(&mut content)).await?? > 0 {}
        Ok(content)
    }
}
