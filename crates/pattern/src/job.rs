//! Jobs: the functions that a pattern applies to items.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::failure::{Cause, cancellation_in};
use crate::scope::Scope;
use crate::util::panic::poll_then_drop;

/// An async function that a pattern applies to every item, and that may fail.
///
/// Every `Fn(In) -> impl Future<Output = anyhow::Result<Out>>` is a job. A closure is a job once the type of its
/// argument is annotated; the rest is inferred:
///
/// ```
/// # fn is_job<In, J: towpath_pattern::Job<In>>(_: J) {}
/// is_job(|x: u64| async move { Ok(x * 2) });
/// ```
///
/// The `?` operator converts the error type of another library to anyhow's: `Ok(work(item).await?)`, not
/// `work(item).await`.
///
/// A wrapper adds behaviour to a job, for example a timeout or a retry. A wrapper is a type that holds a job and
/// implements `Job`.
///
/// # Blocking
///
/// A job that blocks its thread, `block_in_place` included, stops one thread's share of the run. Blocking work
/// belongs in `tokio::task::spawn_blocking`.
///
/// # Panics
///
/// The panic of a job is a failure of its item, with the message of the panic. The panic does not reach other jobs,
/// the task or the process.
///
/// # Cancel safety
///
/// When a run stops, the future of every job is dropped at its current await. A job must tolerate a drop at every
/// await.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job for items of type `{In}`",
    label = "not an async function from `{In}` to `anyhow::Result<_>`",
    note = "a job is `Fn({In}) -> impl Future<Output = anyhow::Result<Out>> + Send`, itself `Send + Sync + 'static`",
    note = "write `|item: Type| async move {{ … Ok(output) }}`; another error type becomes anyhow's with `?`",
    note = "what it holds across an await, or captures, must be `Send`: `Arc` and not `Rc`, tokio's `Mutex` and not `RefCell`"
)]
pub trait Job<In>: Send + Sync + 'static {
    /// The output of the job.
    type Out: Send + 'static;

    /// Starts the job for `item`.
    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Self::Out>> + Send;

    /// Starts the job for `item`, with the scope of the jobs of the run.
    ///
    /// A pattern calls this method. The default implementation calls [`call`](Job::call) and ignores the scope. A job
    /// that starts runs or tasks overrides the method and starts them in `scope`. The scope is a child of the scope
    /// of the run, is cancelled when the run stops, and keeps the run open until the scope is empty. [`scoped`]
    /// creates such a job from a function. Runs and tasks that a job starts in no scope may outlive the run of the
    /// job.
    ///
    /// All jobs of the run have the same scope. The first failure of a task in the scope cancels the scope and stops the
    /// run, for [`OnFailure::Continue`](crate::OnFailure::Continue), too; so does a job that cancels the scope. A job
    /// whose tasks may fail alone starts the tasks in a [child](Scope::child) of the scope, and waits for the child.
    ///
    /// A wrapper of a job implements this method with the `call_in` of the wrapped job.
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

/// Drives a job to its end, and drops the future of the job before returning the result, so that a panic of the drop
/// masks no error.
///
/// A [`Work`](crate::Work) that continues after its job awaits the job with this function, and passes
/// [`Running::report`](crate::Running::report) as `record`. After a plain `await`, a panic of the drop replaces the error of
/// the job, and a second panic ends the process. [`Taken::run`](crate::Taken::run) drives a job in the same way.
///
/// # Errors
///
/// Returns the error of the job. If the drop of the job panics after the error, `record` gets the panic.
///
/// # Panics
///
/// Panics if a poll of the job panics, or if the drop of a job panics after an output.
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
    /// A named type, since an `async fn` reserves memory for the job twice.
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
        poll_then_drop(this.job, cx, |payload| (this.record)(Cause::from_panic(payload)))
            .unwrap_or_else(|payload| resume_unwind(payload))
    }
}

/// Creates a job from an async function with two arguments: the scope of the jobs of the run, and the item.
///
/// The scope is the `scope` of [`Job::call_in`]: runs and tasks that the function starts in the scope end before the
/// run does. Both arguments of the function are annotated, and an async closure captures no values; a type that
/// implements [`Job`] has fields instead.
///
/// If a wrapper calls [`Job::call`], which has no scope, the job creates a scope and waits for the end of the scope. An
/// error of the function cancels that scope.
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

/// A job with the scope of the jobs of its run. Created by [`scoped`].
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

// A closure that is no job is hardly ever meant to be a `Scoped`.
#[diagnostic::do_not_recommend]
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
        let closed = scope.wait().await;
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
