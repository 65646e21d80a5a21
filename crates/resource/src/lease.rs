//! The lease of a resource to a job, which lasts until the job and the dependents of the resource have ended.

use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use towpath_pattern::{Cause, Panic, Scope, TimedOut};

use crate::guard::ResourceGuard;
use crate::resource::JobOutcome;
use crate::shard::{Owner, PlaceIndex, Shard};
use crate::time::poll_once;

/// The lease of a resource to a job. The drop of a lease that has not [ended](Lease::end) stands for a job that was stopped
/// or has panicked.
///
/// A waiting job holds its lease. So the lease holds no pool: the pool is an argument of the end.
pub(crate) struct Lease<'a, S: Send + 'static> {
    shard: &'a Arc<Shard<S>>,
    place: PlaceIndex,
}

impl<'a, S: Send + 'static> Lease<'a, S> {
    /// Leases a resource that is checked out.
    #[inline]
    pub(crate) fn new(shard: &'a Arc<Shard<S>>, place: PlaceIndex) -> Self {
        Self { shard, place }
    }

    /// Returns the guard of the resource, for the job.
    #[inline]
    pub(crate) fn guard(&self, state: S) -> ResourceGuard<S> {
        ResourceGuard::new(state, Arc::clone(self.shard), self.place)
    }

    /// Ends the lease of a job with `result`, and returns the final result of the job.
    ///
    /// # Errors
    ///
    /// Returns a future of the final result if the job has created the scope of the resource. The future waits for the end
    /// of the scope, and then ends the lease.
    #[inline]
    pub(crate) fn end<O, T>(
        self,
        pool: &'a O,
        result: anyhow::Result<T>,
    ) -> Result<anyhow::Result<T>, impl Future<Output = anyhow::Result<T>> + Send + use<'a, O, S, T>>
    where
        O: Owner<S>,
        T: Send,
    {
        let shard = self.shard;
        if result.is_ok() && shard.reuse_after_success(self.place) {
            mem::forget(self);
            pool.notify_of_idle();
            return Ok(result);
        }
        match shard.complete_job_without_scope(self.place, outcome_of(&result)) {
            Ok(next) => {
                mem::forget(self);
                shard.carry_out(next);
                Ok(result)
            }
            // Boxed: a job without a scope does not pay for the size of this future.
            Err(scope) => Err(Box::pin(self.end_after(pool, scope, result))),
        }
    }

    /// Waits for the end of the scope of the resource, ends the lease, and returns the final result of a job with `result`.
    async fn end_after<T>(
        self,
        pool: &dyn Owner<S>,
        scope: Scope,
        result: anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let result = self.wait_for_scope(pool, scope, result).await;
        let shard = self.shard;
        let next = shard.complete_job(self.place, outcome_of(&result));
        mem::forget(self);
        shard.carry_out(next);
        result
    }

    /// Waits for the end of the scope, and returns the final result of a job with `result`. The error of a job cancels the
    /// scope.
    async fn wait_for_scope<T>(
        &self,
        pool: &dyn Owner<S>,
        scope: Scope,
        result: anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if result.is_err() {
            scope.cancel();
        }
        let mut pending = PendingResult { pool, result: Some(result) };
        let ended = scope.wait().await;
        let result = pending.result.take().expect("present until the return");
        if !self.shard.is_checked_out(self.place) {
            scope.cancel();
            // A task outside the job may just have started a dependent. There is no await here: a failure that the future has
            // taken would be lost with a cancelled await.
            match poll_once(pin!(scope.wait())).await {
                Poll::Ready(Ok(())) => self.shard.remove_scope(self.place),
                Poll::Ready(Err(failure)) => pool.record(Cause::from_error(failure.into())),
                Poll::Pending => {}
            }
        }
        match ended {
            Ok(()) => result,
            Err(failure) if result.is_ok() => {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(result))) {
                    pool.record(Cause::from_panic(payload));
                }
                Err(failure.into())
            }
            Err(failure) => {
                pool.record(Cause::from_error(failure.into()));
                result
            }
        }
    }
}

/// The result of a job, until the job returns. The drop records an error that was not returned.
struct PendingResult<'a, S, T> {
    pool: &'a dyn Owner<S>,
    result: Option<anyhow::Result<T>>,
}

impl<S, T> Drop for PendingResult<'_, S, T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.result.take() {
            self.pool.record(Cause::from_error(error));
        }
    }
}

impl<S: Send + 'static> Drop for Lease<'_, S> {
    /// Ends the lease of a job that was stopped or has panicked.
    #[cold]
    fn drop(&mut self) {
        let outcome = if thread::panicking() { JobOutcome::Panic } else { JobOutcome::Cancellation };
        let (next, scope) = self.shard.abandon_job(self.place, outcome);
        // A dependent in the scope may own a guard that outlives the job.
        scope.iter().for_each(Scope::cancel);
        self.shard.carry_out(next);
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
