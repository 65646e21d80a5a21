//! Where runs live: a cancellation token, a deadline, and a position to wait until nothing is left.

mod task;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::failure::{Cancelled, Failure};
use crate::util::mutex::{Mutex, MutexGuard};
use crate::util::panic::drop_quietly;
use task::Task;

/// Where runs and tasks live: Go's `context.Context` and asyncio's `TaskGroup` in one.
///
/// Cancelling a scope, or letting its deadline pass, stops every run, task and scope inside it at its next
/// await. [`Scope::closed`] waits until nothing of them is left. Clones are the same scope; when the last
/// clone is dropped, runs and inner scopes included, the scope is cancelled, so nothing outlives it unseen.
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
    shared: Arc<Shared>,
    // Keeps the parents from being cancelled for want of an owner.
    parent: Option<Scope>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.token.cancel();
        // One by one: scopes may be nested deeper than a stack is.
        let mut parent = self.parent.take();
        while let Some(scope) = parent {
            parent = Arc::into_inner(scope.owner).and_then(|mut owner| owner.parent.take());
        }
    }
}

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    token: CancellationToken,
    deadline: Option<Instant>,
    tracker: TaskTracker,
    parent: Option<Arc<Shared>>,
    unreported: Mutex<Option<Failure>>,
}

impl Shared {
    fn unreported(&self) -> MutexGuard<'_, Option<Failure>> {
        self.unreported.lock()
    }

    fn record(&self, failure: Failure) {
        let mut unreported = self.unreported();
        if unreported.is_none() {
            *unreported = Some(failure);
        } else {
            drop(unreported);
            drop_quietly(failure);
        }
    }

    /// Passes on what nobody has heard to the parent and returns it.
    fn leave(&mut self) -> Option<Arc<Self>> {
        let parent = self.parent.take();
        let unreported = self.unreported().take();
        match (&parent, unreported) {
            (Some(parent), Some(failure)) => parent.record(failure),
            (None, Some(failure)) => drop_quietly(failure),
            (_, None) => {}
        }
        parent
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut parent = self.leave();
        while let Some(shared) = parent {
            parent = Arc::into_inner(shared).and_then(|mut shared| shared.leave());
        }
    }
}

