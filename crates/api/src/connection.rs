//! Whether a connection is being answered or waited for, so that one on which nothing comes can be given up.
//!
//! hyper can do this too, with a timer for every request; here a connection has one for as long as it lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Stands for "since" while a request is answered.
const BUSY: u64 = u64::MAX;

/// One connection of a client.
#[derive(Debug)]
pub struct Connection {
    accepted: Instant,
    /// Since when the head of a request has been waited for, in milliseconds from `accepted`.
    waiting_since: AtomicU64,
}

impl Connection {
    /// A connection that was accepted now.
    pub fn accepted() -> Arc<Self> {
        Arc::new(Connection { accepted: Instant::now(), waiting_since: AtomicU64::new(0) })
    }

    /// The head of a request has arrived. Its answer is given once what is returned is dropped.
    pub fn begin(self: &Arc<Self>) -> Answering {
        self.waiting_since.store(BUSY, Relaxed);
        Answering(Arc::clone(self))
    }

    /// Done once no whole head of a request has arrived for as long as `limit`.
    pub async fn neglected(&self, limit: Duration) {
        loop {
            let waited = self.waited();
            if waited >= limit {
                return;
            }
            tokio::time::sleep(limit - waited).await;
        }
    }

    fn waited(&self) -> Duration {
        match self.waiting_since.load(Relaxed) {
            BUSY => Duration::ZERO,
            since => self.accepted.elapsed().saturating_sub(Duration::from_millis(since)),
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Answering(Arc<Connection>);

impl Drop for Answering {
    fn drop(&mut self) {
        let Connection { accepted, waiting_since } = &*self.0;
        waiting_since.store(u64::try_from(accepted.elapsed().as_millis()).unwrap_or(BUSY - 1), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const LIMIT: Duration = Duration::from_millis(50);
    const LONGER: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_connection_is_neglected_unless_a_request_is_answered() {
        let connection = Connection::accepted();
        let answering = connection.begin();
        assert!(timeout(LONGER, connection.neglected(LIMIT)).await.is_err());
        drop(answering);
        assert!(connection.waited() < LONGER);
        connection.neglected(LIMIT).await;
        assert!(connection.waited() >= LIMIT);
    }
}
