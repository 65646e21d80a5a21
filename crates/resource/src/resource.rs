//! Resources, and the outcome of a job that is passed to a release.

use std::future::Future;
use std::sync::Arc;

/// Acquires a resource before its use and releases the resource afterwards, with an await for both: Python's async context
/// manager.
///
/// [`resource_fn`] makes a resource of two closures.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_resource::{JobOutcome, Resource, with};
///
/// # async fn send(_: &str) -> anyhow::Result<()> { Ok(()) }
/// /// Log-ins of one user.
/// struct User(&'static str);
///
/// struct Session {
///     requests: usize,
/// }
///
/// impl Resource for User {
///     type State = Session;
///
///     async fn acquire(&self) -> anyhow::Result<Session> {
///         send(self.0).await?;
///         Ok(Session { requests: 0 })
///     }
///
///     async fn release(&self, session: Session, after: JobOutcome) -> anyhow::Result<()> {
///         println!("{} requests, then {after:?}", session.requests);
///         send("goodbye").await
///     }
/// }
///
/// let requests = with(User("ann"), |mut session| async move {
///     session.requests += 1;
///     Ok(session.requests)
/// });
/// assert_eq!(requests.await?, 1);
/// # Ok(()) }
/// ```
pub trait Resource: Send + Sync + 'static {
    /// The acquired resource, as the jobs use it.
    type State: Send + 'static;

    /// Acquires a resource: `__aenter__`.
    ///
    /// # Errors
    ///
    /// An error fails the item that needs the resource.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped at its current await when the run stops. The drop must close all that the future has opened.
    fn acquire(&self) -> impl Future<Output = anyhow::Result<Self::State>> + Send;

    /// Releases a resource: `__aexit__`. `after` is the outcome of the last job with the resource.
    ///
    /// A release is cancelled only after [`WithResource::release_within`](crate::WithResource::release_within), and by a
    /// runtime that shuts down.
    ///
    /// # Errors
    ///
    /// An error is a failure of the run, and never masks an earlier failure.
    fn release(
        &self,
        state: Self::State,
        after: JobOutcome,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// The outcome of the last job with a resource: the `exc_type` of Python.
///
/// Earlier jobs with the resource have no influence. A commit or a rollback for every job needs a resource of its own in
/// the job: `with_in(&connection.scope(), transaction, …)`, with [`with_in`](crate::with_in) and
/// [`ResourceGuard::scope`](crate::ResourceGuard::scope).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobOutcome {
    /// The job returned an output.
    Success,
    /// The job returned an error.
    Error,
    /// The job returned an error with a [`TimedOut`](crate::TimedOut) or tokio's `Elapsed` in its chain.
    Timeout,
    /// The job panicked, or returned an error with a [`Panic`](crate::Panic) in its chain. The resource is released at
    /// once, and is not reused.
    Panic,
    /// The job was stopped at an await, or before its start.
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

/// Makes a resource of two closures, without a type of its own.
///
/// # Examples
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
    ResourceFn { acquire, release }
}

struct ResourceFn<A, R> {
    acquire: A,
    release: R,
}

impl<S, A, AFut, R, RFut> Resource for ResourceFn<A, R>
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