impl Scope {
    /// A scope of its own, called `name`, without a deadline.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::build(name.into(), CancellationToken::new(), None, None)
    }

    /// A scope inside this one: it ends when this one does, or before.
    #[must_use]
    pub fn child(&self, name: impl Into<Arc<str>>) -> Self {
        let shared = &self.owner.shared;
        Self::build(name.into(), shared.token.child_token(), shared.deadline, Some(self.clone()))
    }

    /// A scope inside this one that is cancelled at `deadline`, if this one's is not earlier.
    ///
    /// A deadline is watched by tokio's timer: on a runtime without one, starting a run panics with tokio's
    /// message that timers are disabled.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        let shared = &self.owner.shared;
        let earlier = shared.deadline.map_or(deadline, |parent| parent.min(deadline));
        let name = Arc::clone(&shared.name);
        Self::build(name, shared.token.child_token(), Some(earlier), Some(self.clone()))
    }

    /// As [`Scope::with_deadline`], `timeout` from now. One too long for the clock sets no deadline.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            None => self.child(Arc::clone(&self.owner.shared.name)),
        }
    }

    fn build(
        name: Arc<str>,
        token: CancellationToken,
        deadline: Option<Instant>,
        parent: Option<Scope>,
    ) -> Self {
        let tracker = TaskTracker::new();
        tracker.close();
        let shared = Shared {
            name,
            token,
            deadline,
            tracker,
            parent: parent.as_ref().map(|scope| Arc::clone(&scope.owner.shared)),
            unreported: Mutex::new(None),
        };
        Self { owner: Arc::new(Owner { shared: Arc::new(shared), parent }) }
    }

    /// The scope's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.owner.shared.name
    }

    /// When it is cancelled by the clock, if it is.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.owner.shared.deadline
    }

    /// Its token, for code that watches for the cancellation itself. Cancelling it cancels the scope.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.owner.shared.token
    }

    /// Stops every run, task and scope inside, at its next await.
    pub fn cancel(&self) {
        self.owner.shared.token.cancel();
    }

    /// Runs one task in the scope, as long as somebody has the scope; `name` is the stage that its failure tells. In
    /// a scope that is cancelled, or whose deadline has passed, it is never begun.
    ///
    /// The first task that fails, or panics, cancels the scope; [`Scope::closed`] returns that failure. So a
    /// task that feeds a run must not fail because the run has ended: when it cannot send any more, it returns
    /// `Ok`. A [`Source::generate`](crate::Source::generate) needs no task at all.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, at the caller's location; where the scope has a deadline, without timers, too.
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

    /// Waits until nothing is left in the scope: no run, no task, no inner scope's.
    ///
    /// It does not cancel anything: cancel first to stop what is going on. Cancel-safe. An inner scope that
    /// somebody still has keeps its failures for whoever closes that one.
    ///
    /// # Errors
    ///
    /// The first failure that nobody took: a spawned task's, or that of a run that was dropped. A task that
    /// the deadline, or the end of its runtime, cut short is a failure too; one that was cancelled by hand is none.
    pub async fn closed(&self) -> Result<(), Failure> {
        let tracker = &self.owner.shared.tracker;
        // A wait may tell of an end after which something has come.
        while !tracker.is_empty() {
            tracker.wait().await;
        }
        match self.owner.shared.unreported().take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Leaves a failure that nobody took with the scope.
    pub(crate) fn record(&self, failure: Failure) {
        self.owner.shared.record(failure);
    }

    /// Until they are dropped, this scope and its parents are open.
    pub(crate) fn tracker_tokens(&self) -> Vec<TaskTrackerToken> {
        let shared = &self.owner.shared;
        let mut tokens = vec![shared.tracker.token()];
        let mut parent = shared.parent.as_ref();
        while let Some(scope) = parent {
            tokens.push(scope.tracker.token());
            parent = scope.parent.as_ref();
        }
        tokens
    }

    /// The mark of something that lives in this scope.
    ///
    /// # Panics
    ///
    /// Where it has a deadline and the runtime no timer: here, and not in a task that nobody watches.
    #[track_caller]
    pub(crate) fn enter(&self) -> ScopeGuard {
        let shared = Arc::clone(&self.owner.shared);
        if shared.deadline.is_some() {
            drop(tokio::time::sleep(Duration::ZERO));
        }
        ScopeGuard { shared, _tokens: self.tracker_tokens() }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new("scope")
    }
}

/// Held by what lives in a scope: until it is dropped the scope and its parents are open.
///
/// It does not own the scope: a scope whose owners are gone is cancelled, whatever is present in it.
pub(crate) struct ScopeGuard {
    // Dropped before the tokens, so that an unreported failure is passed on before anybody's wait ends.
    shared: Arc<Shared>,
    _tokens: Vec<TaskTrackerToken>,
}

impl ScopeGuard {
    /// Waits until the scope is cancelled or its deadline passes, and says which.
    pub(crate) async fn stopped(&self) -> Cancelled {
        let cancelled = self.shared.token.cancelled();
        match self.shared.deadline {
            None => {
                cancelled.await;
                Cancelled::Scope
            }
            Some(deadline) => match tokio::time::timeout_at(deadline, cancelled).await {
                Ok(()) => Cancelled::Scope,
                Err(_) => Cancelled::Deadline,
            },
        }
    }

    /// Whether the scope is cancelled, or its deadline has passed, already.
    pub(crate) fn stopped_by_now(&self) -> Option<Cancelled> {
        if self.shared.token.is_cancelled() {
            return Some(Cancelled::Scope);
        }
        let passed = self.shared.deadline.is_some_and(|deadline| deadline <= Instant::now());
        passed.then_some(Cancelled::Deadline)
    }

    /// Leaves a failure that nobody took with the scope.
    pub(crate) fn record(&self, failure: Failure) {
        self.shared.record(failure);
    }

    fn fail(&self, failure: Failure) {
        self.shared.record(failure);
        self.shared.token.cancel();
    }
}
