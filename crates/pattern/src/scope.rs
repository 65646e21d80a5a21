//! Scopes: a cancellation token, a deadline, and a place to wait for the end of runs and tasks.

mod guard;
mod shared;
mod signal;
mod task;

use std::future::Future;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::failure::{Cancelled, Failure};
use crate::util::mutex::Mutex;
pub(crate) use guard::ScopeGuard;
use shared::Shared;
use task::Task;

/// Holds runs and tasks together: Go's `context.Context` and asyncio's `TaskGroup` in one.
///
/// The cancellation or the deadline of a scope stops every run, task and child at the next await. [`Scope::wait`] waits
/// until no run and no task is left. Clones are the same scope. The drop of the last clone cancels the scope, so no task
/// outlives a scope unnoticed; runs and children hold clones, too.
///
/// All runs and tasks of a scope report the same cause of a cancellation: the deadline, or a cancellation by hand.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
/// use towpath_pattern::Scope;
///
/// let scope = Scope::new("start-up").with_timeout(Duration::from_secs(5));
/// scope.spawn("migrate", async { Ok(()) });
/// scope.spawn("warm the cache", async { Ok(()) });
/// scope.wait().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Scope {
    owner: Arc<Owner>,
}

/// A scope without ownership: a weak handle keeps neither the scope nor its failures.
#[derive(Debug)]
pub(crate) struct WeakScope(Weak<Owner>);

impl WeakScope {
    /// Returns the scope while an owner is left.
    pub(crate) fn upgrade(&self) -> Option<Scope> {
        self.0.upgrade().map(|owner| Scope { owner })
    }
}

#[derive(Debug)]
struct Owner {
    name: Arc<str>,
    deadline: Option<Instant>,
    /// The parents live as long as their children.
    parent: Option<Scope>,
    /// Woken by the cancellation, before `Scope::cancel` returns.
    watcher: Option<Waker>,
    /// Created on the first use: an unused child allocates the owner only, even if the child is cancelled.
    shared: OnceLock<Arc<Shared>>,
    /// The cause of a cancellation before the first use. The creation of `shared` holds the lock, so that no cancellation is
    /// lost.
    cancelled_unused: Mutex<Option<Cancelled>>,
}

impl Owner {
    fn parent_owner(&self) -> Option<&Self> {
        self.parent.as_ref().map(|parent| &*parent.owner)
    }

    fn shared(&self) -> &Arc<Shared> {
        match self.shared.get() {
            Some(shared) => shared,
            None => self.create_shared(),
        }
    }

    #[cold]
    fn create_shared(&self) -> &Arc<Shared> {
        // From the outermost parent inward, in a loop: scopes may be nested deeper than a stack is.
        let mut unused = Vec::new();
        let mut parent = self.parent_owner();
        while let Some(owner) = parent.filter(|owner| owner.shared.get().is_none()) {
            unused.push(owner);
            parent = owner.parent_owner();
        }
        for owner in unused.into_iter().rev() {
            owner.create_in_parent();
        }
        self.create_in_parent()
    }

    fn create_in_parent(&self) -> &Arc<Shared> {
        let cancelled = self.cancelled_unused.lock();
        self.shared.get_or_init(|| {
            let parent = self.parent_owner().map(|parent| Arc::clone(parent.shared()));
            Arc::new(Shared::new(parent, self.deadline, *cancelled, self.watcher.as_ref()))
        })
    }

    fn cancel(&self) {
        let mut cancelled = self.cancelled_unused.lock();
        if let Some(shared) = self.shared.get() {
            drop(cancelled);
            return shared.cancel();
        }
        let passed = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        cancelled.get_or_insert(if passed { Cancelled::Deadline } else { Cancelled::Scope });
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.get() {
            shared.cancel();
        }
        // In a loop, as above.
        let mut parent = self.parent.take();
        while let Some(scope) = parent {
            parent = Arc::into_inner(scope.owner).and_then(|mut owner| owner.parent.take());
        }
    }
}

