//! One resource for one piece of work.

use towpath_pattern::{Failure, PatternExt, Scope};

use crate::held::ResourceGuard;
use crate::resource::Resource;
use crate::with_resource::WithResource;

/// Acquires a resource, does `work` with it, and releases it, whatever came of the work: Python's `async with`.
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
///
/// What depends on the resource, and has a resource of its own, belongs into [`with_in`] its [scope](ResourceGuard::scope): two
/// plain `with`, one inside the other, are released at the same time when they are stopped. Work that returns the
/// [`ResourceGuard`] has it waited for in vain, and fails.
///
/// # Errors
///
/// The first of: it was not acquired; the work failed or panicked; it was not released. Where the work failed and the
/// release as well, the failure of the release is told nowhere; where that matters, take [`with_in`].
///
/// # Panics
///
/// Outside a tokio runtime.
///
/// # Cancel-safety
///
/// Dropping the future stops the work at its current await, and the resource is released all the same, beside whoever
/// dropped it. To wait for that, take [`with_in`].
pub async fn with<R, W, Fut, T>(resource: R, work: W) -> Result<T, Failure>
where
    R: Resource,
    W: FnOnce(ResourceGuard<R::State>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<T>> + Send,
    T: Send + 'static,
{
    with_in(&Scope::default(), resource, work).await
}

/// As [`with`], in `scope`: its cancellation and its deadline stop the work, and it is [closed](Scope::wait) only
/// once the resource is released.
///
/// In the [scope](ResourceGuard::scope) of another resource it is Python's nested `async with`: this one is released before that
/// one, however the work ends.
///
/// # Errors
///
/// As [`with`], and where the scope was cancelled. Where the work failed and the release as well, or the future was
/// dropped, `scope.wait().await` returns the failure of the release.
///
/// # Panics
///
/// Outside a tokio runtime.
///
/// # Cancel-safety
///
/// As [`with`]; `scope.wait().await` waits for the release.
pub async fn with_in<R, W, Fut, T>(scope: &Scope, resource: R, work: W) -> Result<T, Failure>
where
    R: Resource,
    W: FnOnce(ResourceGuard<R::State>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<T>> + Send,
    T: Send + 'static,
{
    let once = WithResource::new(1, resource, |(held, work): (ResourceGuard<R::State>, W)| work(held));
    let mut outputs = once.run_in(scope, [work]).collect().await?;
    Ok(outputs.pop().expect("an item that did not fail has its output"))
}
