//! What a pattern applies to an item.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::failure::{Cause, cancellation_in};
use crate::scope::Scope;
use crate::util::panic::poll_then_drop;

/// What a pattern applies to each item: an async function that may fail.
///
/// Every `Fn(In) -> impl Future<Output = anyhow::Result<Out>>` is a job, so a closure will do; say the
/// type of its argument, the rest is inferred:
///
/// ```
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: J) {}
/// is_job(|x: u64| async move { Ok(x * 2) });
/// ```
///
/// An error of another type becomes anyhow's with `?`: not `work(item).await`, but `Ok(work(item).await?)`.
///
/// A wrapper that adds something to one job (a timeout, a retry) is a type that has a job and is a job.
///
/// # Cancel-safety
///
/// A job's future is dropped at its current await when its run stops; write it so that it may be.
///
/// # Blocking
///
/// A job that blocks its thread, `block_in_place` included, keeps one thread's worth of the run from going on.
/// Blocking work belongs in `tokio::task::spawn_blocking`.
///
/// # Panics
///
/// A job that panics fails its item with the message; it takes nothing else down.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job for items of type `{In}`",
    label = "not an async function from `{In}` to `anyhow::Result<_>`",
    note = "a job is `Fn({In}) -> impl Future<Output = anyhow::Result<Out>> + Send`, itself `Send + Sync + 'static`",
    note = "write `|item: Type| async move {{ … Ok(output) }}`; another error type becomes anyhow's with `?`",
    note = "what it holds across an await, or captures, must be `Send`: `Arc` and not `Rc`, tokio's `Mutex` and not `RefCell`"
)]
pub trait Job<In>: Send + Sync + 'static {
    /// What it makes of an item.
    type Out: Send + 'static;

    /// Begins the job for one item.
    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Self::Out>> + Send;

    /// Begins the job for one item, with the scope of the jobs of its run.
    ///
    /// A pattern calls this method. By default it is [`call`](Job::call). A job that starts runs or tasks of its own
    /// overrides it, and starts them in `scope`: the scope is a child of the scope of the run, it is cancelled when the run
    /// stops, and the run is over only when nothing is left in it. [`scoped`] makes such a job of a function. A run or a
    /// task that a job starts in no scope may outlive the run of the job.
    ///
    /// All jobs of the run have the same scope. The first failure of a task in the scope cancels the scope and stops the
    /// run, for [`OnFailure::Continue`](crate::OnFailure::Continue), too; so does a job that cancels the scope. A job
    /// whose tasks are to fail alone starts them in a [child](Scope::child) of its own, and waits for the child.
    ///
    /// A wrapper of a job implements this method with the `call_in` of its job.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::{Job, PatternExt, Scope};
    ///
    /// /// Resizes each picture of an album.
    /// struct Albums<P>(P);
    ///
    /// impl<P: PatternExt<u32, Out = u32> + 'static> Job<Vec<u32>> for Albums<P> {
    ///     type Out = Vec<u32>;
    ///
    ///     async fn call(&self, album: Vec<u32>) -> anyhow::Result<Vec<u32>> {
    ///         self.call_in(album, &Scope::default()).await
    ///     }
    ///
    ///     async fn call_in(&self, album: Vec<u32>, scope: &Scope) -> anyhow::Result<Vec<u32>> {
    ///         Ok(self.0.run_in(scope, album).collect().await?)
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<Self::Out>> + Send {
        let _ = scope;
        self.call(item)
    }
}

impl<In, Out, F, Fut> Job<In> for F
where
    F: Fn(In) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<Out>> + Send,
    Out: Send + 'static,
{
    type Out = Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Out>> + Send {
        self(item)
    }
}

