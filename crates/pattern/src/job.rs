//! What a pattern applies to an item.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::failure::Cause;
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
