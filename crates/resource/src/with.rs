//! A resource for a single piece of work.

use towpath_pattern::{Failure, PatternExt, Scope};

use crate::guard::ResourceGuard;
use crate::resource::Resource;
use crate::with_resource::WithResource;

/// Acquires a resource, does `work` with the resource, and releases the resource however the work ends: Python's `async
/// with`.
///
/// A dependent with a resource of its own needs [`with_in`] and the [scope](ResourceGuard::scope) of the outer resource:
/// after a stop, two nested calls of `with` release both resources at the same time. Work that returns its
/// [`ResourceGuard`] fails, after a wait for the guard.
///
/// # Errors
///
/// Returns the first failure: of the acquisition, of the work, or of the release. If both the work and the release fail,
/// the failure of the release is not reported; [`with_in`] reports both.
///
/// # Panics
///
/// Panics outside a tokio runtime.
///
/// # Cancel safety
///
/// The drop of the future stops the work at the current await. The resource is released in a task of the runtime; a scope
/// of [`with_in`] waits for the release.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_resource::{resource_fn, with};
///
/// let connection = resource_fn(|| async { Ok(vec!["hello"]) }, |_, after| async move { Ok(println!("{after:?}")) });
/// let greeting = with(connection, |mut connection| async move { Ok(connection.pop()) }).await?;
/// assert_eq!(greeting, Some("hello"));
/// # Ok(()) }
/// ```
pub async fn with<R, W, Fut, T>(resource: R, work: W) -> Result<T, Failure>
where
    R: Resource,
    W: FnOnce(ResourceGuard<R::State>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<T>> + Send,
    T: Send + 'static,
{
    with_in(&Scope::default(), resource, work).await
}

/// Does `work` with a resource as [`with`] does, in `scope`: the cancellation and the deadline of the scope stop the work,
/// and [`Scope::wait`] waits until the resource is released.
///
/// In the [scope](ResourceGuard::scope) of an outer resource, the call is Python's nested `async with`: the inner resource
/// is released before the outer resource, however the work ends.
///
/// # Errors
///
/// Returns the errors of [`with`], and an error if the scope is cancelled. If both the work and the release fail, or if the
/// future is dropped, `scope.wait().await` returns the failure of the release.
///
/// # Panics
///
/// Panics outside a tokio runtime.
///
/// # Cancel safety
///
/// The drop of the future stops the work at the current await, and `scope.wait().await` waits for the release.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
///
/// use towpath_resource::{Scope, resource_fn, with_in};
///
/// let scope = Scope::new("request").with_timeout(Duration::from_millis(10));
/// let session = resource_fn(|| async { Ok(()) }, |_, after| async move { Ok(println!("logged out: {after:?}")) });
/// let work = with_in(&scope, session, |_session| async {
///     tokio::time::sleep(Duration::from_secs(60)).await;
///     Ok(())
/// });
/// assert!(work.await.unwrap_err().is_cancelled());
/// scope.wait().await?; // the session is released
/// # Ok(()) }
/// ```
pub async fn with_in<R, W, Fut, T>(scope: &Scope, resource: R, work: W) -> Result<T, Failure>
where
    R: Resource,
    W: FnOnce(ResourceGuard<R::State>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<T>> + Send,
    T: Send + 'static,
{
    let once = WithResource::new(1, resource, |(guard, work): (ResourceGuard<R::State>, W)| work(guard));
    let mut outputs = once.run_in(scope, [work]).collect().await?;
    Ok(outputs.pop().expect("an item without a failure has an output"))
}
