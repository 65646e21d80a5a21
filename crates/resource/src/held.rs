//! A resource in a job's hands.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Weak};

use towpath_pattern::Scope;

use crate::slot::{Next, Slot};

/// A resource that a job holds, by value. Dropped, at the job's end at the latest, it goes back.
///
/// A job that gives it away, to a task or with its output, has it count as held until it is dropped there; the run is
/// over only then, or when [the time for releases](crate::WithResource::release_within) is up, which fails it, and then the
/// resource is dropped unreleased. So whoever waits for the end of a run whose outputs hold resources, as `collect` and
/// [`with`](crate::with) do, waits for all of that time, and loses the outputs.
#[must_use = "dropped, it goes back"]
pub struct ResourceGuard<S: Send + 'static> {
    /// There until it is dropped.
    state: Option<S>,
    slot: Arc<Slot<S>>,
    pool: Weak<dyn Returns<S>>,
}

/// What a resource that is held knows of its pool.
pub(crate) trait Returns<S>: Send + Sync {
    fn take_back(self: Arc<Self>, slot: Arc<Slot<S>>, next: Next);

    /// The scope of what depends on it, inside that of the run.
    fn scope_of(&self, slot: &Slot<S>) -> Scope;
}

impl<S: Send + 'static> ResourceGuard<S> {
    pub(crate) fn new(state: S, slot: Arc<Slot<S>>, pool: Weak<dyn Returns<S>>) -> Self {
        Self { state: Some(state), slot, pool }
    }

    /// Gives it back as one that is of no more use, a connection that was lost for instance: it is released when the
    /// job ends, and another one is acquired for the next.
    pub fn discard(mut held: Self) {
        held.give_back(true);
    }

    /// The scope of what depends on this resource, as a transaction does on a connection: what is started in it is
    /// over before the resource is released, or lent to the next job. It lies inside the scope of the run, and is made
    /// when it is first asked for.
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
    ///
    /// A job that returns is not over before all in it is: that is waited for after a success, so take a run in it to
    /// its end and do not return it, and stopped after an error. A failure there that nobody took fails the item; where
    /// the job failed itself, which it does not mask, it is a failure of the run.
    ///
    /// Where the job is stopped or panics, and where the resource outlives its job and is then given back, all in it is
    /// stopped, and the release waits for that: for as long as [a release may take](crate::WithResource::release_within).
    /// When that is up, it is a failure of the run, and the resource is released all the same; the run is over only
    /// when both are. From then on, as after the end of the run, nothing begins in it. A resource that is given back
    /// outside of its job is not lent again if it has a scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let Some(pool) = self.pool.upgrade() else {
            let over = Scope::new("a resource of a run that is over");
            over.cancel();
            return over;
        };
        pool.scope_of(&self.slot)
    }

    fn give_back(&mut self, useless: bool) {
        let Some(state) = self.state.take() else { return };
        let Some(next) = self.slot.give_back(state, useless) else { return };
        if let Some(pool) = self.pool.upgrade() {
            pool.take_back(Arc::clone(&self.slot), next);
        } else if let Some(scope) = self.slot.open_scope() {
            scope.cancel();
        }
    }
}

impl<S: Send + 'static> Deref for ResourceGuard<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.state.as_ref().expect("there until it is dropped")
    }
}

impl<S: Send + 'static> DerefMut for ResourceGuard<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.state.as_mut().expect("there until it is dropped")
    }
}

impl<S: Send + 'static> Drop for ResourceGuard<S> {
    fn drop(&mut self) {
        self.give_back(false);
    }
}

impl<S: fmt::Debug + Send + 'static> fmt::Debug for ResourceGuard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResourceGuard").field(&**self).finish()
    }
}
