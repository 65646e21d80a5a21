//! A task of a scope.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use super::guard::ScopeGuard;
use crate::failure::{Cancelled, Cause, Failure, cancellation_in};
use crate::util::panic::{catch, drop_caught};

/// The future of a task. The drop records the outcome, at the end or during the shutdown of a runtime.
pub(super) struct Task<F> {
    /// Present until the drop.
    future: Option<Pin<Box<F>>>,
    name: Arc<str>,
    guard: ScopeGuard,
    /// Empty until the future has completed or was stopped.
    outcome: Option<Result<(), Cause>>,
}

impl<F> Task<F>
where
    F: Future<Output = anyhow::Result<()>>,
{
    pub(super) fn new(name: Arc<str>, future: F, guard: ScopeGuard) -> Self {
        Self { future: Some(Box::pin(future)), name, guard, outcome: None }
    }

    pub(super) async fn run(mut self) {
        if self.guard.stopped_by_now().is_some() {
            return;
        }
        let Self { future, guard, outcome, .. } = &mut self;
        let mut future = future.as_mut().expect("present until the drop").as_mut();
        let mut stopped = pin!(guard.stopped());
        let came_to = poll_fn(|cx| {
            match catch(|| future.as_mut().poll(cx)) {
                Ok(Poll::Pending) => stopped.as_mut().poll(cx).map(stopped_by),
                // The future is dropped later: a panic of the drop follows the result and replaces none.
                Ok(Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
                Ok(Poll::Ready(Err(error))) => Poll::Ready(failed_with(error, guard)),
                Err(payload) => Poll::Ready(Err(Cause::from_panic(payload))),
            }
        })
        .await;
        *outcome = Some(came_to);
    }
}

/// Returns the outcome of a task with an error.
///
/// A task with a run of the same scope, or of a child, may notice a cancellation by the failure of the run before the stop of
/// the task. Both are the same cancellation, so both have the same outcome.
fn failed_with(error: anyhow::Error, guard: &ScopeGuard) -> Result<(), Cause> {
    let stopped = cancellation_in(&error).and_then(|_| guard.stopped_by_now());
    let Some(by) = stopped else { return Err(Cause::from_error(error)) };
    drop_caught(error).map_or_else(|| stopped_by(by), |payload| Err(Cause::from_panic(payload)))
}

/// A cancellation by hand is no failure.
fn stopped_by(by: Cancelled) -> Result<(), Cause> {
    if by == Cancelled::Scope { Ok(()) } else { Err(Cause::Cancelled(by)) }
}

impl<F> Drop for Task<F> {
    fn drop(&mut self) {
        // Before the drop of the future: the future may hold the last clone of the scope, and so cancel the scope.
        let stopped = || self.guard.stopped_by_now().unwrap_or(Cancelled::Runtime);
        let outcome = self.outcome.take().unwrap_or_else(|| stopped_by(stopped()));
        let dropped = drop_caught(self.future.take()).map(Cause::from_panic);
        if let Some(cause) = outcome.err().or(dropped) {
            self.guard.fail(Failure::new(None, &self.name, cause));
        }
    }
}
