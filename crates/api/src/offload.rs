//! Work that takes long, done where it holds up no other request.

use std::future::{Future, pending};
use std::sync::Arc;
use std::thread::available_parallelism;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// From how many bytes of readings on scoring them takes longer than to hand them to another thread.
const MANY_BYTES: usize = 16 << 10;

/// The threads for such work. Who gives up waiting for one leaves nothing behind.
pub struct Offload(Arc<Semaphore>);

impl Default for Offload {
    /// As many as there are processors.
    fn default() -> Self {
        Offload(Arc::new(Semaphore::new(available_parallelism().map_or(2, usize::from))))
    }
}

impl Offload {
    /// Whether work on so many bytes of readings belongs here.
    pub fn is_for(bytes: usize) -> bool {
        bytes >= MANY_BYTES
    }

    /// Does work on a blocking thread once one is free.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let place = self.0.clone().acquire_owned().await.expect("the semaphore is never closed");
        let runtime = Handle::current();
        let work = move || {
            let done = runtime.block_on(work);
            drop(place);
            done
        };
        match spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and this task with it.
                Err(_) => pending().await,
            },
        }
    }
}
