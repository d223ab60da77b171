//! One reader of the stream.

use super::ring::Next;
use super::{PERIOD, Shared, frame};
use bytes::Bytes;
use pipeline::Watch;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use turbine_core::reading::TurbineId;

/// One reader, which takes a frame when it can. Dropped, it makes room for another.
pub struct Reader {
    shared: Arc<Shared>,
    turbine: Option<Option<TurbineId>>,
    /// Keeps the readings of the turbine being gathered.
    _watch: Option<Watch>,
    newest: watch::Receiver<u64>,
    /// The last tick that it knows; `None` before a snapshot.
    position: Option<u64>,
    /// Whether it still catches up with what it missed while it was away.
    came_back: bool,
    /// How long after a tick was written it takes it.
    delay: Duration,
    /// A frame that follows the one that was taken last.
    pending: Option<Bytes>,
}

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        turbine: Option<Option<TurbineId>>,
        position: Option<u64>,
        delay: Duration,
    ) -> Self {
        let watch = turbine.clone().map(|turbine| shared.pipeline.watch(turbine));
        let newest = shared.newest.subscribe();
        Reader { shared, turbine, _watch: watch, newest, position, came_back: position.is_some(), delay, pending: None }
    }

    /// The next frame, once there is one; `None` when the service stops. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Bytes> {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            biased;
            () = shared.shutdown.begun() => None,
            frame = self.next_frame() => Some(frame),
        }
    }

    #[cfg(test)]
    pub(super) fn came_back(&self) -> bool {
        self.came_back
    }

    async fn next_frame(&mut self) -> Bytes {
        loop {
            if let Some(frame) = self.pending.take() {
                return frame;
            }
            // Before the ring is looked at, so that a tick that comes afterwards wakes it.
            self.newest.mark_unchanged();
            match self.look() {
                Next::Tick { number, frames: [readings, tick], is_incomplete } => {
                    self.position = (!is_incomplete).then_some(number);
                    let mut frames = [readings, tick].into_iter().filter(|frame| !frame.is_empty());
                    let first = frames.next();
                    self.pending = frames.next();
                    if let Some(first) = first {
                        return first;
                    }
                }
                Next::Snapshot(number, text) => {
                    (self.position, self.came_back) = (Some(number), false);
                    return text;
                }
                Next::NewSnapshot => self.write_snapshot().await,
                Next::Wait => {
                    self.came_back = false;
                    // Its sender lives as long as `shared`.
                    let _ = self.newest.changed().await;
                    if self.position.is_some() {
                        sleep(self.delay).await;
                    }
                }
            }
        }
    }

    fn look(&self) -> Next {
        self.shared.state().ring.next(self.position, self.came_back, self.turbine.as_ref())
    }

    /// Writes a snapshot for all readers that need one, unless another reader did so meanwhile.
    async fn write_snapshot(&self) {
        let _one_at_a_time = self.shared.snapshot.lock().await;
        if !matches!(self.look(), Next::NewSnapshot) {
            return;
        }
        // What changes from here on is in later ticks, and perhaps in the snapshot too.
        let Some(newest) = self.shared.state().ring.newest() else { return };
        let pipeline = self.shared.pipeline.clone();
        match spawn_blocking(move || frame::snapshot(newest, &pipeline)).await {
            Ok(text) => self.shared.state().ring.keep_snapshot(newest.number, text),
            // It panicked, and is asked for again.
            Err(_) => sleep(PERIOD).await,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.state().readers -= 1;
        self.shared.readers.dec();
    }
}
