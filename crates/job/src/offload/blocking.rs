//! Closures that block their thread.

use std::future::Future;
use std::sync::Arc;

use towpath_pattern::{Job, Scope};

use super::offload;

/// Creates a job from a closure that blocks its thread, for example a read of a file.
///
/// Not for computation: `cpu` uses a thread for every core, and `blocking` uses the threads of
/// [`tokio::task::spawn_blocking`], of which a runtime has up to 512. Not for a closure that never returns.
///
/// The limit of the run bounds the number of closures. A limit above the number of threads makes closures wait for a
/// thread.
///
/// # Panics
///
/// The panic of the closure is the panic of the job, with the payload of the closure. The job panics outside a tokio
/// runtime.
///
/// # Cancel safety
///
/// A closure that has started cannot be stopped. After a stop, the run is over only when the started closures have
/// ended. The drop of a runtime also waits for the started closures. A closure that has not started does not start any
/// more.
///
/// The same holds for a wrapper that drops the job. `blocking(f).timeout(s)` fails after `s`, the closure goes on, and
/// the run starts the job of the next item, so more closures than the limit may run. A slower closure of a `hedge` goes
/// on, too. A limit inside the closure is better, for example the read timeout of a socket. The result of a closure
/// whose job was dropped is discarded; a panic is recorded in the run.
///
/// A wrapper of another crate that calls [`Job::call`] instead of [`Job::call_in`] passes no scope. The closure then may
/// outlive the run.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_fanout::{Fanout, PatternExt, anyhow};
/// use towpath_job::blocking;
///
/// let size = blocking(|path: &'static str| Ok(std::fs::metadata(path)?.len()));
/// let sizes = Fanout::new(4, size).run(["Cargo.toml", "README.md"]).collect().await?;
/// assert!(sizes.iter().all(|size| *size > 0));
/// # Ok(()) }
/// ```
pub fn blocking<F, In, Out>(function: F) -> Blocking<F>
where
    F: Fn(In) -> anyhow::Result<Out> + Send + Sync + 'static,
{
    Blocking { function: Arc::new(function) }
}

/// A job that blocks a thread. Created by [`blocking`].
#[must_use = "a job does nothing until a run calls the job"]
pub struct Blocking<F> {
    function: Arc<F>,
}

impl<F> Clone for Blocking<F> {
    fn clone(&self) -> Self {
        Self { function: Arc::clone(&self.function) }
    }
}

#[diagnostic::do_not_recommend]
impl<In, Out, F> Job<In> for Blocking<F>
where
    In: Send + 'static,
    Out: Send + 'static,
    F: Fn(In) -> anyhow::Result<Out> + Send + Sync + 'static,
{
    type Out = Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Out>> + Send {
        offload("blocking", &self.function, item, None, |task| {
            drop(tokio::task::spawn_blocking(|| task.run()));
        })
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<Out>> + Send {
        offload("blocking", &self.function, item, Some(scope), |task| {
            drop(tokio::task::spawn_blocking(|| task.run()));
        })
    }
}
