//! A task that was spawned in a scope.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use super::ScopeGuard;
use crate::failure::{Cancelled, Cause, Failure};

/// The task, and what its scope is told when it is dropped: at its end, or by a runtime that is shut down.
pub(super) struct Task<F> {
    /// There until it is dropped.
    future: Option<Pin<Box<F>>>,
    name: Arc<str>,
    guard: ScopeGuard,
    /// How it came to its end or was stopped, once it has.
    ended: Option<Result<(), Cause>>,
}

impl<F> Task<F>
where
    F: Future<Output = anyhow::Result<()>>,
{
    pub(super) fn new(name: Arc<str>, future: F, guard: ScopeGuard) -> Self {
        Self { future: Some(Box::pin(future)), name, guard, ended: None }
    }

    pub(super) async fn run(mut self) {
        if self.guard.stopped_by_now().is_some() {
            return;
        }
        let Self { future, guard, ended, .. } = &mut self;
        let mut future = future.as_mut().expect("there until dropped").as_mut();
        let mut stopped = pin!(guard.stopped());
        let how = poll_fn(|cx| {
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(Poll::Pending) => stopped.as_mut().poll(cx).map(cut_short),
                // Its drop comes later, since a panic of that comes after what it returned.
                Ok(Poll::Ready(result)) => Poll::Ready(result.map_err(Cause::of_error)),
                Err(payload) => Poll::Ready(Err(Cause::of_panic(payload))),
            }
        })
        .await;
        *ended = Some(how);
    }
}

/// To be cancelled by hand is no failure.
fn cut_short(by: Cancelled) -> Result<(), Cause> {
    if by == Cancelled::Scope { Ok(()) } else { Err(Cause::Cancelled(by)) }
}

impl<F> Drop for Task<F> {
    fn drop(&mut self) {
        // Asked first: with what the task has, the last owner of the scope may go, which cancels it.
        let stopped = || self.guard.stopped_by_now().unwrap_or(Cancelled::Runtime);
        let ended = self.ended.take().unwrap_or_else(|| cut_short(stopped()));
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(self.future.take())));
        let dropped = dropped.err().map(Cause::of_panic);
        if let Some(cause) = ended.err().or(dropped) {
            self.guard.fail(Failure::new(None, &self.name, cause));
        }
    }
}