impl Scope {
    /// Creates a scope without a parent and without a deadline.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::build(name.into(), None, None, None)
    }

    /// Creates a child of this scope, cancelled at the latest when this scope is.
    #[must_use]
    pub fn child(&self, name: impl Into<Arc<str>>) -> Self {
        Self::build(name.into(), self.owner.deadline, Some(self.clone()), None)
    }

    pub(crate) fn downgrade(&self) -> WeakScope {
        WeakScope(Arc::downgrade(&self.owner))
    }

    /// Returns the parent of a child.
    pub(crate) fn parent(&self) -> Option<&Scope> {
        self.owner.parent.as_ref()
    }

    /// Creates a child of this scope whose cancellation wakes `watcher` before [`Self::cancel`] returns. An unused child
    /// wakes nothing.
    pub(crate) fn watched_child(&self, name: Arc<str>, watcher: Waker) -> Self {
        Self::build(name, self.owner.deadline, Some(self.clone()), Some(watcher))
    }

    /// Creates a child of this scope, cancelled at `deadline` or at the deadline of this scope, the earlier of both.
    ///
    /// The child has the name of this scope. A deadline needs tokio's timers. In a runtime without timers, the start of a run
    /// or a task in the child and [`Scope::token`] panic with tokio's message: timers are disabled.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        let earlier = self.owner.deadline.map_or(deadline, |parent| parent.min(deadline));
        Self::build(Arc::clone(&self.owner.name), Some(earlier), Some(self.clone()), None)
    }

    /// Creates a child of this scope as [`Scope::with_deadline`] does, with a deadline `timeout` from now.
    ///
    /// A timeout beyond the range of the clock sets no deadline.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            None => self.child(Arc::clone(&self.owner.name)),
        }
    }

    fn build(
        name: Arc<str>,
        deadline: Option<Instant>,
        parent: Option<Scope>,
        watcher: Option<Waker>,
    ) -> Self {
        Self {
            owner: Arc::new(Owner {
                name,
                deadline,
                parent,
                watcher,
                shared: OnceLock::new(),
                cancelled_unused: Mutex::default(),
            }),
        }
    }

    /// Returns the name of the scope.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.owner.name
    }

    /// Returns the time at which the clock cancels the scope, if any.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.owner.deadline
    }

    /// Returns the token, for code with a look of its own at the cancellation, such as a blocking job.
    ///
    /// The cancellation and the deadline of the scope cancel the token, even while the scope is empty. To cancel the token is
    /// to cancel the scope.
    ///
    /// The first call in a runtime spawns a task there to watch the deadline. The task does not own the scope, and completes
    /// with the cancellation. After a call outside a runtime, the next use of the scope in a runtime spawns the task.
    ///
    /// # Panics
    ///
    /// If the scope has a deadline, and the runtime no timers.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::time::Duration;
    /// use towpath_pattern::Scope;
    ///
    /// let scope = Scope::new("search").with_timeout(Duration::from_millis(10));
    /// let token = scope.token().clone();
    /// let searches = tokio::task::spawn_blocking(move || (0_u64..).find(|_| token.is_cancelled()));
    /// assert!(searches.await?.is_some());
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn token(&self) -> &CancellationToken {
        let shared = self.owner.shared();
        if let Some(deadline) = shared.deadline() {
            deadline.watch();
        }
        shared.token()
    }

    /// Stops every run, task and child of the scope at the next await.
    pub fn cancel(&self) {
        self.owner.cancel();
    }

    /// Spawns a task in the scope; a failure of the task names `name` as the stage.
    ///
    /// A cancelled scope never polls the task. The task does not own the scope: the drop of the last clone cancels both.
    ///
    /// The first failure or panic of a task cancels the scope, and [`Scope::wait`] returns the failure. So a task with
    /// items for a run must not fail because the run has ended: such a task returns `Ok` when no item can be sent any more.
    /// A [`Source::generate`](crate::Source::generate) needs no task at all.
    ///
    /// A task may drive a run of the scope, or of a child, and return the failure of the run. After a cancellation of the
    /// scope, the failure of the run counts as the cancellation, and not as a failure of the task.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, at the caller's location; and if the scope has a deadline, in a runtime without timers.
    #[track_caller]
    pub fn spawn<F>(&self, name: impl Into<Arc<str>>, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let name = name.into();
        let Ok(runtime) = Handle::try_current() else {
            panic!(
                "the task `{name}` was spawned outside a tokio runtime; spawn it within `#[tokio::main]`, \
                 `Runtime::block_on` or a task"
            );
        };
        runtime.spawn(Task::new(name, task, self.enter()).run());
    }

    /// Waits until no run and no task is left in the scope and in its children.
    ///
    /// The wait does not cancel the scope: to stop the tasks, call [`Scope::cancel`] before. A child keeps failures for a
    /// wait on the child as long as the child has an owner.
    ///
    /// # Errors
    ///
    /// Returns the first failure without a taker: of a task, or of a run dropped before the end. A task stopped by the
    /// deadline, or by the end of the runtime, has failed; a task cancelled by hand has not.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn wait(&self) -> Result<(), Failure> {
        let Some(shared) = self.owner.shared.get() else { return Ok(()) };
        let tracker = shared.tracker();
        // A new task may have come after the end reported by the wait.
        while !tracker.is_empty() {
            tracker.wait().await;
        }
        shared.take_unreported().map_or(Ok(()), Err)
    }

    /// Returns whether the scope or a child was ever entered or asked for the token. An unused scope has allocated the owner
    /// only, and [`Self::wait`] returns at once.
    pub(crate) fn is_used(&self) -> bool {
        self.owner.shared.get().is_some()
    }

    /// Returns whether nothing is left in the scope.
    pub(crate) fn is_empty(&self) -> bool {
        self.owner.shared.get().is_none_or(|shared| shared.tracker().is_empty())
    }

    /// Returns the cause if the scope is cancelled or the deadline has passed; may run wakers, as a guard's may.
    pub(crate) fn stopped_by_now(&self) -> Option<Cancelled> {
        self.owner.shared().cancelled_by_now()
    }

    /// Takes the failure that [`Self::wait`] would return.
    pub(crate) fn take_unreported(&self) -> Option<Failure> {
        self.owner.shared.get().and_then(|shared| shared.take_unreported())
    }

    /// Keeps a failure for [`Self::wait`].
    pub(crate) fn record(&self, failure: Failure) {
        self.owner.shared().record(failure);
    }

    /// Returns tokens: until the drop of the tokens, this scope and the parents are open.
    pub(crate) fn tracker_tokens(&self) -> Vec<TaskTrackerToken> {
        self.owner.shared().tracker_tokens()
    }

    /// Creates the guard of a run or a task that lives in this scope.
    ///
    /// # Panics
    ///
    /// If the scope has a deadline and the runtime no timers: here, and not in a task without an owner.
    #[track_caller]
    pub(crate) fn enter(&self) -> ScopeGuard {
        ScopeGuard::new(self.owner.shared())
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new("scope")
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::failure::Cause;

    fn failure(stage: &str) -> Failure {
        Failure::new(None, &Arc::from(stage), Cause::from_panic(Box::new("on purpose")))
    }

    #[test]
    fn child_that_is_only_handed_out_is_unused() {
        let parent = Scope::new("parent");
        let child = parent.child("child");
        drop(child.child("innermost"));
        child.cancel();
        assert!(!child.is_used() && !parent.is_used());
    }

    #[test]
    fn child_that_is_entered_uses_its_parents() {
        let parent = Scope::new("parent");
        let child = parent.child("child");
        drop(child.child("innermost").enter());
        assert!(child.is_used() && parent.is_used());
    }

    #[test]
    fn child_cancelled_before_its_first_use_is_cancelled() {
        let parent = Scope::new("parent");
        let child = parent.child("child");
        child.cancel();
        let innermost = child.child("innermost").enter();
        assert_eq!(child.enter().stopped_by_now(), Some(Cancelled::Scope));
        assert_eq!(innermost.stopped_by_now(), Some(Cancelled::Scope));
        assert_eq!(parent.enter().stopped_by_now(), None);
    }

    #[test]
    fn child_of_a_scope_cancelled_before_is_cancelled() {
        let parent = Scope::new("parent");
        let child = parent.child("child");
        parent.cancel();
        assert_eq!(child.enter().stopped_by_now(), Some(Cancelled::Scope));
    }

    #[test]
    fn failure_of_a_lazy_child_moves_to_the_parent() {
        let parent = Scope::new("parent");
        let child = parent.child("child");
        child.record(failure("in the child"));
        drop(child);
        let unreported = parent.owner.shared().take_unreported().expect("it moved");
        assert_eq!(unreported.stage(), "in the child");
    }

    /// The creation of the innermost creates all parents.
    #[test]
    fn first_use_of_deeply_nested_scopes_does_not_recurse() {
        let nest = || {
            let nested = (0..100_000).fold(Scope::new("outermost"), |scope, _| scope.child("inner"));
            nested.record(failure("innermost"));
        };
        let thread = thread::Builder::new().stack_size(128 << 10).spawn(nest).expect("a thread");
        thread.join().expect("no panic");
    }

    /// Threads that enter and cancel an unused child at once: afterwards it is cancelled for all.
    #[test]
    fn cancellation_that_races_with_the_first_use_is_kept() {
        for _ in 0..1_000 {
            let child = Scope::new("parent").child("child");
            let guard = thread::scope(|threads| {
                let entering = threads.spawn(|| child.enter());
                child.cancel();
                entering.join().expect("no panic")
            });
            assert_eq!(guard.stopped_by_now(), Some(Cancelled::Scope));
            assert_eq!(child.enter().stopped_by_now(), Some(Cancelled::Scope));
        }
    }
}
