//! The pattern: one job per item, with a resource for every job.

use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use towpath_pattern::{
    Cause, Completed, IntoJobLimit, Job, LimitedBy, LimitedJob, Limiter, Limits, Pattern, Run, Scope,
    Settings, Source, Start, Taken, Work, builders, drive_job,
};

use crate::guard::ResourceGuard;
use crate::pool::{CheckedOut, Pool};
use crate::resource::Resource;

/// The default time limit of a release.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// Applies one job to each item, with a resource for every job.
///
/// A resource is acquired for the first job without an idle resource, passed from job to job, and released with an
/// await at the end of the run. A run has at most as many resources as jobs at once. A change of a
/// [`LiveLimit`](crate::LiveLimit) to a lower number releases no resource. Every resource is released once: when the
/// last job of the run is gone, or directly after a job that panics or [discards](ResourceGuard::discard) the resource.
/// Then a new resource is acquired for the next job. Jobs that wait for a resource get a resource in the order of their
/// arrival, and no later job passes over a waiting job.
///
/// The run ends, and [`Scope::wait`] returns, when all resources are released. A failed release is a failure of the run,
/// and never masks an earlier failure. If the acquisition fails, the item fails with the error. Dependents of a resource,
/// such as a transaction on a connection, start in the [scope](ResourceGuard::scope) of the resource and end before the
/// release.
///
/// A `WithResource` is a description: it can be run any number of times, also at the same time, and each run has resources
/// of its own. Clones share the job and the [`Resource`].
///
/// # Shutdown
///
/// A runtime that is shut down during a run drops the resources without a release, since no await is possible. So wait for
/// `scope.wait().await` before the shutdown.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
///
/// use towpath_resource::{OnFailure, PatternExt, ResourceGuard, WithResource, resource_fn};
///
/// let buffer = resource_fn(|| async { Ok(String::new()) }, |_, after| async move { Ok(println!("{after:?}")) });
/// let parse = WithResource::new(2, buffer, |(mut buffer, text): (ResourceGuard<String>, &'static str)| async move {
///     buffer.clear();
///     buffer.push_str(text);
///     Ok(buffer.trim().parse::<u64>()?)
/// });
/// let parse = parse.release_within(Duration::from_secs(1));
/// let numbers = parse.clone().ordered().capacity(16).run([" 1", "2 ", "3"]).collect().await?;
/// assert_eq!(numbers, [1, 2, 3]);
///
/// // The run goes on after a failure.
/// let lenient = parse.named("parse").on_failure(OnFailure::Continue);
/// let (outcomes, report) = lenient.run(["1", "two", "3"]).outcomes().await;
/// assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
/// assert_eq!((&*report.stages[0].stage, report.last().errored), ("parse", 1));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WithResource<R, J, L = ()> {
    settings: Settings,
    release_within: Duration,
    resource: Arc<R>,
    job: Arc<J>,
    limits: L,
}

impl<R: Resource, J> WithResource<R, J> {
    /// Creates a pattern that applies `job` to each item, together with the guard of a resource, with at most `limit` jobs
    /// at once.
    ///
    /// The limit is a literal or a [`Limit`](crate::Limit). `Limit::try_from(n)?` checks a number that may be zero.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    #[must_use]
    pub fn new<In>(limit: impl IntoJobLimit, resource: R, job: J) -> Self
    where
        J: Job<(ResourceGuard<R::State>, In)>,
    {
        Self {
            settings: Settings::new("resource", limit),
            release_within: RELEASE_WITHIN,
            resource: Arc::new(resource),
            job: Arc::new(job),
            limits: (),
        }
    }
}

impl<R, J, L> WithResource<R, J, L> {
    /// Limits the time of a release; by default, to 5 seconds. A release that does not complete in time is dropped, and
    /// fails the run.
    ///
    /// The same limit applies to the wait for the [scope](ResourceGuard::scope) of a resource before the release, and to
    /// the wait for a [`ResourceGuard`] outside a job at the end of the run. A release inside the scope needs a lower
    /// limit.
    ///
    /// On a runtime without timers there is no limit. The panic of tokio about the missing timers is caught, and printed.
    #[must_use]
    pub fn release_within(mut self, limit: Duration) -> Self {
        self.release_within = limit;
        self
    }

