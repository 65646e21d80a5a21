//! Scopes: a cancellation token, a deadline, and a place to wait until no task is left.

mod guard;
mod shared;
mod signal;
mod task;

use std::future::Future;
use std::sync::{Arc, OnceLock};
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
/// The cancellation of a scope, or its deadline, stops every run, task and scope inside it at its next await.
/// [`Scope::closed`] waits until none of them is left. Clones are the same scope. When the last clone is dropped, those
/// that runs and child scopes hold included, the scope is cancelled, so no task outlives its scope unnoticed.
///
/// The cause of a cancellation is one for all that it stops, and does not change: the deadline, or by hand.
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
/// scope.closed().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Scope {
    owner: Arc<Owner>,
}

#[derive(Debug)]
struct Owner {
    name: Arc<str>,
    deadline: Option<Instant>,
    /// Keeps the parents from being cancelled for want of an owner.
    parent: Option<Scope>,
    /// Created on the first use: a child that is only handed out, and cancelled, costs no more than this owner.
    shared: OnceLock<Arc<Shared>>,
    /// Why the scope was cancelled, if that was before its first use. Locked during the creation of `shared`, so that neither
    /// a cancellation nor a use misses the other.
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
            Arc::new(Shared::new(parent, self.deadline, *cancelled))
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
        Self::build(name.into(), None, None)
    }

    /// Creates a child of this scope: it is cancelled when this scope is, or before.
    #[must_use]
    pub fn child(&self, name: impl Into<Arc<str>>) -> Self {
        Self::build(name.into(), self.owner.deadline, Some(self.clone()))
    }

    /// Creates a child of this scope that is cancelled at `deadline`, or at this scope's deadline if that is earlier.
    ///
    /// The child has this scope's name. Its deadline needs tokio's timers: in a runtime without timers, the start of a run
    /// or a task in it, and [`Scope::token`], panic with tokio's message that timers are disabled.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        let earlier = self.owner.deadline.map_or(deadline, |parent| parent.min(deadline));
        Self::build(Arc::clone(&self.owner.name), Some(earlier), Some(self.clone()))
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

    fn build(name: Arc<str>, deadline: Option<Instant>, parent: Option<Scope>) -> Self {
        Self {
            owner: Arc::new(Owner {
                name,
                deadline,
                parent,
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

    /// Returns the time at which the clock cancels the scope, if there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.owner.deadline
    }

    /// Returns the token, for code that looks for the cancellation itself, such as a blocking job.
    ///
    /// The scope's cancellation and its deadline cancel the token, whatever lives in the scope; to cancel the token is to
    /// cancel the scope. To watch the deadline, the first call in a runtime spawns a task there, which holds nothing of
    /// the scope and completes with the cancellation. A token from outside a runtime is watched from the next use of the
    /// scope within one.
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

    /// Stops every run, task and scope inside, at its next await.
    pub fn cancel(&self) {
        self.owner.cancel();
    }

    /// Spawns a task in the scope; its failure has `name` as the stage.
    ///
    /// A scope that is cancelled, or whose deadline has passed, never polls the task. The task does not own the scope: the
    /// drop of the last clone cancels both.
    ///
    /// The first task that fails or panics cancels the scope, and [`Scope::closed`] returns that failure. So a task that
    /// sends items to a run must not fail because the run has ended: it returns `Ok` when it cannot send any more. A
    /// [`Source::generate`](crate::Source::generate) needs no task at all.
    ///
    /// A task may drive a run in this scope, or in a child, and return its failure. If the scope was cancelled, that failure
    /// is the cancellation and none of the task's own.
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
    /// The wait cancels nothing: [`Scope::cancel`] comes first where the tasks are to stop. A child scope that still has an
    /// owner keeps its failures for a wait on the child.
    ///
    /// # Errors
    ///
    /// The first failure that no caller took: a spawned task's, or that of a run that was dropped. A task that the
    /// deadline stopped, or the end of its runtime, is a failure too; a task that was cancelled by hand is none.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn closed(&self) -> Result<(), Failure> {
        let Some(shared) = self.owner.shared.get() else { return Ok(()) };
        let tracker = shared.tracker();
        // A wait may return for an end that a new task has followed.
        while !tracker.is_empty() {
            tracker.wait().await;
        }
        shared.take_unreported().map_or(Ok(()), Err)
    }

    /// Returns whether the scope or a child of it was ever entered, or asked for its token. Until then it has allocated
    /// nothing but its owner, and there is nothing in it to wait for.
    #[allow(dead_code, reason = "the stage asks for it")]
    pub(crate) fn is_used(&self) -> bool {
        self.owner.shared.get().is_some()
    }

    /// Keeps a failure that no caller took.
    pub(crate) fn record(&self, failure: Failure) {
        self.owner.shared().record(failure);
    }

    /// Returns tokens that keep this scope and its parents open until they are dropped.
    pub(crate) fn tracker_tokens(&self) -> Vec<TaskTrackerToken> {
        self.owner.shared().tracker_tokens()
    }

    /// Creates the guard of a run or a task that lives in this scope.
    ///
    /// # Panics
    ///
    /// If the scope has a deadline and the runtime no timers: here, and not in a task that nobody watches.
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
        Failure::new(None, &Arc::from(stage), Cause::Panicked("on purpose".to_owned()))
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
