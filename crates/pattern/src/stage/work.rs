//! The work on an item, for the author of a pattern: taken, then running, then completed. An item dropped at any step is
//! accounted for. Invariant I6.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use super::shared::StageShared;
use crate::failure::{Cause, Failure, Panic, TimedOut};
use crate::item::{Item, Position};
use crate::job::Job;
use crate::observer::{Outcome, Start};
use crate::scope::Scope;
use crate::util::panic::poll_then_drop;

/// The work of a stage on an item: start the item, run the job, and complete the item.
///
/// Every `Fn(Taken<In, Out>) -> impl Future<Output = Completed<In, Out>>` is a work, and so is an `Arc` of a
/// [`Job`].
///
/// A work runs its job with [`Taken::run`] or [`drive_job`](crate::drive_job), and in the scope of the jobs. After a plain
/// `await` of the job, a panic in the drop of the job masks the error of the job. Without the scope, runs and tasks that
/// the job starts may outlive the run.
///
/// # Examples
///
/// A closure is enough for most patterns: see [`Taken`]. A type that implements the trait also releases the values that the
/// jobs share:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::sync::{Arc, Mutex};
/// use towpath_pattern::{Cause, Completed, Run, Scope, Settings, Source, Taken, Work, anyhow};
///
/// # #[derive(Default)]
/// # struct Table(Mutex<Vec<u64>>);
/// # impl Table {
/// #     async fn insert(&self, row: u64) -> anyhow::Result<()> {
/// #         self.0.lock().expect("no panic").push(row);
/// #         Ok(())
/// #     }
/// #     async fn commit(&self) -> anyhow::Result<usize> { Ok(self.0.lock().expect("no panic").len()) }
/// # }
/// /// Inserts all items of a run into a table, and commits the rows at the end.
/// struct Insert {
///     table: Arc<Table>,
///     closed: AtomicBool,
/// }
///
/// impl Work<u64, ()> for Insert {
///     async fn work(&self, taken: Taken<u64, ()>, _: &Scope) -> Completed<u64, ()> {
///         let (row, running) = taken.start();
///         running.complete(self.table.insert(row).await)
///     }
///
///     async fn shutdown(&self) -> Vec<Cause> {
///         let committed = self.table.commit().await;
///         self.closed.store(true, Ordering::Relaxed);
///         committed.err().map(Cause::from_error).into_iter().collect()
///     }
///
///     fn unreported(&self) -> Vec<Cause> {
///         if self.closed.load(Ordering::Relaxed) {
///             return Vec::new();
///         }
///         vec![Cause::from_error(anyhow::anyhow!("the rows were not committed"))]
///     }
/// }
///
/// let table = Arc::new(Table::default());
/// let insert = Insert { table: Arc::clone(&table), closed: AtomicBool::new(false) };
/// let run = Run::spawn_discarding(Scope::default(), Source::new(1..=3), Settings::new("insert", 2), insert);
/// assert_eq!(run.finish().await.to_string(), "insert: 3 taken, 3 succeeded");
/// assert_eq!(table.commit().await?, 3);
/// # Ok(()) }
/// ```
pub trait Work<In, Out>: Send + Sync + 'static {
    /// Works on an item. Runs and tasks of the job are started in `scope` (see [`Job::call_in`]); a closure gets the
    /// scope from [`Taken::scope`].
    fn work(&self, taken: Taken<In, Out>, scope: &Scope) -> impl Future<Output = Completed<In, Out>> + Send;

    /// Works on an item of an observed stage, and awaits `start` as the last step before the job. The other methods of the
    /// trait do the same for every stage.
    ///
    /// The default implementation awaits `start` and then calls [`work`](Work::work). A work that waits before the start, for a
    /// permit or a resource, overrides the method. Otherwise an [`Observer`](crate::Observer) sees the wait as a part of the
    /// job.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::{Future, ready};
    /// use std::sync::Arc;
    /// use tokio::sync::Semaphore;
    /// use towpath_pattern::{Completed, Scope, Start, Taken, Work};
    ///
    /// struct Doubles(Arc<Semaphore>);
    ///
    /// impl Doubles {
    ///     async fn double(&self, mut taken: Taken<u64, u64>, start: impl Future<Output = ()>) -> Completed<u64, u64> {
    ///         let permit = taken.before_start(self.0.acquire()).await;
    ///         start.await;
    ///         let (item, running) = taken.start();
    ///         running.complete(permit.map(|_permit| item * 2).map_err(anyhow::Error::from))
    ///     }
    /// }
    ///
    /// impl Work<u64, u64> for Doubles {
    ///     async fn work(&self, taken: Taken<u64, u64>, _: &Scope) -> Completed<u64, u64> {
    ///         self.double(taken, ready(())).await
    ///     }
    ///
    ///     async fn work_observed(&self, taken: Taken<u64, u64>, _: &Scope, start: Start) -> Completed<u64, u64> {
    ///         self.double(taken, start).await
    ///     }
    /// }
    /// ```
    fn work_observed(
        &self,
        taken: Taken<In, Out>,
        scope: &Scope,
        start: Start,
    ) -> impl Future<Output = Completed<In, Out>> + Send
    where
        In: Send,
        Out: Send,
    {
        async move {
            start.await;
            self.work(taken, scope).await
        }
    }

    /// Releases the values that the jobs shared. The release may await. The default implementation does nothing.
    ///
    /// This method is called once for every run, after the end of the last job and before the run is over. A
    /// cancellation does not stop the call, so an implementation sets a time limit of its own. Every returned cause is a
    /// failure of the run, and so is a panic. If the run has no first cause yet, the first of these failures is the first
    /// cause.
    ///
    /// # Cancel safety
    ///
    /// A runtime that shuts down may drop the future at any await, or before the call.
    fn shutdown(&self) -> impl Future<Output = Vec<Cause>> + Send {
        std::future::ready(Vec::new())
    }

    /// Returns the causes that [`shutdown`](Work::shutdown) did not return, for example because the runtime shut down
    /// before `shutdown` completed. The default implementation returns no causes.
    ///
    /// This method is called once for every run, after the end of the supervisor and the workers. Every cause is a
    /// failure of the run, and so is a panic.
    fn unreported(&self) -> Vec<Cause> {
        Vec::new()
    }
}

