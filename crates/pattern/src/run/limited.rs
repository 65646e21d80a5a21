//! Runs with limiters.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::task::coop::unconstrained;

use super::outputs::Run;
use crate::failure::Cause;
use crate::job::Job;
use crate::limited_job::LimitedJob;
use crate::limiter::{Admitted, Limits, Refusal};
use crate::observer::Start;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::source::Source;
use crate::stage::{Completed, Taken, Work};
use crate::util::panic::catch;

impl<Out: Send + 'static> Run<Out> {
    /// Starts a run as [`Run::spawn`] does, with a job and with limiters.
    ///
    /// Without limiters, `limits` is `()`, and the run is the run of [`Run::spawn`].
    ///
    /// # Panics
    ///
    /// Panics like [`Run::spawn`].
    ///
    /// # Examples
    ///
    /// A pattern with a method `limited_by`:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use towpath_pattern::{Job, LimitedBy, Limiter, Limits, Pattern, PatternExt, Run, Scope, Settings, Source};
    ///
    /// struct Each<J, L = ()> {
    ///     job: Arc<J>,
    ///     limits: L,
    /// }
    ///
    /// impl<J, L> Each<J, L> {
    ///     fn limited_by<In, M>(self, limiter: &M) -> Each<J, LimitedBy<L, M>>
    ///     where
    ///         J: Job<In>,
    ///         M: Limiter<In> + Clone,
    ///     {
    ///         Each { job: self.job, limits: LimitedBy::new(self.limits, limiter) }
    ///     }
    /// }
    ///
    /// impl<In: Send + 'static, J: Job<In>, L: Limits<In>> Pattern<In> for Each<J, L> {
    ///     type Out = J::Out;
    ///
    ///     fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
    ///         let settings = Settings::new("each", 4);
    ///         Run::spawn_limited(scope, input, settings, &self.limits, Arc::clone(&self.job))
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// let each = Each { job: Arc::new(|x: u64| async move { Ok(x + 1) }), limits: () };
    /// assert_eq!(each.run([1]).collect().await?, [2]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn_limited<In, J, L>(
        scope: Scope,
        input: Source<In>,
        settings: Settings,
        limits: &L,
        job: Arc<J>,
    ) -> Self
    where
        In: Send + 'static,
        J: Job<In, Out = Out>,
        L: Limits<In>,
    {
        let limited = LimitedJob::new(Arc::clone(&job), limits.clone());
        Self::spawn_work_limited(scope, input, settings, limits, job, Arc::new(limited))
    }

    /// Starts a run as [`Run::spawn`] does, with a work and with limiters.
    ///
    /// `limited` is the work with limiters, whose job is a [`LimitedJob`] or calls [`Admitted::start`]. `plain` is the work
    /// without limiters.
    ///
    /// # Panics
    ///
    /// Panics like [`Run::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{LimitedJob, Run, Scope, Settings, Source};
    ///
    /// let limits = (); // of a pattern, for example
    /// let job = Arc::new(|x: u64| async move { Ok(x * 2) });
    /// let limited = Arc::new(LimitedJob::new(Arc::clone(&job), limits));
    /// let settings = Settings::new("each", 2);
    /// let run = Run::spawn_work_limited(Scope::default(), Source::new(1..=3), settings, &limits, job, limited);
    /// assert_eq!(run.collect().await?.len(), 3);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn_work_limited<In, L>(
        scope: Scope,
        input: Source<In>,
        settings: Settings,
        limits: &L,
        plain: impl Work<In, Out>,
        limited: impl Work<Admitted<In, L::Permits>, Out>,
    ) -> Self
    where
        In: Send + 'static,
        L: Limits<In>,
    {
        if L::ANY_PER_ITEM || L::ANY_IN_SLOT {
            let (input, work) = limit(input, &settings, limits, limited);
            Self::spawn(scope, input, settings, work)
        } else {
            Self::spawn(scope, input, settings, plain)
        }
    }
}

impl Run<()> {
    /// Starts a run as [`Run::spawn_discarding`] does, with a work and with limiters. See [`Run::spawn_work_limited`].
    ///
    /// # Panics
    ///
    /// Panics like [`Run::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use towpath_pattern::{LimitedJob, Run, Scope, Settings, Source};
    ///
    /// let limits = (); // of a pattern, for example
    /// let job = Arc::new(|x: u64| async move { Ok(println!("{x}")) });
    /// let limited = Arc::new(LimitedJob::new(Arc::clone(&job), limits));
    /// let settings = Settings::new("each", 2);
    /// let run = Run::spawn_discarding_limited(Scope::default(), Source::new(1..=3), settings, &limits, job, limited);
    /// assert_eq!(run.finish().await.last().succeeded, 3);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn_discarding_limited<In, L>(
        scope: Scope,
        input: Source<In>,
        settings: Settings,
        limits: &L,
        plain: impl Work<In, ()>,
        limited: impl Work<Admitted<In, L::Permits>, ()>,
    ) -> Self
    where
        In: Send + 'static,
        L: Limits<In>,
    {
        if L::ANY_PER_ITEM || L::ANY_IN_SLOT {
            let (input, work) = limit(input, &settings, limits, limited);
            Self::spawn_discarding(scope, input, settings, work)
        } else {
            Self::spawn_discarding(scope, input, settings, plain)
        }
    }
}

