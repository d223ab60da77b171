//! Work that takes long, done where it holds up no other request.

use std::future::{Future, pending};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// From how many bytes of readings on scoring them takes longer than to hand them to another thread.
const MANY_BYTES: usize = 16 << 10;

/// Does work on so many bytes of readings: here if they are few, else on a blocking thread.
pub async fn offload<T: Send + 'static>(bytes: usize, work: impl Future<Output = T> + Send + 'static) -> T {
    if bytes < MANY_BYTES {
        return work.await;
    }
    let runtime = Handle::current();
    match spawn_blocking(move || runtime.block_on(work)).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and this task with it.
            Err(_) => pending().await,
        },
    }
}