impl<In, Out, F, Fut> Work<In, Out> for F
where
    F: Fn(Taken<In, Out>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Completed<In, Out>> + Send,
{
    fn work(&self, taken: Taken<In, Out>, _: &Scope) -> impl Future<Output = Completed<In, Out>> + Send {
        self(taken)
    }
}

impl<In, J> Work<In, J::Out> for Arc<J>
where
    In: Send + 'static,
    J: Job<In>,
{
    fn work(
        &self,
        taken: Taken<In, J::Out>,
        scope: &Scope,
    ) -> impl Future<Output = Completed<In, J::Out>> + Send {
        taken.run(&**self, scope)
    }
}

/// An item taken from the source. The job of the item has not started.
///
/// If a `Taken` is dropped, the item goes back to the stage, and a worker takes the item again. If the run stops first, the
/// handle of [`Source::kept`](crate::Source::kept) has the item. If the work panics in the same poll, the item counts as
/// panicked, since a second start would probably panic as well.
///
/// A work does not move its `Taken` into a task: the report of a run that ends before the task does not count the item.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use towpath_pattern::{Job, Run, Scope, Settings, Source, Taken, drive_job};
///
/// let job = Arc::new(|line: String| async move { Ok(line.len()) });
/// let work = move |taken: Taken<String, usize>| {
///     let (job, index, scope) = (Arc::clone(&job), taken.index(), taken.scope());
///     async move {
///         if index == 0 {
///             // Start, run and complete in one step.
///             return taken.run(&*job, &scope).await;
///         }
///         let (line, running) = taken.start();
///         let result = drive_job(job.call_in(line, &scope), |cause| running.report(cause)).await;
///         running.complete(result)
///     }
/// };
/// let source = Source::new(["to".to_owned(), "path".to_owned()]);
/// let run = Run::spawn(Scope::default(), source, Settings::new("measure", 1).ordered(), work);
/// assert_eq!(run.collect().await?, [2, 4]);
/// # Ok(()) }
/// ```
#[must_use = "a dropped item goes back"]
pub struct Taken<In, Out> {
    value: Option<In>,
    position: Position,
    ticket: Ticket<In, Out>,
}

/// An item with a running job. If a `Running` is dropped, the item counts as cancelled, or as panicked during a panic.
///
/// # Examples
///
/// The work measures the time of the job. The job may panic when the work drops the job, and the panic is a failure as well:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::sync::Arc;
/// use tokio::time::Instant;
/// use towpath_pattern::{Job, Run, Scope, Settings, Source, Taken, drive_job};
///
/// let job = Arc::new(|x: u64| async move { Ok(x + 1) });
/// let timed = move |taken: Taken<u64, u64>| {
///     let job = Arc::clone(&job);
///     async move {
///         let scope = taken.scope();
///         let (item, running) = taken.start();
///         let started = Instant::now();
///         let result = drive_job(job.call_in(item, &scope), |cause| running.report(cause)).await;
///         println!("{:?}", started.elapsed());
///         running.complete(result)
///     }
/// };
/// let run = Run::spawn(Scope::default(), Source::new([1]), Settings::new("add", 1), timed);
/// assert_eq!(run.collect().await?, [2]);
/// # Ok(()) }
/// ```
#[must_use = "a dropped item counts as cancelled"]
pub struct Running<In, Out> {
    ticket: Ticket<In, Out>,
}

/// An item after its job. The work on a [`Taken`] returns a `Completed`.
#[must_use = "a dropped item counts as cancelled"]
pub struct Completed<In, Out> {
    pub(super) ticket: Ticket<In, Out>,
    pub(super) result: anyhow::Result<Out>,
}

/// The stage of an item. If the ticket is dropped with the stage, the item counts as lost.
pub(super) struct Ticket<In, Out>(Option<Arc<StageShared<In, Out>>>);

impl<In, Out> Ticket<In, Out> {
    /// Moves the stage out. The drop of the rest has no effect.
    #[inline]
    fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Counts the item as panicked, before the panic unwinds.
    #[cold]
    fn panicked(&mut self) {
        if let Some(stage) = self.0.take() {
            stage.lose(true);
        }
    }

    #[cold]
    fn record(&self, cause: Cause) {
        if let Some(stage) = &self.0 {
            stage.record(Failure::new(None, &stage.settings.name, cause));
        }
    }

    /// Returns the stage to the worker: the item is accounted for.
    #[inline]
    pub(super) fn into_inner(mut self) -> Option<Arc<StageShared<In, Out>>> {
        let stage = self.0.take();
        // No value is left to drop, and a check for a value costs as much as an item.
        std::mem::forget(self);
        stage
    }
}

impl<In, Out> Drop for Ticket<In, Out> {
    #[inline]
    fn drop(&mut self) {
        if let Some(stage) = self.0.take() {
            lose(stage);
        }
    }
}

/// Counts an item whose job was dropped after its start. Consumes the reference, so that the drop of a ticket without
/// a stage is a single comparison.
#[cold]
#[inline(never)]
fn lose<In, Out>(stage: Arc<StageShared<In, Out>>) {
    stage.lose(thread::panicking());
    drop(stage);
}

impl<In, Out> Taken<In, Out> {
    #[inline]
    pub(super) fn new(item: Item<In>, stage: Arc<StageShared<In, Out>>) -> Self {
        let Item { position, value } = item;
        Self { value: Some(value), position, ticket: Ticket(Some(stage)) }
    }

    /// Returns the index of the input that the item comes from, counted from zero at the first stage.
    #[must_use]
    pub fn index(&self) -> usize {
        self.position.index
    }

    /// Returns the item. A work that waits before the start looks at the item here.
    ///
    /// # Panics
    ///
    /// Never panics: a `Taken` has an item until [`start`](Taken::start) or the drop.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::{Run, Scope, Settings, Source, Taken};
    ///
    /// let measure = |taken: Taken<String, usize>| async move {
    ///     println!("{} comes next", taken.item());
    ///     let (text, running) = taken.start();
    ///     running.complete(Ok(text.len()))
    /// };
    /// let source = Source::new(["towpath".to_owned()]);
    /// let run = Run::spawn(Scope::default(), source, Settings::new("measure", 1), measure);
    /// assert_eq!(run.collect().await?, [7]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn item(&self) -> &In {
        self.value.as_ref().expect("there until the start")
    }

    pub(crate) fn item_mut(&mut self) -> &mut In {
        self.value.as_mut().expect("there until the start")
    }

    /// Starts the job. Returns the item, and the [`Running`] that completes the job.
    ///
    /// # Panics
    ///
    /// Never panics: a `Taken` has an item until [`start`](Taken::start) or the drop.
    #[inline]
    pub fn start(mut self) -> (In, Running<In, Out>) {
        let value = self.value.take().expect("there until the start");
        let ticket = self.ticket.take();
        // No value is left to drop, as in `Ticket::into_inner`.
        std::mem::forget(self);
        (value, Running { ticket })
    }

    /// Waits until `ready` completes, for work that awaits a permit or a resource before the start.
    ///
    /// If the run takes no more items during the wait ([`Run::stop_taking`](crate::Run::stop_taking), or a drain), then the
    /// item was never started: the item goes back, and the stage drops the work at this await. After a plain `await` before
    /// the start, the work would continue, and the run would complete the item.
    ///
    /// # Cancel safety
    ///
    /// This method is as cancel safe as `ready`. The item stays in the `Taken`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use tokio::sync::Semaphore;
    /// use towpath_pattern::{Run, Scope, Settings, Source, Taken};
    ///
    /// let permits = Arc::new(Semaphore::new(1));
    /// let shared = Arc::clone(&permits);
    /// let double = move |mut taken: Taken<u64, u64>| {
    ///     let permits = Arc::clone(&shared);
    ///     async move {
    ///         let permit = taken.before_start(permits.acquire_owned()).await;
    ///         let (item, running) = taken.start();
    ///         running.complete(permit.map(|_permit| item * 2).map_err(anyhow::Error::from))
    ///     }
    /// };
    /// let held = permits.acquire().await?;
    /// let (source, kept) = Source::new([1, 2, 3]).kept();
    /// let run = Run::spawn(Scope::default(), source, Settings::new("double", 2), double);
    /// tokio::task::yield_now().await;
    /// run.stop_taking(); // all items wait for the permit
    /// assert!(run.collect().await?.is_empty());
    /// drop(held);
    /// assert_eq!(kept.take().expect("the run is over").next().await.transpose()?, Some(1));
    /// # Ok(()) }
    /// ```
    pub fn before_start<F: Future>(&mut self, ready: F) -> impl Future<Output = F::Output> {
        BeforeStart { ready, taken: self }
    }

    /// Returns the scope of the jobs of the run, for a work that is a closure. If the run is over, the returned scope is
    /// cancelled.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let jobs = self.ticket.0.as_ref().and_then(|stage| stage.jobs());
        jobs.unwrap_or_else(|| {
            let over = Scope::new("jobs");
            over.cancel();
            over
        })
    }

    /// Starts the item, runs `job` in `scope` and completes the item, as the work of most patterns does.
    #[inline]
    pub fn run<J>(self, job: &J, scope: &Scope) -> impl Future<Output = Completed<In, Out>> + Send
    where
        In: Send,
        Out: Send,
        J: Job<In, Out = Out>,
    {
        let (item, Running { ticket }) = self.start();
        RunningJob { job: Some(job.call_in(item, scope)), ticket }
    }

    /// Returns whether the run starts no further job.
    fn is_withdrawn(&self) -> bool {
        self.ticket.0.as_ref().is_none_or(|stage| stage.is_halted())
    }

    #[cold]
    fn give_back(&mut self) {
        if let (Some(value), Some(stage)) = (self.value.take(), self.ticket.0.take()) {
            stage.keep_dropped(Item { position: self.position, value });
        }
    }
}

