//! The guard of a resource that is checked out.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use towpath_pattern::Scope;

use crate::shard::{PlaceIndex, Shard};

/// Holds a resource for a job. The drop of the guard checks the resource in, at the end of the job at the latest.
///
/// If a job moves its guard into a task or returns it, the resource stays checked out until the guard is dropped. The run
/// waits for the drop, at most for the [time of a release](crate::WithResource::release_within). After that time the run
/// fails, and the resource is dropped without a release.
///
/// So a job should not return its guard to `collect` or [`with`](crate::with): the call waits for the whole time, fails,
/// and loses the outputs.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_resource::{PatternExt, ResourceGuard, WithResource, resource_fn};
///
/// let log = resource_fn(|| async { Ok(String::new()) }, |log, _| async move { Ok(println!("{log}")) });
/// let append = WithResource::new(1, log, |(mut log, word): (ResourceGuard<String>, &'static str)| async move {
///     log.push_str(word);
///     Ok(log.len())
/// });
/// // The second job gets the resource of the first.
/// assert_eq!(append.run(["one", "two"]).collect().await?, [3, 6]);
/// # Ok(()) }
/// ```
#[must_use = "a guard that is dropped checks its resource in"]
pub struct ResourceGuard<S: Send + 'static> {
    /// Present until the drop.
    state: Option<S>,
    /// The shard with the place of the resource.
    shard: Arc<Shard<S>>,
    place: PlaceIndex,
}

impl<S: Send + 'static> ResourceGuard<S> {
    #[inline]
    pub(crate) fn new(state: S, shard: Arc<Shard<S>>, place: PlaceIndex) -> Self {
        Self { state: Some(state), shard, place }
    }

    /// Checks the resource in as unusable, for example a lost connection. The resource is released at the end of the job,
    /// and a new resource is acquired for the next job.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_resource::{PatternExt, ResourceGuard, WithResource, resource_fn};
    ///
    /// let connection = resource_fn(|| async { Ok(0) }, |_, _| async { Ok(()) });
    /// let uses = |(mut uses, lost): (ResourceGuard<u32>, bool)| async move {
    ///     *uses += 1;
    ///     let count = *uses;
    ///     if lost {
    ///         ResourceGuard::discard(uses);
    ///     }
    ///     Ok(count)
    /// };
    /// let counts = WithResource::new(1, connection, uses).run([false, true, false]).collect().await?;
    /// assert_eq!(counts, [1, 2, 1]);
    /// # Ok(()) }
    /// ```
    pub fn discard(mut guard: Self) {
        guard.check_in(true);
    }

    /// Returns the scope of the resource, for dependents such as a transaction on a connection.
    ///
    /// All runs and tasks in the scope end before the resource is released or reused. The first call creates the scope, as
    /// a child of the scope of the run.
    ///
    /// # The end of the job
    ///
    /// After a success, the item completes when all runs and tasks in the scope have ended. So a job should not return a
    /// run in the scope, but complete the run: a returned run may wait for a receiver. After an error, the scope is
    /// cancelled first.
    ///
    /// An unreported failure in the scope fails the item. If the job failed, the error of the job fails the item, and the
    /// failure in the scope is a failure of the run.
    ///
    /// The scope is also cancelled if the job is stopped or panics, and if the guard outlives the job and is then dropped.
    /// The release waits for the scope, at most for the [time of a release](crate::WithResource::release_within). After
    /// that time, the run has a failure, and the resource is released though the scope has not ended. The run is over when
    /// both the resource is released and the scope has ended.
    ///
    /// Nothing starts in a cancelled scope, nor after the end of the run. A resource with a scope that is checked in
    /// outside the job is not reused.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_resource::{resource_fn, with, with_in};
    ///
    /// let connection = resource_fn(|| async { Ok(()) }, |_, _| async { Ok(println!("goodbye")) });
    /// let transaction = resource_fn(|| async { Ok(()) }, |_, after| async move { Ok(println!("{after:?}: commit")) });
    /// with(connection, |connection| async move {
    ///     with_in(&connection.scope(), transaction, |_transaction| async { Ok(()) }).await?;
    ///     Ok(())
    /// })
    /// .await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn scope(&self) -> Scope {
        let Some(pool) = self.shard.owner.upgrade() else {
            let over = Scope::new("a resource of a completed run");
            over.cancel();
            return over;
        };
        pool.scope_of(&self.shard, self.place)
    }

    #[inline]
    fn check_in(&mut self, discard: bool) {
        let Some(state) = self.state.take() else { return };
        if self.shard.check_in(self.place, state, discard) {
            self.shard.take_next_step(self.place);
        }
    }
}

impl<S: Send + 'static> Deref for ResourceGuard<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        self.state.as_ref().expect("present until the drop")
    }
}

impl<S: Send + 'static> DerefMut for ResourceGuard<S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut S {
        self.state.as_mut().expect("present until the drop")
    }
}

impl<S: Send + 'static> Drop for ResourceGuard<S> {
    #[inline]
    fn drop(&mut self) {
        self.check_in(false);
    }
}

impl<S: fmt::Debug + Send + 'static> fmt::Debug for ResourceGuard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResourceGuard").field(&**self).finish()
    }
}
