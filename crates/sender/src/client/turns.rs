//! The order of a turbine's readings: to a cluster, each is sent once the one before it is acknowledged.

use crate::feed::Delivery;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The last delivery of each turbine.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<usize, oneshot::Receiver<()>>>);

/// The place of a delivery in its turbine's queue. Dropping it, on acknowledgement, releases the next delivery.
#[derive(Debug)]
pub struct Place {
    /// Bounds the deliveries that are not acknowledged.
    _slot: Option<OwnedSemaphorePermit>,
    /// Resolves when the turbine's delivery before this one has dropped its place.
    before: Option<oneshot::Receiver<()>>,
    _done: Option<oneshot::Sender<()>>,
}

impl Turns {
    /// Queues a delivery behind the last one of the same turbine.
    pub(super) fn queue(&self, delivery: &Delivery, slot: Option<OwnedSemaphorePermit>) -> Place {
        let (done, next) = oneshot::channel();
        let turbine = delivery.readings.first().map_or(0, |reading| reading.turbine);
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(turbine, next);
        Place { _slot: slot, before, _done: Some(done) }
    }
}

impl Place {
    /// A place that waits for no other delivery.
    pub(super) fn free(slot: Option<OwnedSemaphorePermit>) -> Self {
        Place { _slot: slot, before: None, _done: None }
    }

    /// Waits until the turbine's delivery before this one is acknowledged.
    pub(super) async fn turn(&mut self) {
        if let Some(before) = self.before.take() {
            // Always an error: nothing is ever sent, the sender is only dropped.
            let _ = before.await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::source::Outgoing;
    use futures_util::FutureExt;
    use std::sync::Arc;
    use std::time::Instant;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn each_turbine_has_one_delivery_under_way() {
        let slots = Arc::new(Semaphore::new(4));
        let turns = Turns::default();
        let queue = |turbine| {
            let readings = vec![Outgoing { turbine, ..Outgoing::default() }];
            let delivery = Delivery { number: 0, first: 0, readings, due: Instant::now() };
            turns.queue(&delivery, Arc::clone(&slots).try_acquire_owned().ok())
        };
        let (mut first, mut other, mut second, mut third) = (queue(1), queue(2), queue(1), queue(1));
        assert!(first.turn().now_or_never().is_some() && other.turn().now_or_never().is_some());
        // As in the loop, waiting is cancelled and resumed.
        let mut waiting = Box::pin(second.turn());
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(slots.available_permits(), 0);
        drop(first);
        assert!(waiting.as_mut().now_or_never().is_some());
        assert_eq!(slots.available_permits(), 1);
        drop(waiting);
        drop(second);
        assert!(third.turn().now_or_never().is_some());
    }
}