    /// Adds a limiter, for example a rate, a semaphore or an order for equal keys. A job then runs with a permit of every
    /// limiter; an item acquires the permits before the resource. See [`Limiter`](crate::Limiter).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_limit::per_key;
    /// use towpath_resource::{PatternExt, ResourceGuard, WithResource, resource_fn};
    ///
    /// // One job at a time for every user.
    /// let buffer = resource_fn(|| async { Ok(String::new()) }, |_, _| async { Ok(()) });
    /// let job = |(_buffer, user): (ResourceGuard<String>, u64)| async move { Ok(user) };
    /// let greet = WithResource::new(4, buffer, job).limited_by(&per_key(1, |user: &u64| *user));
    /// assert_eq!(greet.run([7]).collect().await?, [7]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn limited_by<In, M>(self, limiter: &M) -> WithResource<R, J, LimitedBy<L, M>>
    where
        R: Resource,
        J: Job<(ResourceGuard<R::State>, In)>,
        M: Limiter<In> + Clone,
    {
        let Self { settings, release_within, resource, job, limits } = self;
        WithResource { settings, release_within, resource, job, limits: LimitedBy::new(limits, limiter) }
    }
}

builders! {
    /// An output that waits for its turn in an ordered run holds no resource. Without a [name](Self::named), the name of
    /// the stage is `resource`.
    WithResource<R, J, L>: ordered
}

impl<R, J, L: Clone> Clone for WithResource<R, J, L> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            release_within: self.release_within,
            resource: Arc::clone(&self.resource),
            job: Arc::clone(&self.job),
            limits: self.limits.clone(),
        }
    }
}

// An error names the pattern and its items, and not the job.
#[diagnostic::do_not_recommend]
impl<In, R, J, L> Pattern<In> for WithResource<R, J, L>
where
    In: Send + 'static,
    R: Resource,
    J: Job<(ResourceGuard<R::State>, In)>,
    L: Limits<In>,
{
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        let pool = Pool::new(Arc::clone(&self.resource), &self.settings, self.release_within, &scope);
        let limited = Arc::new(LimitedJob::new(Arc::clone(&self.job), self.limits.clone()));
        let limited = WithLease { pool: Arc::clone(&pool), job: limited };
        let plain = WithLease { pool, job: Arc::clone(&self.job) };
        Run::spawn_work_limited(scope, input, self.settings.clone(), &self.limits, plain, limited)
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}

/// The work on an item: lease a resource, and run the job.
struct WithLease<R: Resource, J> {
    pool: Arc<Pool<R>>,
    job: Arc<J>,
}

impl<In, R, J> Work<In, J::Out> for WithLease<R, J>
where
    In: Send + 'static,
    R: Resource,
    J: Job<(ResourceGuard<R::State>, In)>,
{
    fn work(
        &self,
        taken: Taken<In, J::Out>,
        scope: &Scope,
    ) -> impl Future<Output = Completed<In, J::Out>> + Send {
        self.run(taken, scope, ready(()))
    }

    fn work_observed(
        &self,
        taken: Taken<In, J::Out>,
        scope: &Scope,
        start: Start,
    ) -> impl Future<Output = Completed<In, J::Out>> + Send {
        self.run(taken, scope, start)
    }

    async fn shutdown(&self) -> Vec<Cause> {
        self.pool.shutdown().await
    }

    fn unreported(&self) -> Vec<Cause> {
        self.pool.take_failures()
    }
}

impl<R: Resource, J> WithLease<R, J> {
    /// Checks out a resource, awaits `start`, and runs the job.
    // Not an `async fn`: the future would move the item once more at its first poll.
    #[allow(clippy::manual_async_fn)]
    fn run<In>(
        &self,
        mut taken: Taken<In, J::Out>,
        scope: &Scope,
        start: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Completed<In, J::Out>> + Send
    where
        In: Send + 'static,
        J: Job<(ResourceGuard<R::State>, In)>,
    {
        async move {
            let CheckedOut { lease, state } = match self.pool.check_out_idle() {
                Some(idle) => idle,
                // Boxed: a job with an idle resource does not pay for the size of this future.
                None => match taken.before_start(Box::pin(self.pool.check_out())).await {
                    Ok(checked_out) => checked_out,
                    Err(error) => return taken.start().1.complete(Err(error)),
                },
            };
            start.await;
            let (item, running) = taken.start();
            let job = self.job.call_in((lease.guard(state), item), scope);
            let result = drive_job(job, |cause| running.report(cause)).await;
            let result = match lease.end(&*self.pool, result) {
                Ok(result) => result,
                Err(ended) => ended.await,
            };
            running.complete(result)
        }
    }
}
