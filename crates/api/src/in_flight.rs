//! Requests in flight, until the body of the answer is taken. tower's concurrency limit lets go of a request when its
//! answer begins: `a_stream_of_lines_is_in_flight_to_its_end` fails with it.

use axum::body::HttpBody;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

/// The number of requests in flight; clones count the same.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<AtomicU64>);

impl InFlight {
    /// Counts a request in, if it is one of the first `limit`, until the guard is dropped.
    pub fn enter(&self, limit: u64) -> Option<InFlightGuard> {
        let guard = InFlightGuard(self.0.clone());
        (self.0.fetch_add(1, Relaxed) < limit).then_some(guard)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A request in flight.
#[derive(Debug)]
pub struct InFlightGuard(Arc<AtomicU64>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The body of an answer, which keeps its request in flight until the server has taken or dropped all of it.
pub struct TrackedBody<B> {
    body: B,
    _guard: InFlightGuard,
}

impl<B> TrackedBody<B> {
    /// The same body, tracked.
    pub fn new(body: B, guard: InFlightGuard) -> Self {
        TrackedBody { body, _guard: guard }
    }
}

impl<B: HttpBody + Unpin> HttpBody for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_more_than_the_limit_are_let_in() {
        let in_flight = InFlight::default();
        let guards: Vec<_> = (0..2).map(|_| in_flight.enter(2).unwrap()).collect();
        assert!(in_flight.enter(2).is_none() && in_flight.enter(3).is_some());
        let body = TrackedBody::new(axum::body::Body::from("answer"), in_flight.enter(3).unwrap());
        assert_eq!((in_flight.count(), body.size_hint().exact()), (3, Some(6)));
        drop((guards, body));
        assert_eq!(in_flight.count(), 0);
    }
}
