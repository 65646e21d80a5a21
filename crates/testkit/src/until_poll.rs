//! Futures that are given up at some poll.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// The future's output; `None` when it was dropped at that poll, the first being 1: woken, perhaps, and not polled.
pub async fn until_poll<F: Future>(poll: usize, future: F) -> Option<F::Output> {
    let (mut future, mut polls) = (pin!(future), 0);
    poll_fn(|cx| {
        polls += 1;
        if polls == poll { Poll::Ready(None) } else { future.as_mut().poll(cx).map(Some) }
    })
    .await
}
