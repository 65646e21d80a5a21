//! Waits with a time limit.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

/// Returns the output of `future`, or `None` after `limit`. On a runtime without timers there is no limit.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    if let Poll::Ready(output) = poll_once(future.as_mut()).await {
        return Some(output);
    }
    // A runtime has no query for its timers, and `timeout` panics on a runtime without timers.
    let unready = future.as_mut();
    let Ok(limited) = catch_unwind(AssertUnwindSafe(move || timeout(limit, unready))) else {
        return Some(future.await);
    };
    limited.await.ok()
}

pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
