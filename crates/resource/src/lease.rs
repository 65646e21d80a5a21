//! The lease of a resource to a job, which lasts until the job and the dependents of the resource have ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use towpath_pattern::{Cause, Panic, Scope, TimedOut};

use crate::pool::Pool;
use crate::resource::{JobOutcome, Resource};
use crate::shard::{NextStep, PlaceIndex, Shard};
use crate::time::poll_once;

/// The lease of a resource to a job. The drop of a lease that is not [complete](Lease::complete) stands for a job that was
/// stopped or has panicked.
pub(crate) struct Lease<'a, R: Resource> {
    pool: &'a Arc<Pool<R>>,
    shard: &'a Arc<Shard<R::State>>,
    place: PlaceIndex,
    completed: bool,
}

impl<'a, R: Resource> Lease<'a, R> {
    /// Leases a resource that is checked out.
    #[inline]
    pub(crate) fn new(pool: &'a Arc<Pool<R>>, shard: &'a Arc<Shard<R::State>>, place: PlaceIndex) -> Self {
        Self { pool, shard, place, completed: false }
    }

    /// Ends the lease of a job that has succeeded, if the resource can be reused at once. Otherwise returns `false`, and the
    /// lease goes on.
    #[inline]
    pub(crate) fn reuse_after_success(&mut self) -> bool {
        self.completed = self.shard.reuse_after_success(self.place);
        if self.completed {
            self.pool.notify_of_idle();
        }
        self.completed
    }

    /// Ends the lease of a job with `result`, unless the job has created the scope of the resource: then returns the scope.
    pub(crate) fn complete_without_scope<T>(&mut self, result: &anyhow::Result<T>) -> Option<Scope> {
        match self.shard.complete_job_without_scope(self.place, outcome_of(result)) {
            Err(scope) => Some(scope),
            Ok(next) => {
                self.completed = true;
                self.take_next_step(next);
                None
            }
        }
    }

    /// Ends the lease with the outcome of the job.
    fn complete(mut self, outcome: JobOutcome) {
        self.completed = true;
        self.take_next_step(self.shard.complete_job(self.place, outcome));
    }

    fn take_next_step(&self, next: NextStep<R::State>) {
        match next {
            NextStep::Wait => {}
            NextStep::Reused => self.pool.notify_of_idle(),
            NextStep::Release(removed) => self.pool.release([removed]),
        }
    }

    /// Waits for the end of the scope of the resource, ends the lease, and returns the final result of a job with `result`.
    pub(crate) async fn complete_after<T>(
        self,
        scope: Scope,
        result: anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let result = self.wait_for_scope(scope, result).await;
        self.complete(outcome_of(&result));
        result
    }

    /// Waits for the end of the scope, and returns the final result of a job with `result`. The error of a job cancels the
    /// scope.
    async fn wait_for_scope<T>(&self, scope: Scope, result: anyhow::Result<T>) -> anyhow::Result<T> {
        if result.is_err() {
            scope.cancel();
        }
        let mut pending = PendingResult { pool: self.pool, result: Some(result) };
        let ended = scope.wait().await;
        let result = pending.result.take().expect("present until the return");
        if !self.shard.is_checked_out(self.place) {
            scope.cancel();
            // A task outside the job may just have started a dependent. There is no await here: a failure that the future has
            // taken would be lost with a cancelled await.
            match poll_once(pin!(scope.wait())).await {
                Poll::Ready(Ok(())) => self.shard.remove_scope(self.place),
                Poll::Ready(Err(failure)) => self.pool.record(Cause::from_error(failure.into())),
                Poll::Pending => {}
            }
        }
        match ended {
            Ok(()) => result,
            Err(failure) if result.is_ok() => {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(result))) {
                    self.pool.record(Cause::from_panic(payload));
                }
                Err(failure.into())
            }
            Err(failure) => {
                self.pool.record(Cause::from_error(failure.into()));
                result
            }
        }
    }
}

/// The result of a job, until the job returns. The drop records an error that was not returned.
struct PendingResult<'a, R: Resource, T> {
    pool: &'a Pool<R>,
    result: Option<anyhow::Result<T>>,
}

impl<R: Resource, T> Drop for PendingResult<'_, R, T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.result.take() {
            self.pool.record(Cause::from_error(error));
        }
    }
}

impl<R: Resource> Drop for Lease<'_, R> {
    #[inline]
    fn drop(&mut self) {
        if !self.completed {
            self.abandon();
        }
    }
}

impl<R: Resource> Lease<'_, R> {
    /// Ends the lease of a job that was stopped or has panicked.
    #[cold]
    fn abandon(&self) {
        let outcome = if thread::panicking() { JobOutcome::Panic } else { JobOutcome::Cancellation };
        let (next, scope) = self.shard.abandon_job(self.place, outcome);
        // A dependent in the scope may own a guard that outlives the job.
        scope.iter().for_each(Scope::cancel);
        self.take_next_step(next);
    }
}

/// Returns the outcome of a job with `result`.
#[inline]
fn outcome_of<T>(result: &anyhow::Result<T>) -> JobOutcome {
    match result {
        Ok(_) => JobOutcome::Success,
        Err(error) if TimedOut::is_in(error) => JobOutcome::Timeout,
        Err(error) if Panic::is_in(error) => JobOutcome::Panic,
        Err(_) => JobOutcome::Error,
    }
}
