//! Futures dropped at a given poll.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Returns the output of `future`, or `None` if the future was dropped in place of poll number `poll`, counted from 1.
///
/// Not for timeouts: the drop depends on a number of polls, not on time. Use the function in tests of cancel safety,
/// since the future may have been woken before the drop.
///
/// # Examples
///
/// ```
/// use tokio::sync::mpsc;
/// use towpath_testkit::until_poll;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// for poll in 1..=3 {
///     let (sender, mut receiver) = mpsc::channel(1);
///     sender.send(7).await.unwrap();
///     let receive = async {
///         tokio::task::yield_now().await;
///         receiver.recv().await
///     };
///
///     // The receive completes at the second poll. Every earlier drop leaves the item in the channel.
///     let received = until_poll(poll, receive).await.flatten();
///     assert_eq!(received.is_some(), poll > 2);
///     assert_eq!(received.or(receiver.try_recv().ok()), Some(7));
/// }
/// # }
/// ```
pub async fn until_poll<F: Future>(poll: usize, future: F) -> Option<F::Output> {
    let (mut future, mut polls) = (pin!(future), 0);
    poll_fn(|cx| {
        polls += 1;
        if polls == poll { Poll::Ready(None) } else { future.as_mut().poll(cx).map(Some) }
    })
    .await
}