pin_project! {
    /// The wait of an item before its start.
    struct BeforeStart<'a, F, In, Out> {
        #[pin]
        ready: F,
        taken: &'a mut Taken<In, Out>,
    }
}

impl<F: Future, In, Out> Future for BeforeStart<'_, F, In, Out> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.taken.is_withdrawn() {
            // The worker drops a job without an item.
            this.taken.give_back();
            return Poll::Pending;
        }
        this.ready.poll(cx)
    }
}

pin_project! {
    /// A job and its item. A named type, since an `async` block reserves memory for the job twice.
    struct RunningJob<F, In, Out> {
        #[pin]
        job: Option<F>,
        ticket: Ticket<In, Out>,
    }
}

impl<F, In, Out> Future for RunningJob<F, In, Out>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    type Output = Completed<In, Out>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match poll_then_drop(this.job, cx, |payload| this.ticket.record(Cause::from_panic(payload))) {
            Ok(Poll::Ready(result)) => Poll::Ready(Completed { ticket: this.ticket.take(), result }),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => {
                this.ticket.panicked();
                resume_unwind(payload)
            }
        }
    }
}

impl<In, Out> Drop for Taken<In, Out> {
    #[inline]
    fn drop(&mut self) {
        if self.value.is_some() {
            self.give_back();
        }
    }
}

