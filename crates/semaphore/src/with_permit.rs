//! The pattern under a semaphore: one job per item, started only with a permit.

use std::future::{Future, ready};
use std::sync::Arc;

use towpath_pattern::{
    Completed, IntoJobLimit, Job, LimitedBy, LimitedJob, Limiter, Limits, Pattern, Run, Scope, Settings,
    Source, Start, Taken, Work, builders, drive_job,
};

use crate::semaphore::Semaphore;

/// Applies one job to each item, and starts the job only with a permit of a [`Semaphore`].
///
/// Other runs, other patterns, and tasks that acquire permits directly may share the semaphore. An item that waits for a
/// permit when the run stops was never started, and [`Source::kept`] returns the item.
///
/// Under a closed semaphore, every item fails with [`AcquireError`](crate::AcquireError). The first failure stops the run.
/// With [`OnFailure::Continue`](crate::OnFailure::Continue), all further items of the source fail as well.
///
/// A `WithPermit` is a description: it can be run any number of times, also at the same time. Clones share the job and the
/// semaphore.
///
/// # Deadlock
///
/// A job must not wait for a permit of the same semaphore: all permits may belong to jobs that wait.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_semaphore::{OnFailure, PatternExt, Semaphore, WithPermit};
///
/// let connections = Semaphore::new(3);
/// // Eight items at most wait for a permit or hold a permit, and three jobs at most run in all.
/// let parse = WithPermit::new(8, &connections, |text: &'static str| async move { Ok(text.parse::<u64>()?) });
///
/// // The outputs in input order.
/// let numbers = parse.clone().ordered().capacity(16).run(["1", "2", "3"]).collect().await?;
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
pub struct WithPermit<J, L = ()> {
    semaphore: Semaphore,
    settings: Settings,
    job: Arc<J>,
    limits: L,
}

impl<J> WithPermit<J> {
    /// Creates a pattern that applies `job` to each item, with a permit of `semaphore` for each job.
    ///
    /// `limit` is the number of items of a run that wait for a permit or hold a permit at the same time: the share of the run
    /// in the permits and in the wait list. A run with a limit of 8 uses at most 8 permits, also after a
    /// [`resize`](Semaphore::resize).
    ///
    /// The limit is a literal, a [`Limit`](crate::Limit) or a reference to a [`LiveLimit`](crate::LiveLimit).
    /// `Limit::try_from(n)?` checks a number that may be zero.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    #[must_use]
    pub fn new<In>(limit: impl IntoJobLimit, semaphore: &Semaphore, job: J) -> Self
    where
        J: Job<In>,
    {
        let settings = Settings::new("semaphore", limit);
        Self { semaphore: semaphore.clone(), settings, job: Arc::new(job), limits: () }
    }
}

impl<J, L> WithPermit<J, L> {
    /// Adds a limiter, for example an order for equal keys. A job then runs with a permit of the semaphore and of every
    /// limiter; the limiters come first. See [`Limiter`](crate::Limiter).
    ///
    /// Do not add a rate here: a granted start occupies the rate during the wait for the semaphore. `Fanout` takes both in the
    /// right order, `limited_by(&semaphore).limited_by(&rate)`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_semaphore::{PatternExt, Semaphore, WithPermit};
    ///
    /// // The budget of a day, besides the connections.
    /// let (connections, budget) = (Semaphore::new(3), Semaphore::new(100));
    /// let double = WithPermit::new(8, &connections, |x: u64| async move { Ok(x * 2) }).limited_by(&budget);
    /// assert_eq!(double.run([1]).collect().await?, [2]);
    /// assert_eq!((connections.available_permits(), budget.available_permits()), (3, 100));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn limited_by<In, M>(self, limiter: &M) -> WithPermit<J, LimitedBy<L, M>>
    where
        J: Job<In>,
        M: Limiter<In> + Clone,
    {
        let Self { semaphore, settings, job, limits } = self;
        WithPermit { semaphore, settings, job, limits: LimitedBy::new(limits, limiter) }
    }
}

builders! {
    /// An output that waits for its turn in an ordered run holds no permit. A failure does not close the semaphore.
    /// Without a [name](Self::named), the name of the stage is `semaphore`.
    WithPermit<J, L>: ordered
}

impl<J, L: Clone> Clone for WithPermit<J, L> {
    fn clone(&self) -> Self {
        Self {
            semaphore: self.semaphore.clone(),
            settings: self.settings.clone(),
            job: Arc::clone(&self.job),
            limits: self.limits.clone(),
        }
    }
}

// An error names the pattern and its items, and not the job.
#[diagnostic::do_not_recommend]
impl<In: Send + 'static, J: Job<In>, L: Limits<In>> Pattern<In> for WithPermit<J, L> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        let limited = Arc::new(LimitedJob::new(Arc::clone(&self.job), self.limits.clone()));
        let limited = UnderPermit { semaphore: self.semaphore.clone(), job: limited };
        let plain = UnderPermit { semaphore: self.semaphore.clone(), job: Arc::clone(&self.job) };
        Run::spawn_work_limited(scope, input, self.settings.clone(), &self.limits, plain, limited)
    }

    fn is_one_to_one(&self) -> bool {
        true
    }
}

/// The work on an item. A closure would clone the semaphore for every item.
struct UnderPermit<J> {
    semaphore: Semaphore,
    job: Arc<J>,
}

impl<In: Send + 'static, J: Job<In>> Work<In, J::Out> for UnderPermit<J> {
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
}

impl<J> UnderPermit<J> {
    /// Acquires a permit, awaits `start`, and runs the job.
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
        J: Job<In>,
    {
        async move {
            // A free permit costs no budget, since every batch costs budget. Without budget left, `acquire` would wait, and
            // the worker would treat the job as a waiting job.
            let permit = match self.semaphore.try_acquire() {
                Ok(permit) => Ok(permit),
                Err(_) => taken.before_start(self.semaphore.acquire()).await,
            };
            start.await;
            let (item, running) = taken.start();
            let result = match permit {
                Ok(permit) => {
                    let result =
                        drive_job(self.job.call_in(item, scope), |cause| running.report(cause)).await;
                    // The permit is released before the output is handed on: the next stage may need the permit to take the
                    // output.
                    drop(permit);
                    result
                }
                Err(closed) => Err(closed.into()),
            };
            running.complete(result)
        }
    }
}
