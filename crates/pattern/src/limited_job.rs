//! A job that holds the permits of limiters until its end.

use std::future::Future;
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::job::Job;
use crate::limiter::{Admitted, Limits};
use crate::scope::Scope;
use crate::util::panic::{catch, drop_caught, drop_in_order};

/// A job under limiters, for authors of patterns.
///
/// The job records its start at the limiters right before the inner job starts, and drops the permits after the future of the
/// inner job.
///
/// For a job that takes a pair, for example a resource and an item, the second value of the pair is the item.
#[derive(Debug)]
pub struct LimitedJob<J, L> {
    job: Arc<J>,
    limits: L,
}

impl<J, L> LimitedJob<J, L> {
    /// Creates a job under `limits`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use towpath_pattern::LimitedJob;
    ///
    /// let double = LimitedJob::new(Arc::new(|x: u64| async move { Ok(x * 2) }), ());
    /// # fn is_job<In, J: towpath_pattern::Job<In>>(_: J) {}
    /// # is_job::<towpath_pattern::Admitted<u64, ()>, _>(double);
    /// ```
    #[must_use]
    pub fn new(job: Arc<J>, limits: L) -> Self {
        Self { job, limits }
    }
}

#[diagnostic::do_not_recommend]
impl<In, J, L> Job<Admitted<In, L::Permits>> for LimitedJob<J, L>
where
    In: Send + 'static,
    J: Job<In>,
    L: Limits<In>,
{
    type Out = J::Out;

    fn call(&self, item: Admitted<In, L::Permits>) -> impl Future<Output = anyhow::Result<Self::Out>> + Send {
        let (item, permits) = item.start(&self.limits);
        hold_permits(permits, || self.job.call(item))
    }

    fn call_in(
        &self,
        item: Admitted<In, L::Permits>,
        scope: &Scope,
    ) -> impl Future<Output = anyhow::Result<Self::Out>> + Send {
        let (item, permits) = item.start(&self.limits);
        hold_permits(permits, || self.job.call_in(item, scope))
    }
}

#[diagnostic::do_not_recommend]
impl<In, With, J, L> Job<(With, Admitted<In, L::Permits>)> for LimitedJob<J, L>
where
    In: Send + 'static,
    With: Send + 'static,
    J: Job<(With, In)>,
    L: Limits<In>,
{
    type Out = J::Out;

    fn call(
        &self,
        (with, item): (With, Admitted<In, L::Permits>),
    ) -> impl Future<Output = anyhow::Result<Self::Out>> + Send {
        let (item, permits) = item.start(&self.limits);
        hold_permits(permits, || self.job.call((with, item)))
    }

    fn call_in(
        &self,
        (with, item): (With, Admitted<In, L::Permits>),
        scope: &Scope,
    ) -> impl Future<Output = anyhow::Result<Self::Out>> + Send {
        let (item, permits) = item.start(&self.limits);
        hold_permits(permits, || self.job.call_in((with, item), scope))
    }
}

/// Starts a job with the permits of its item. The permits are dropped after the future of the job.
///
/// # Panics
///
/// Panics with the panic of `job`, after the drop of the permits.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use tokio::sync::Semaphore;
/// use towpath_pattern::hold_permits;
///
/// let permits = Arc::new(Semaphore::new(1));
/// let permit = Arc::clone(&permits).try_acquire_owned()?;
/// let answer = hold_permits(permit, || async { 42 });
/// assert_eq!(permits.available_permits(), 0);
/// assert_eq!(answer.await, 42);
/// assert_eq!(permits.available_permits(), 1);
/// # Ok(()) }
/// ```
pub fn hold_permits<P, F>(permits: P, job: impl FnOnce() -> F) -> HoldPermits<F, P>
where
    F: Future,
{
    match catch(job) {
        Ok(job) => HoldPermits { job: Some(job), permits: Some(permits) },
        Err(payload) => {
            // A second panic would abort the process.
            drop_caught(permits).into_iter().for_each(mem::forget);
            resume_unwind(payload);
        }
    }
}

pin_project! {
    /// A job with its permits.
    #[derive(Debug)]
    pub struct HoldPermits<F, P> {
        #[pin]
        job: Option<F>,
        permits: Option<P>,
    }

    impl<F, P> PinnedDrop for HoldPermits<F, P> {
        /// Drops the job and then the permits, also if the drop of the job panics.
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut job = this.job;
            drop_in_order(|| job.set(None), || drop(this.permits.take()));
        }
    }
}

impl<F: Future, P> Future for HoldPermits<F, P> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // The owner drops this future before the result moves on, and reports a panic of the drop.
        self.project().job.as_pin_mut().expect("there until the drop").poll(cx)
    }
}
