//! What a job's work has of its resource: that it is lent to it, until the job and what depends on it are over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use towpath_pattern::{Cause, Scope};

use crate::held::ResourceGuard;
use crate::pool::Pool;
use crate::resource::{JobOutcome, Resource};
use crate::slot::Slot;
use crate::time::poll_once;

/// That a job has a resource. Dropped without having [ended](Lease::end), the job was stopped or has panicked.
pub(crate) struct Lease<'a, R: Resource> {
    pool: &'a Arc<Pool<R>>,
    slot: Arc<Slot<R::State>>,
    after: Option<JobOutcome>,
}

impl<'a, R: Resource> Lease<'a, R> {
    /// Takes an idle resource of the pool, or else a new one.
    ///
    /// # Errors
    ///
    /// Those of the acquisition.
    pub(crate) async fn take(pool: &'a Arc<Pool<R>>) -> anyhow::Result<(ResourceGuard<R::State>, Self)> {
        let (held, slot) = pool.take().await?;
        Ok((held, Self { pool, slot, after: None }))
    }

    /// The scope of what depends on the resource, if anybody has asked for it.
    #[inline]
    pub(crate) fn scope(&self) -> Option<Scope> {
        self.slot.open_scope()
    }

    /// Its job has returned: what that comes to, once what depends on the resource is over. It stops if the job failed.
    pub(crate) async fn outlast<T>(&self, scope: Scope, result: anyhow::Result<T>) -> anyhow::Result<T> {
        if result.is_err() {
            scope.cancel();
        }
        let mut unreturned = Unreturned { pool: self.pool, result: Some(result) };
        let closed = scope.wait().await;
        let result = unreturned.result.take().expect("there until it is returned");
        if !self.slot.is_held() {
            scope.cancel();
            // Somebody outside the job may have put more into it just before. No await, which might lose a failure.
            match poll_once(pin!(scope.wait())).await {
                Poll::Ready(Ok(())) => self.slot.close_scope(),
                Poll::Ready(Err(failure)) => self.pool.keep(Cause::from_error(failure.into())),
                Poll::Pending => {}
            }
        }
        match closed {
            Ok(()) => result,
            Err(failure) if result.is_ok() => {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(result))) {
                    self.pool.keep(Cause::from_panic(payload));
                }
                Err(failure.into())
            }
            Err(failure) => {
                self.pool.keep(Cause::from_error(failure.into()));
                result
            }
        }
    }

    /// Its job is at its end, and came to this.
    pub(crate) fn end(mut self, after: JobOutcome) {
        self.after = Some(after);
    }
}

/// What a job came to, until that is returned: stopped before, a failure is told at the end of the run.
struct Unreturned<'a, R: Resource, T> {
    pool: &'a Pool<R>,
    result: Option<anyhow::Result<T>>,
}

impl<R: Resource, T> Drop for Unreturned<'_, R, T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.result.take() {
            self.pool.keep(Cause::from_error(error));
        }
    }
}

impl<R: Resource> Drop for Lease<'_, R> {
    fn drop(&mut self) {
        let stopped = || if thread::panicking() { JobOutcome::Panic } else { JobOutcome::Cancellation };
        let next = self.slot.end(self.after.unwrap_or_else(stopped));
        if let Some(next) = next {
            self.pool.settle(Arc::clone(&self.slot), next);
        } else if self.after.is_none()
            && let Some(scope) = self.slot.open_scope()
        {
            // What depends on it may be what holds it.
            scope.cancel();
        }
    }
}
