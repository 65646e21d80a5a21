//! The pattern under a semaphore: one job per item, started only with a permit.

use std::sync::Arc;

use towpath_pattern::{
    Completed, IntoLimit, Job, Limit, Pattern, Run, Scope, Settings, Source, Taken, Work, builders, drive_job,
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
/// let parse = WithPermit::new(&connections, |text: &'static str| async move { Ok(text.parse::<u64>()?) });
///
/// // At most two permits of the three for a run, and the outputs in input order.
/// let numbers = parse.clone().limit(2).ordered().capacity(16).run(["1", "2", "3"]).collect().await?;
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
pub struct WithPermit<J> {
    semaphore: Semaphore,
    /// `None` stands for the number of permits at the start of a run.
    limit: Option<Limit>,
    /// The limit in the settings applies if the semaphore has no permit yet.
    settings: Settings,
    job: Arc<J>,
}

impl<J> WithPermit<J> {
    /// Creates a pattern that applies `job` to each item, with a permit of `semaphore` for each job.
    #[must_use]
    pub fn new<In>(semaphore: &Semaphore, job: J) -> Self
    where
        J: Job<In>,
    {
        let settings = Settings::new("semaphore", 1);
        Self { semaphore: semaphore.clone(), limit: None, settings, job: Arc::new(job) }
    }

    /// Limits the items of a run that wait for a permit or hold a permit at the same time: the share of the run in the
    /// permits and in the wait list.
    ///
    /// The default is the [number of permits](Semaphore::total_permits) at the start of the run, and 1 if the semaphore
    /// has no permit. A run keeps its limit after a [`resize`](Semaphore::resize): for a run that uses a growth, the limit is
    /// the largest number of permits to come. The limit is a literal or a [`Limit`]. `Limit::try_from(n)?` checks a number
    /// that may be zero.
    ///
    /// # Panics
    ///
    /// Panics at the caller's location if `limit` is zero.
    #[track_caller]
    #[must_use]
    pub fn limit(mut self, limit: impl IntoLimit) -> Self {
        self.limit = Some(limit.into_limit());
        self
    }
}

builders! {
    /// An output that waits for its turn in an ordered run holds no permit. A failure does not close the semaphore.
    /// Without a [name](Self::named), the name of the stage is `semaphore`.
    WithPermit<J>: ordered
}

impl<J> Clone for WithPermit<J> {
    fn clone(&self) -> Self {
        Self {
            semaphore: self.semaphore.clone(),
            limit: self.limit,
            settings: self.settings.clone(),
            job: Arc::clone(&self.job),
        }
    }
}

// An error names the pattern and its items, and not the job.
#[diagnostic::do_not_recommend]
impl<In: Send + 'static, J: Job<In>> Pattern<In> for WithPermit<J> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        let mut settings = self.settings.clone();
        let permits = || Limit::try_from(self.semaphore.total_permits()).ok();
        settings.limit = self.limit.or_else(permits).unwrap_or(settings.limit);
        let work = UnderPermit { semaphore: self.semaphore.clone(), job: Arc::clone(&self.job) };
        Run::spawn(scope, input, settings, work)
    }
}

/// The work on an item. A closure would clone the semaphore for every item.
struct UnderPermit<J> {
    semaphore: Semaphore,
    job: Arc<J>,
}

impl<In: Send + 'static, J: Job<In>> Work<In, J::Out> for UnderPermit<J> {
    // Not an `async fn`: the future would move the item once more at its first poll.
    #[allow(clippy::manual_async_fn)]
    fn work(
        &self,
        mut taken: Taken<In, J::Out>,
        scope: &Scope,
    ) -> impl Future<Output = Completed<In, J::Out>> + Send {
        async move {
            // A free permit costs no budget, since every batch costs budget. Without budget left, `acquire` would wait, and
            // the worker would treat the job as a waiting job.
            let permit = match self.semaphore.try_acquire() {
                Ok(permit) => Ok(permit),
                Err(_) => taken.before_start(self.semaphore.acquire()).await,
            };
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
