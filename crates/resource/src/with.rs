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
/// Returns the first failure: of the acquisition, of the work, or of the release. If the work and the release fail, the
/// failure of the work is followed by the failure of the release: the `Display` output has both, and [`Failure::later`]
/// returns the second.
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
///
/// let connection = resource_fn(|| async { Ok(()) }, |(), _| async { anyhow::bail!("no goodbye") });
/// let failure = with(connection, |_| async { Err::<(), _>(anyhow::anyhow!("no answer")) }).await.unwrap_err();
/// let both = format!("{:#}", anyhow::Error::from(failure));
/// assert!(both.contains("no answer") && both.contains("no goodbye"));
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
/// Returns the errors of [`with`], and an error if the scope is cancelled. If the future is dropped, [`Scope::wait`]
/// returns a failure of the release.
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
    // The run records further failures in a scope of its own. If this future is dropped, the failures move to `scope`.
    let own = scope.child("with");
    match once.run_in(&own, [work]).collect().await {
        Ok(mut outputs) => Ok(outputs.pop().expect("an item without a failure has an output")),
        Err(first) => Err(first.followed_by(own.take_failures())),
    }
}
