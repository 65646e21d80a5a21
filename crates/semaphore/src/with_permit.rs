//! The pattern under a semaphore: one job per item, begun only once it holds a permit.

use std::sync::Arc;

use towpath_pattern::{
    Completed, IntoLimit, Job, Limit, Pattern, Run, Scope, Settings, Source, Taken, Work, builders, drive_job,
};

use crate::semaphore::Semaphore;

/// One job per item, begun only once it holds a permit of a [`Semaphore`].
///
/// The semaphore may be shared: by the runs of this pattern, by other patterns, by whoever acquires from it
/// directly. An item whose run stops while it waits for its permit was never begun, and can be had back
/// ([`Source::kept`]). Under a closed semaphore every item fails with [`AcquireError`](crate::AcquireError): the first stops the
/// run, unless it goes on after failures; then each item that its source still has fails so.
///
/// It is a description: it can be run any number of times, also at the same time. Clones share the job and
/// the semaphore.
///
/// # Deadlock
///
/// A job must not wait for the semaphore it runs under: all permits may be held by jobs that do.
#[derive(Debug)]
pub struct WithPermit<J> {
    semaphore: Semaphore,
    /// `None` is as many as there are permits.
    limit: Option<Limit>,
    /// Its limit is the one for where there is no permit yet.
    settings: Settings,
    job: Arc<J>,
}

impl<J> WithPermit<J> {
    /// Applies `job` to each item, while it holds a permit of `semaphore`.
    #[must_use]
    pub fn new<In>(semaphore: &Semaphore, job: J) -> Self
    where
        J: Job<In>,
    {
        let settings = Settings::new("semaphore", 1);
        Self { semaphore: semaphore.clone(), limit: None, settings, job: Arc::new(job) }
    }

    /// At most so many items of a run wait for a permit or hold one at the same time: what the run may
    /// have of the semaphore, and how many places in its line.
    ///
    /// By default as many as [there are permits](Semaphore::total_permits) when the run starts, and one where there
    /// is none. The limit is a literal or a [`Limit`]; a number that is not known to be 1 or more is checked by `Limit::try_from(n)?`.
    ///
    /// # Panics
    ///
    /// When the limit is zero, at the caller's location.
    #[track_caller]
    #[must_use]
    pub fn limit(mut self, limit: impl IntoLimit) -> Self {
        self.limit = Some(limit.into_limit());
        self
    }
}

builders! {
    /// An output that is held back for its order holds no permit. A failure does not close the semaphore. The stage is
    /// called `semaphore` unless it is [named](Self::named).
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

/// What a run does with an item. A closure would clone the semaphore for each.
struct UnderPermit<J> {
    semaphore: Semaphore,
    job: Arc<J>,
}

impl<In: Send + 'static, J: Job<In>> Work<In, J::Out> for UnderPermit<J> {
    async fn work(&self, taken: Taken<In, J::Out>, scope: &Scope) -> Completed<In, J::Out> {
        // A free permit costs none of the task's budget, as each batch does: out of budget, it would look
        // like an item that waits.
        let permit = match self.semaphore.try_acquire() {
            Ok(permit) => Ok(permit),
            Err(_) => self.semaphore.acquire().await,
        };
        let (item, running) = taken.start();
        let result = match permit {
            Ok(permit) => {
                let result = drive_job(self.job.call_in(item, scope), |cause| running.report(cause)).await;
                // Before its output is handed on: a stage behind may need the permit to take it.
                drop(permit);
                result
            }
            Err(closed) => Err(closed.into()),
        };
        running.complete(result)
    }
}
