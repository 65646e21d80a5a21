//! The lease of a resource to a job, which lasts until the job and the dependents of the resource have ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use towpath_pattern::{Cause, Scope};

use crate::guard::ResourceGuard;
use crate::pool::Pool;
use crate::resource::{JobOutcome, Resource};
use crate::slot::Slot;
use crate::time::poll_once;

/// The lease of a resource to a job. The drop of a lease that is not [complete](Lease::complete) stands for a job that was
/// stopped or has panicked.
pub(crate) struct Lease<'a, R: Resource> {
    pool: &'a Arc<Pool<R>>,
    slot: Arc<Slot<R::State>>,
    outcome: Option<JobOutcome>,
}

impl<'a, R: Resource> Lease<'a, R> {
    /// Leases an idle resource of the pool, or a new resource.
    ///
    /// # Errors
    ///
    /// Returns the error of the acquisition.
    pub(crate) async fn take(pool: &'a Arc<Pool<R>>) -> anyhow::Result<(ResourceGuard<R::State>, Self)> {
        let (guard, slot) = pool.check_out().await?;
        Ok((guard, Self { pool, slot, outcome: None }))
    }

    /// Returns the scope of the resource if the job has created the scope.
    #[inline]
    pub(crate) fn scope(&self) -> Option<Scope> {
        self.slot.existing_scope()
    }

    /// Waits for the end of the scope, and returns the final result of a job with `result`. The error of a job cancels the
    /// scope.
    pub(crate) async fn wait_for_scope<T>(
        &self,
        scope: Scope,
        result: anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if result.is_err() {
            scope.cancel();
        }
        let mut pending = PendingResult { pool: self.pool, result: Some(result) };
        let ended = scope.wait().await;
        let result = pending.result.take().expect("present until the return");
        if !self.slot.is_checked_out() {
            scope.cancel();
            // A task outside the job may just have started a dependent. There is no await here: a failure that the future has
            // taken would be lost with a cancelled await.
            match poll_once(pin!(scope.wait())).await {
                Poll::Ready(Ok(())) => self.slot.remove_scope(),
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

    /// Ends the lease with the outcome of the job.
    pub(crate) fn complete(mut self, outcome: JobOutcome) {
        self.outcome = Some(outcome);
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
    fn drop(&mut self) {
        let stopped = || if thread::panicking() { JobOutcome::Panic } else { JobOutcome::Cancellation };
        let next = self.slot.complete_job(self.outcome.unwrap_or_else(stopped));
        if let Some(next) = next {
            self.pool.reuse_or_release(Arc::clone(&self.slot), next);
        } else if self.outcome.is_none()
            && let Some(scope) = self.slot.existing_scope()
        {
            // A dependent in the scope may own the guard.
            scope.cancel();
        }
    }
}
