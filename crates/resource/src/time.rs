//! Waiting for something, but not longer than it is given.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

/// What `future` comes to, unless it takes longer; on a runtime without timers it may take as long as it likes.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    if let Poll::Ready(output) = poll_once(future.as_mut()).await {
        return Some(output);
    }
    // A runtime cannot be asked for its timer: tokio panics where there is none.
    let unready = future.as_mut();
    let Ok(limited) = catch_unwind(AssertUnwindSafe(move || timeout(limit, unready))) else {
        return Some(future.await);
    };
    limited.await.ok()
}

pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
