//! Waiting for what is mostly there already.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::error::Elapsed;

/// Waits for at most so long.
///
/// A timer is set only for what is still to come when it is asked for a second time, mostly after all others that are ready
/// have had their turn: to set one and take it back costs more than to score a reading.
///
/// # Errors
/// If it did not come in time.
pub async fn within<T>(limit: Duration, coming: impl Future<Output = T>) -> Result<T, Elapsed> {
    let mut coming = pin!(coming);
    let mut asked = false;
    let there = poll_fn(|cx| match coming.as_mut().poll(cx) {
        Poll::Ready(there) => Poll::Ready(Some(there)),
        Poll::Pending if asked => Poll::Ready(None),
        Poll::Pending => {
            asked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    });
    match there.await {
        Some(there) => Ok(there),
        None => tokio::time::timeout(limit, coming).await,
    }
}

/// Lets all others that are ready have their turn, unless the task that awaits this asks twice in a row.
pub async fn after_others() {
    let mut asked = false;
    poll_fn(|cx| {
        if asked {
            return Poll::Ready(());
        }
        asked = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
