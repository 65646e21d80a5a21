//! One resource for one piece of work.

use towpath_pattern::{Failure, PatternExt, Scope};

use crate::held::ResourceGuard;
use crate::resource::Resource;
use crate::with_resource::WithResource;

/// Acquires a resource, does `work` with the resource, and releases the resource after the work, however the work ends:
/// Python's `async with`.
///
/// A value without an await in its release needs no such function: an owned value is released by `Drop`. A second resource
/// that depends on the first belongs into [`with_in`] the [scope](ResourceGuard::scope) of the first: the resources of two
/// plain `with`, one inside the other, are released at the same time after a stop. Work that returns the [`ResourceGuard`]
/// fails: the release waits for the guard in vain.
///
/// # Errors
///
/// Returns the failure of the acquisition, of the work, or of the release. If the work and the release fail, the failure
/// of the work is returned, followed by the failure of the release: the `Display` output has both, and [`Failure::later`]
/// returns the second.
///
/// # Panics
///
/// Outside a tokio runtime.
///
/// # Cancel safety
///
/// Dropping the future stops the work at its current await. The resource is released all the same, in a task.
/// [`with_in`] has a scope that waits for the release, and returns a failure of the release.
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
/// and [`Scope::wait`] waits for the release.
///
/// In the [scope](ResourceGuard::scope) of another resource, this function is Python's nested `async with`: the inner
/// resource is released before the outer resource, however the work ends.
///
/// # Errors
///
/// Returns the failures of [`with`], and the cancellation of the scope. If the future is dropped, [`Scope::wait`] returns a
/// failure of the release.
///
/// # Panics
///
/// Outside a tokio runtime.
///
/// # Cancel safety
///
/// Dropping the future stops the work at its current await. [`Scope::wait`] waits for the release.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_resource::{Scope, resource_fn, with_in};
///
/// let scope = Scope::new("request");
/// let connection = resource_fn(|| async { Ok(1) }, |_, _| async { Ok(()) });
/// assert_eq!(with_in(&scope, connection, |connection| async move { Ok(*connection + 1) }).await?, 2);
/// scope.wait().await?;
/// # Ok(()) }
/// ```
pub async fn with_in<R, W, Fut, T>(scope: &Scope, resource: R, work: W) -> Result<T, Failure>
where
    R: Resource,
    W: FnOnce(ResourceGuard<R::State>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<T>> + Send,
    T: Send + 'static,
{
    let once = WithResource::new(1, resource, |(held, work): (ResourceGuard<R::State>, W)| work(held));
    // The run records further failures in a scope of its own. If this future is dropped, the failures move to `scope`.
    let own = scope.child("with");
    match once.run_in(&own, [work]).collect().await {
        Ok(mut outputs) => Ok(outputs.pop().expect("an item that did not fail has its output")),
        Err(first) => Err(first.followed_by(own.take_failures())),
    }
}
