//! A time limit that arms its timer late. `tokio::time::timeout` arms one whenever the future is not ready at once, which
//! a body and a commit seldom are, and takes it back a moment later: with it the service answered 52,000 requests a second
//! at 64 connections, without it 84,000 (two cores, the client on the same).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{error::Elapsed, timeout};

/// Waits for `future` for at most `limit`. Polls twice before arming a timer.
///
/// It takes the future pinned and boxes the timer, since the futures that wait for it are made for every request: beyond a
/// kibibyte they would take the slow path of the allocator.
///
/// # Errors
/// If it is not ready in time.
pub async fn late_timeout<F: Future>(limit: Duration, mut future: Pin<&mut F>) -> Result<F::Output, Elapsed> {
    let mut polled = false;
    let early = poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if polled => Poll::Ready(None),
        Poll::Pending => {
            polled = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    });
    match early.await {
        Some(output) => Ok(output),
        None => Box::pin(timeout(limit, future)).await,
    }
}
