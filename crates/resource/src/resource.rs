//! What can be acquired and released, and what a release is told.

use std::future::Future;
use std::sync::Arc;

/// Something that is acquired before it is used and released after, each with an await: Python's async
/// context manager.
///
/// [`resource_fn`] makes one of two closures.
pub trait Resource: Send + Sync + 'static {
    /// What the jobs hold.
    type State: Send + 'static;

    /// Makes one: `__aenter__`.
    ///
    /// # Errors
    ///
    /// An error is that of the item it was to be made for.
    ///
    /// # Cancel-safety
    ///
    /// Dropped at its current await when the run stops; what it has opened by then must close as it is dropped.
    fn acquire(&self) -> impl Future<Output = anyhow::Result<Self::State>> + Send;

    /// Gives one up: `__aexit__`. `after` says what became of the last job that held it.
    ///
    /// Nothing cancels it but the end of its time, [`WithResource::release_within`](crate::WithResource::release_within), and
    /// a runtime that shuts down.
    ///
    /// # Errors
    ///
    /// An error is a failure of the run, after the first one.
    fn release(
        &self,
        state: Self::State,
        after: JobOutcome,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// What became of the last job that held a resource: `exc_type`, as Python calls it.
///
/// It tells of that job only, and not of those that held the resource before. What must be committed or rolled back,
/// job by job, is a resource of its own inside the job: `with_in(&held.scope(), transaction, …)`, of
/// [`with_in`](crate::with_in) and [`ResourceGuard::scope`](crate::ResourceGuard::scope).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobOutcome {
    /// It returned its output.
    Success,
    /// It returned an error.
    Error,
    /// The job returned an error with a [`TimedOut`](crate::TimedOut) in it.
    Timeout,
    /// The job panicked, or returned an error with a [`Panic`](crate::Panic) in it. The resource is released right away,
    /// and no other job gets it.
    Panic,
    /// It was stopped at an await, or before it had begun.
    Cancellation,
}

impl<R: Resource> Resource for Arc<R> {
    type State = R::State;

    fn acquire(&self) -> impl Future<Output = anyhow::Result<R::State>> + Send {
        (**self).acquire()
    }

    fn release(&self, state: R::State, after: JobOutcome) -> impl Future<Output = anyhow::Result<()>> + Send {
        (**self).release(state, after)
    }
}

/// A resource of two closures, for what needs no type of its own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_resource::{JobOutcome, resource_fn, with};
///
/// let file = resource_fn(
///     || async { Ok(String::from("open")) },
///     |file: String, after: JobOutcome| async move {
///         assert_eq!((file.as_str(), after), ("open, read", JobOutcome::Success));
///         Ok(())
///     },
/// );
/// let length = with(file, |mut file| async move {
///     file.push_str(", read");
///     Ok(file.len())
/// });
/// assert_eq!(length.await?, 10);
/// # Ok(()) }
/// ```
pub fn resource_fn<S, A, AFut, R, RFut>(acquire: A, release: R) -> impl Resource<State = S>
where
    S: Send + 'static,
    A: Fn() -> AFut + Send + Sync + 'static,
    AFut: Future<Output = anyhow::Result<S>> + Send,
    R: Fn(S, JobOutcome) -> RFut + Send + Sync + 'static,
    RFut: Future<Output = anyhow::Result<()>> + Send,
{
    Provided { acquire, release }
}

struct Provided<A, R> {
    acquire: A,
    release: R,
}

impl<S, A, AFut, R, RFut> Resource for Provided<A, R>
where
    S: Send + 'static,
    A: Fn() -> AFut + Send + Sync + 'static,
    AFut: Future<Output = anyhow::Result<S>> + Send,
    R: Fn(S, JobOutcome) -> RFut + Send + Sync + 'static,
    RFut: Future<Output = anyhow::Result<()>> + Send,
{
    type State = S;

    fn acquire(&self) -> impl Future<Output = anyhow::Result<S>> + Send {
        (self.acquire)()
    }

    fn release(&self, state: S, after: JobOutcome) -> impl Future<Output = anyhow::Result<()>> + Send {
        (self.release)(state, after)
    }
}