impl<In, Out> Running<In, Out> {
    /// Records a failure besides the result of the job. The failure is reported after the first cause, and does not
    /// stop the run.
    pub fn report(&self, cause: Cause) {
        self.ticket.record(cause);
    }

    /// Completes the item with the result of the job. The result is delivered once the work returns the [`Completed`].
    #[inline]
    pub fn complete(self, result: anyhow::Result<Out>) -> Completed<In, Out> {
        Completed { ticket: self.ticket, result }
    }
}

impl<In, Out> Completed<In, Out> {
    /// Returns the outcome, as the stage counts the outcome.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::{Outcome, Run, Scope, Settings, Source, Taken};
    ///
    /// let pass = |taken: Taken<u64, u64>| async move {
    ///     let (item, running) = taken.start();
    ///     let completed = running.complete(Ok(item));
    ///     assert_eq!(completed.outcome(), Outcome::Succeeded);
    ///     completed
    /// };
    /// let run = Run::spawn(Scope::default(), Source::new([1]), Settings::new("pass", 1), pass);
    /// assert_eq!(run.collect().await?, [1]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(_) => Outcome::Succeeded,
            Err(error) if Panic::is_in(error) => Outcome::Panicked,
            Err(error) if TimedOut::is_in(error) => Outcome::TimedOut,
            Err(_) => Outcome::Errored,
        }
    }
}