#[allow(clippy::type_complexity, reason = "the items and the work of the stage")]
fn limit<In, L, W>(
    input: Source<In>,
    settings: &Settings,
    limits: &L,
    work: W,
) -> (Source<Admitted<In, L::Permits>>, LimitedWork<W, L>)
where
    In: Send + 'static,
    L: Limits<In>,
{
    let limiters = limits.clone();
    let acquire = L::ANY_PER_ITEM.then_some(move |item: &In| limiters.acquire_per_item(item));
    let input = input.limited(Arc::clone(&settings.name), acquire);
    (input, LimitedWork { work, limits: limits.clone() })
}

/// A work under limiters: the item acquires the permits for which it waits in its slot.
struct LimitedWork<W, L> {
    work: W,
    limits: L,
}

impl<In, Out, W, L> Work<Admitted<In, L::Permits>, Out> for LimitedWork<W, L>
where
    In: Send + 'static,
    Out: Send + 'static,
    L: Limits<In>,
    W: Work<Admitted<In, L::Permits>, Out>,
{
    fn work(
        &self,
        taken: Taken<Admitted<In, L::Permits>, Out>,
        scope: &Scope,
    ) -> impl Future<Output = Completed<Admitted<In, L::Permits>, Out>> + Send {
        self.acquire(taken, |taken| self.work.work(taken, scope))
    }

    fn work_observed(
        &self,
        taken: Taken<Admitted<In, L::Permits>, Out>,
        scope: &Scope,
        start: Start,
    ) -> impl Future<Output = Completed<Admitted<In, L::Permits>, Out>> + Send {
        self.acquire(taken, |taken| self.work.work_observed(taken, scope, start))
    }

    fn shutdown(&self) -> impl Future<Output = Vec<Cause>> + Send {
        self.work.shutdown()
    }

    fn unreported(&self) -> Vec<Cause> {
        self.work.unreported()
    }
}

impl<W, L> LimitedWork<W, L> {
    /// Acquires the permits for which the item waits in its slot, and then awaits `work`.
    // Not an `async fn`: the future would move the item once more at its first poll.
    #[allow(clippy::manual_async_fn)]
    fn acquire<In, Out, Fut>(
        &self,
        mut taken: Taken<Admitted<In, L::Permits>, Out>,
        work: impl FnOnce(Taken<Admitted<In, L::Permits>, Out>) -> Fut + Send,
    ) -> impl Future<Output = Completed<Admitted<In, L::Permits>, Out>> + Send
    where
        In: Send + 'static,
        Out: Send + 'static,
        L: Limits<In>,
        W: Send + Sync,
        Fut: Future<Output = Completed<Admitted<In, L::Permits>, Out>> + Send,
    {
        async move {
            if let Some(refusal) = taken.item_mut().take_refusal() {
                return complete_refused(taken, *refusal);
            }
            if L::ANY_IN_SLOT {
                // A free permit costs no budget: a worker without budget would treat the job as a waiting job.
                let acquire = unconstrained(self.limits.acquire_in_slot(taken.item().value()));
                match taken.before_start(acquire).await {
                    Ok(permits) => L::add(taken.item_mut().permits_mut(), permits),
                    Err(error) => {
                        return complete_refused(taken, Refusal { cause: Ok(error), later: Vec::new() });
                    }
                }
            }
            work(taken).await
        }
    }
}

/// Completes an item whose job does not start.
#[cold]
fn complete_refused<In, P, Out>(
    taken: Taken<Admitted<In, P>, Out>,
    refusal: Refusal,
) -> Completed<Admitted<In, P>, Out> {
    let (item, running) = taken.start();
    let Refusal { cause, later } = refusal;
    let dropped = catch(|| drop(item)).err();
    for payload in later.into_iter().chain(dropped) {
        running.report(Cause::from_panic(payload));
    }
    match cause {
        Ok(error) => running.complete(Err(error)),
        Err(payload) => resume_unwind(payload),
    }
}
