//! Known defects of similar libraries, with a small test for each.

mod cancelled;
mod discarded;
mod generated;
mod ordered;
mod unwinding;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use towpath_pattern::{IntoSource, Job, Run, Scope, Settings, Source};

/// Starts a run of `job` over `source`, in `scope`.
fn run_in<In, J, Kind>(
    scope: &Scope,
    source: impl IntoSource<In, Kind>,
    settings: Settings,
    job: J,
) -> Run<J::Out>
where
    In: Send + 'static,
    J: Job<In>,
{
    Run::spawn(scope.clone(), Source::new(source), settings, Arc::new(job))
}

/// Lets all tasks proceed that do not wait for the clock.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// Yields once to the end of the queue of the thread: every task that can proceed takes one step.
async fn one_step() {
    let mut stepped = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut stepped, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Returns the output of `future`, and panics with `what` if `future` does not complete. The clock should be paused.
async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    // Not `timeout`: `timeout` polls the future once more at the end, and the poll hides a missing wake-up.
    tokio::select! {
        biased;
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("{what} never came"),
        came = future => came,
    }
}
