//! What happened, for those who follow the service: each event is told once it is in the log.

use std::sync::Arc;
use tokio::sync::broadcast;
use turbine_core::prediction::PredictionRecord;

/// Events that a follower may be behind; then it misses the oldest ones and is told how many.
const CAPACITY: usize = 1024;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Predictions were logged, in this order.
    Logged(Arc<[PredictionRecord]>),
    /// Another model is in service.
    Model {
        /// Its version.
        version: Arc<str>,
    },
}

/// Where events are told.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Events(broadcast::channel(CAPACITY).0)
    }
}

impl Events {
    /// Events from now on.
    pub fn follow(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    /// Tells an event, which is made only if there is a follower. A slow follower is never waited for.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if self.0.receiver_count() > 0 {
            // The last follower may have left meanwhile.
            let _ = self.0.send(event());
        }
    }
}
