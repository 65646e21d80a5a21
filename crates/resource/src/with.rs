//! One resource for one piece of work.

use towpath_pattern::{Failure, PatternExt, Scope};

use crate::held::Held;
use crate::holding::Holding;
use crate::resource::Resource;

/// Acquires a resource, does `work` with it, and releases it, whatever came of the work: Python's `async with`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_resource::{provide, with};
///
/// let connection = provide(|| async { Ok(vec!["hello"]) }, |_, after| async move { Ok(println!("{after:?}")) });
/// let greeting = with(connection, |mut connection| async move { Ok(connection.pop()) }).await?;
/// assert_eq!(greeting, Some("hello"));
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// The first of: it was not acquired; the work failed or panicked; it was not released.
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
    W: FnOnce(Held<R::State>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<T>> + Send,
    T: Send + 'static,
{
    with_in(&Scope::default(), resource, work).await
}

/// As [`with`], in `scope`: its cancellation and its deadline stop the work, and it is [closed](Scope::closed) only
/// once the resource is released.
///
/// # Errors
///
/// As [`with`], and where the scope was cancelled.
///
/// # Panics
///
/// Outside a tokio runtime.
///
/// # Cancel-safety
///
/// As [`with`]; `scope.closed().await` waits for the release.
pub async fn with_in<R, W, Fut, T>(scope: &Scope, resource: R, work: W) -> Result<T, Failure>
where
    R: Resource,
    W: FnOnce(Held<R::State>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<T>> + Send,
    T: Send + 'static,
{
    let once = Holding::new(1, resource, |(held, work): (Held<R::State>, W)| work(held));
    let mut outputs = once.run_in(scope, [work]).collect().await?;
    Ok(outputs.pop().expect("an item that did not fail has its output"))
}
