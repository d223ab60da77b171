//! Requests in flight, until the last byte of the answer is handed to the system. tower's concurrency limit lets go of a
//! request when its answer begins: `a_stream_of_lines_is_in_flight_to_its_end` and, at shutdown,
//! `an_answer_that_is_read_slowly_is_sent_to_its_end` fail with it.

use axum::body::{Body, HttpBody};
use bytes::Bytes;
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

/// The body of an answer, which keeps its request in flight until the server has sent or dropped all of it.
pub struct TrackedBody {
    body: Body,
    guard: Arc<InFlightGuard>,
}

impl TrackedBody {
    /// The same body, tracked.
    pub fn new(body: Body, guard: InFlightGuard) -> Self {
        TrackedBody { body, guard: Arc::new(guard) }
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // The server drops the body when it has taken the last frame, but frames only when they are sent.
        frame.map_ok(|frame| {
            frame.map_data(|bytes| Bytes::from_owner(TrackedBytes { bytes, _guard: self.guard.clone() }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct TrackedBytes {
    bytes: Bytes,
    _guard: Arc<InFlightGuard>,
}

impl AsRef<[u8]> for TrackedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn an_answer_is_in_flight_until_its_last_frame_is_dropped() {
        let in_flight = InFlight::default();
        let mut body = TrackedBody::new(Body::from("answer"), in_flight.enter(1).unwrap());
        assert!(in_flight.enter(1).is_none());
        assert_eq!(in_flight.count(), 1);
        let frame = body.frame().await.unwrap().unwrap();
        drop(body);
        assert_eq!(in_flight.count(), 1);
        drop(frame);
        assert_eq!(in_flight.count(), 0);
    }
}
