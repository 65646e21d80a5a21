//! The pattern: one job per item, each while it holds a resource.

use std::sync::Arc;
use std::time::Duration;

use towpath_pattern::{
    Cause, Completed, IntoLimit, Job, Pattern, Run, Scope, Settings, Source, Taken, TimedOut, Work, builders,
    drive_job,
};

use crate::held::ResourceGuard;
use crate::lease::Lease;
use crate::pool::Pool;
use crate::resource::{JobOutcome, Resource};

/// How long a release may take, unless it is told.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// One job per item, each while it holds a resource: acquired before the first job that needs it, handed from job to
/// job, and released with an await at the end.
///
/// A run has at most as many resources as jobs at once, and makes one only where none is idle. Each is released once:
/// when the run's last job is gone, however that came about, or right after a job that panicked with it or
/// [discarded](ResourceGuard::discard) it, and then another is acquired in its place. The run is over, and its scope
/// [closed](Scope::wait), when all are released; a release that fails is a failure of the run after the first one. An
/// item whose resource cannot be acquired fails with that error. What depends on a resource, a transaction on a
/// connection for instance, is started in [its scope](ResourceGuard::scope), and over before it is released.
///
/// It is a description: it can be run any number of times, also at the same time, and each run has resources of its
/// own. Clones share the job and the [`Resource`].
///
/// # Shutdown
///
/// When the tokio runtime is shut down in mid-run nothing can be awaited any more: a resource is then dropped and not
/// released. Let `scope.wait().await` come back first.
#[derive(Debug)]
pub struct WithResource<R, J> {
    settings: Settings,
    release_within: Duration,
    resource: Arc<R>,
    job: Arc<J>,
}

impl<R: Resource, J> WithResource<R, J> {
    /// Applies `job` to each item, together with the resource that it holds, with at most `limit` jobs at once.
    ///
    /// The limit is a literal or a [`Limit`](crate::Limit); a number that is not known to be 1 or more is checked by
    /// `Limit::try_from(n)?`.
    ///
    /// # Panics
    ///
    /// When the limit is zero, at the caller's location.
    #[track_caller]
    #[must_use]
    pub fn new<In>(limit: impl IntoLimit, resource: R, job: J) -> Self
    where
        J: Job<(ResourceGuard<R::State>, In)>,
    {
        Self {
            settings: Settings::new("resource", limit),
            release_within: RELEASE_WITHIN,
            resource: Arc::new(resource),
            job: Arc::new(job),
        }
    }

    /// Gives each release so long, by default 5 seconds; one that is not done by then is dropped, and fails the run.
    ///
    /// As long is waited, before that, for what is in the [scope](ResourceGuard::scope) of the resource, whose own releases
    /// should have less; and at the end of the run for a [`ResourceGuard`] that was given away.
    ///
    /// On a runtime without timers, each of these may take as long as it likes; tokio's panic that says so is caught,
    /// and printed.
    #[must_use]
    pub fn release_within(mut self, limit: Duration) -> Self {
        self.release_within = limit;
        self
    }
}

builders! {
    /// An output that is held back for its order holds no resource. The stage is called `resource` unless it is
    /// [named](Self::named).
    WithResource<R, J>: ordered
}

impl<R, J> Clone for WithResource<R, J> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            release_within: self.release_within,
            resource: Arc::clone(&self.resource),
            job: Arc::clone(&self.job),
        }
    }
}

// An error names the pattern and its items, and not the job.
#[diagnostic::do_not_recommend]
impl<In, R, J> Pattern<In> for WithResource<R, J>
where
    In: Send + 'static,
    R: Resource,
    J: Job<(ResourceGuard<R::State>, In)>,
{
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        let pool = Pool::new(Arc::clone(&self.resource), &self.settings, self.release_within, &scope);
        let work = Leasing { pool: Arc::new(pool), job: Arc::clone(&self.job) };
        Run::spawn(scope, input, self.settings.clone(), work)
    }
}

/// The work on an item: acquire a resource, run the job, release.
struct Leasing<R: Resource, J> {
    pool: Arc<Pool<R>>,
    job: Arc<J>,
}

impl<In, R, J> Work<In, J::Out> for Leasing<R, J>
where
    In: Send + 'static,
    R: Resource,
    J: Job<(ResourceGuard<R::State>, In)>,
{
    async fn work(&self, taken: Taken<In, J::Out>, scope: &Scope) -> Completed<In, J::Out> {
        let found = Lease::take(&self.pool).await;
        let (item, running) = taken.start();
        let (held, lease) = match found {
            Ok(found) => found,
            Err(error) => return running.complete(Err(error)),
        };
        let mut result =
            drive_job(self.job.call_in((held, item), scope), |cause| running.report(cause)).await;
        if let Some(held_scope) = lease.scope() {
            // Boxed, so that a job that never asked for the scope carries no room for this.
            result = Box::pin(lease.outlast(held_scope, result)).await;
        }
        lease.end(match &result {
            Ok(_) => JobOutcome::Success,
            Err(error) if TimedOut::is_in(error) => JobOutcome::Timeout,
            Err(_) => JobOutcome::Error,
        });
        running.complete(result)
    }

    async fn shutdown(&self) -> Vec<Cause> {
        self.pool.close().await
    }

    fn unreported(&self) -> Vec<Cause> {
        self.pool.take_failures()
    }
}
