//! Futures dropped at some poll.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Returns the output of `future`, or `None` if the future was dropped in place of the poll number `poll`, counted from 1.
///
/// The future may have been woken before the drop: for tests of cancel safety.
pub async fn until_poll<F: Future>(poll: usize, future: F) -> Option<F::Output> {
    let (mut future, mut polls) = (pin!(future), 0);
    poll_fn(|cx| {
        polls += 1;
        if polls == poll { Poll::Ready(None) } else { future.as_mut().poll(cx).map(Some) }
    })
    .await
}
