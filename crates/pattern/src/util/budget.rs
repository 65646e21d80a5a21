//! A limit to the time of a wait.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::coop;
use tokio::time::{Instant, timeout_at};

/// Waits until `budget` has passed since this call. A budget beyond the range of the clock never passes.
///
/// The timer uses no budget of the task: a task that always finds outputs would use up the budget before every poll.
pub(crate) fn spent(budget: Duration) -> impl Future<Output = ()> + Send {
    let end = Instant::now().checked_add(budget);
    coop::unconstrained(async move {
        match end {
            Some(end) => drop(timeout_at(end, pending::<()>()).await),
            None => pending().await,
        }
    })
}

/// Waits for the first of two futures. Returns `true` if `first` has completed; both futures may have.
pub(crate) async fn first_of(first: impl Future, second: impl Future) -> bool {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| {
        if first.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        second.as_mut().poll(cx).map(|_| false)
    })
    .await
}
