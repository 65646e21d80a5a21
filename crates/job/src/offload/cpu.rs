//! Closures that compute.

use std::future::Future;
use std::sync::Arc;

use rayon::ThreadPool;
use towpath_pattern::{Job, Scope};

use super::{Task, offload};

/// Creates a job from a closure that computes, on the threads of rayon's global pool.
///
/// Not for a closure that blocks its thread: `blocking` has more threads. Not for a computation of some
/// microseconds: the way to the thread and back costs more, and a plain job computes on the threads of the runtime.
///
/// A limit of about the number of cores is best. With a higher limit, items wait for a thread.
///
/// # Panics
///
/// The panic of the closure is the panic of the job, with the payload of the closure.
///
/// # Cancel safety
///
/// As for `blocking`: a closure that has started cannot be stopped, and after a stop the run is not over
/// before the end of the started closures. A shutdown of the runtime does not wait for the closures.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_fanout::{Fanout, PatternExt, anyhow};
/// use towpath_job::cpu;
///
/// let sum = cpu(|numbers: Vec<u64>| Ok(numbers.iter().map(|number| number * number).sum::<u64>()));
/// let sums = Fanout::new(2, sum).ordered().run([vec![1, 2], vec![3]]).collect().await?;
/// assert_eq!(sums, [5, 9]);
/// # Ok(()) }
/// ```
pub fn cpu<F, In, Out>(function: F) -> Cpu<F>
where
    F: Fn(In) -> anyhow::Result<Out> + Send + Sync + 'static,
{
    Cpu { function: Arc::new(function), pool: None }
}

/// A job that computes on a thread of rayon. Created by [`cpu`].
#[must_use = "a job does nothing until a run calls the job"]
pub struct Cpu<F> {
    function: Arc<F>,
    pool: Option<Arc<ThreadPool>>,
}

impl<F> Cpu<F> {
    /// Uses the threads of `pool` instead of the global pool.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    ///
    /// use towpath_fanout::{Job, anyhow};
    /// use towpath_job::cpu;
    ///
    /// let pool = rayon::ThreadPoolBuilder::new().thread_name(|_| "digests".to_owned()).num_threads(1).build()?;
    /// let name = cpu(|_: u64| Ok(std::thread::current().name().map(str::to_owned))).on(Arc::new(pool));
    /// assert_eq!(name.call(1).await?.as_deref(), Some("digests"));
    /// # Ok(()) }
    /// ```
    pub fn on(mut self, pool: Arc<ThreadPool>) -> Self {
        self.pool = Some(pool);
        self
    }

    fn spawn<In, Out>(&self, task: Task<In, Out, F>)
    where
        In: Send + 'static,
        Out: Send + 'static,
        F: Fn(In) -> anyhow::Result<Out> + Send + Sync + 'static,
    {
        match &self.pool {
            Some(pool) => pool.spawn(|| task.run()),
            None => rayon::spawn(|| task.run()),
        }
    }
}

impl<F> Clone for Cpu<F> {
    fn clone(&self) -> Self {
        Self { function: Arc::clone(&self.function), pool: self.pool.clone() }
    }
}

#[diagnostic::do_not_recommend]
impl<In, Out, F> Job<In> for Cpu<F>
where
    In: Send + 'static,
    Out: Send + 'static,
    F: Fn(In) -> anyhow::Result<Out> + Send + Sync + 'static,
{
    type Out = Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<Out>> + Send {
        offload("cpu", &self.function, item, None, |task| self.spawn(task))
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<Out>> + Send {
        offload("cpu", &self.function, item, Some(scope), |task| self.spawn(task))
    }
}
