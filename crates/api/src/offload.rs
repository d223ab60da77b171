//! Scoring of large batches on blocking threads, at most one a processor, since each takes several times the memory of its
//! body. On the runtime's own threads four clients that post batches of 10,000 leave others 300 requests a second (p50
//! 14 ms) instead of 13,000 (0.1 ms).

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// From this size of a body on, in bytes, scoring it takes longer than handing it to another thread.
const LARGE: usize = 16 << 10;

/// The threads for it.
#[derive(Debug)]
pub struct Offload(Arc<Semaphore>);

impl Default for Offload {
    fn default() -> Self {
        Offload(Arc::new(Semaphore::new(available_parallelism().map_or(2, usize::from))))
    }
}

impl Offload {
    /// Does the work on a body of so many bytes, here or on a blocking thread.
    ///
    /// Cancelling while it waits for a thread is safe: nothing is done then.
    pub async fn run<T: Send + 'static>(&self, bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
        if bytes < LARGE { work() } else { self.apart(work).await }
    }

    /// Does the work on a blocking thread.
    ///
    /// Cancelling while it waits for a thread is safe: nothing is done then.
    pub async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = self.0.clone().acquire_owned().await.expect("the semaphore is never closed");
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        match spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is shutting down, and this task with it.
                Err(_) => pending().await,
            },
        }
    }
}
