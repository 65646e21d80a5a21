//! What a pattern applies to an item.

use std::future::Future;

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