/// Drives a job to its end, and drops its future before its result is returned, so that a panic of the drop masks no
/// error.
///
/// A [`Work`](crate::Work) that awaits a job and continues after the job uses this function, with
/// [`Begun::tell`](crate::Begun::tell) as `record`. After a plain `await`, a panic of the drop replaces the error of the
/// job, and a second panic ends the process. [`Taken::run`](crate::Taken::run) drives its job in the same way.
///
/// # Errors
///
/// Returns the error of the job. `record` gets the panic of the drop, if any.
///
/// # Panics
///
/// Panics as the job does while it is polled, and as the drop of a job that returned an output.
///
/// # Cancel safety
///
/// This function is as cancel safe as the job.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{Cause, drive_job};
///
/// let record = |_: Cause| unreachable!("the drop of this job does not panic");
/// assert_eq!(drive_job(async { Ok(1) }, record).await?, 1);
/// # Ok(()) }
/// ```
pub fn drive_job<F, Out>(job: F, record: impl Fn(Cause)) -> impl Future<Output = anyhow::Result<Out>>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    DriveJob { job: Some(job), record }
}

pin_project! {
    /// A type of its own: an `async fn` reserves memory for the job twice.
    struct DriveJob<F, Record> {
        #[pin]
        job: Option<F>,
        record: Record,
    }
}

impl<F, Out, Record> Future for DriveJob<F, Record>
where
    F: Future<Output = anyhow::Result<Out>>,
    Record: Fn(Cause),
{
    type Output = anyhow::Result<Out>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        poll_then_drop(this.job, cx, |payload| (this.record)(Cause::of_panic(payload)))
            .unwrap_or_else(|payload| resume_unwind(payload))
    }
}

/// Creates a job of an async function that gets the scope of the jobs of its run, besides the item.
///
/// The scope is the one of [`Job::call_in`]: runs and tasks that the function starts in the scope end before the run does.
/// Both arguments of the function are annotated, and an async closure captures nothing; a type that implements
/// [`Job`] has fields instead.
///
/// A wrapper that calls the job without a scope gives it a scope of its own. The job then ends when nothing is left in that
/// scope, and an error of the function cancels the scope.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::{Scope, scoped};
///
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: &J) {}
/// let job = scoped(async |scope: &Scope, item: u64| {
///     scope.spawn("record", async move { Ok(()) });
///     Ok(item + 1)
/// });
/// # is_job(&job);
/// # Ok(()) }
/// ```
pub fn scoped<F, In, Out>(function: F) -> Scoped<F, In, Out>
where
    F: for<'a> ScopedFn<'a, In, Out>,
{
    Scoped { function, types: PhantomData }
}

/// A job with the scope of its run. From [`scoped`].
pub struct Scoped<F, In, Out> {
    function: F,
    types: PhantomData<fn(In) -> Out>,
}

/// An async function from a borrowed scope and an item to an output.
///
/// Every `Fn(&Scope, In) -> impl Future<Output = anyhow::Result<Out>> + Send` implements this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async function of `&Scope` and `{In}`",
    note = "annotate both arguments, and capture nothing: `scoped(async |scope: &Scope, item: Item| {{ … Ok(output) }})`"
)]
pub trait ScopedFn<'a, In, Out>: Send + Sync + 'static {
    /// The future of the function.
    type Future: Future<Output = anyhow::Result<Out>> + Send + 'a;

    /// Calls the function.
    fn call(&'a self, scope: &'a Scope, item: In) -> Self::Future;
}

impl<'a, F, In, Out, Fut> ScopedFn<'a, In, Out> for F
where
    F: Fn(&'a Scope, In) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<Out>> + Send + 'a,
{
    type Future = Fut;

    fn call(&'a self, scope: &'a Scope, item: In) -> Fut {
        self(scope, item)
    }
}

impl<F, In, Out> Job<In> for Scoped<F, In, Out>
where
    F: for<'a> ScopedFn<'a, In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    type Out = Out;

    async fn call(&self, item: In) -> anyhow::Result<Out> {
        let scope = Scope::new("job");
        let result = self.function.call(&scope, item).await;
        if result.is_err() {
            scope.cancel();
        }
        let closed = scope.closed().await;
        match result {
            // A task has failed, and its failure has cancelled what the function waited for.
            Err(error) if cancellation_in(&error).is_some() => {
                closed.map_or_else(|failure| Err(failure.into()), |()| Err(error))
            }
            Err(error) => Err(error),
            Ok(output) => Ok(closed.map(|()| output)?),
        }
    }

    async fn call_in(&self, item: In, scope: &Scope) -> anyhow::Result<Out> {
        self.function.call(scope, item).await
    }
}
