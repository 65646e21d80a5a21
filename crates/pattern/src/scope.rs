//! Scopes: a cancellation token, a deadline, and a place to wait for the end of runs and tasks.

mod failures;
mod guard;
mod handle;
mod shared;
mod signal;
mod task;

use std::future::Future;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::failure::{Cancelled, Cause, Failure};
use crate::settings::OnFailure;
use crate::util::budget::{first_of, spent};
use crate::util::mutex::Mutex;
use crate::util::panic::drop_caught;
pub(crate) use guard::ScopeGuard;
pub use handle::TaskHandle;
use shared::Shared;
use signal::DeadlineOf;
use task::{End, Ended, Task};

/// Holds runs and tasks together: Go's `context.Context` and asyncio's `TaskGroup` in one.
///
/// When a scope is cancelled or the deadline passes, every task and every job of the scope and of the children is dropped
/// at the next await. [`Scope::wait`] waits until no run and no task is left.
///
/// Clones are the same scope. Dropping the last clone cancels the scope. A run and a child keep the scope alive; a task and
/// a [`TaskHandle`] do not. So a scope dropped without a wait drops the tasks, perhaps before the first poll.
///
/// All runs and tasks of a scope report the same cause of a cancellation: the deadline, or a call of [`Scope::cancel`].
///
/// A scope is not the tool for a single task: tokio's `spawn` is enough. For a group of tasks with values and no names,
/// tokio's `JoinSet` yields the values in the order of completion.
///
/// # Failures
///
/// The first failure of a task cancels the scope, unless [`Scope::on_failure`] says otherwise. A failure of a run does not
/// cancel the scope: the run yields the failure. The scope records the failures that a dropped run has not yielded, except
/// cancellations.
///
/// The scope keeps the first [`Report::KEPT_FAILURES`](crate::Report::KEPT_FAILURES) recorded failures, in the order of
/// recording. The first failure is the first cause. [`Scope::wait`] returns the first failure, and
/// [`Scope::take_failures`] returns all kept failures. Each failure is returned once, by the first call.
/// [`Scope::failure_count`] counts all recorded failures, including the failures that are not kept.
///
/// A child has a list of failures and a policy of its own, at first [`OnFailure::Stop`]. A failure in a child does not
/// cancel the parent. Once all clones, tasks and task handles of a child are dropped, the unreturned failures move to the
/// parent, behind the failures of the parent.
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
///
/// A task that was cancelled by hand has not failed:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::Scope;
///
/// let server = Scope::new("server");
/// server.spawn("accept", std::future::pending());
/// let cleaner = server.child("cleaner");
/// cleaner.spawn("clean", std::future::pending());
///
/// server.cancel(); // also cancels the child
/// server.wait().await?;
/// assert!(cleaner.spawn("clean", async { Ok(()) }).is_refused());
/// assert_eq!(format!("{} has stopped", server.name()), "server has stopped");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Scope {
    owner: Arc<Owner>,
    /// The effect of a failure of a task that is spawned with this value.
    on_failure: OnFailure,
}

/// The outcome of [`Scope::spawn`].
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use towpath_pattern::Scope;
///
/// let (sender, mut connections) = tokio::sync::mpsc::channel(4);
/// for connection in ["first", "second", "third"] {
///     sender.send(connection).await?;
/// }
/// drop(sender);
///
/// let server = Scope::new("server");
/// let mut served = Vec::new();
/// while let Some(connection) = connections.recv().await {
///     if server.spawn(connection, async { Ok(()) }).is_refused() {
///         break;
///     }
///     served.push(connection);
///     if served.len() == 2 {
///         server.cancel(); // in a real server, a signal cancels the scope
///     }
/// }
/// assert_eq!(served, ["first", "second"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spawned {
    /// The task was spawned. A later cancellation of the scope may still stop the task before its first poll.
    Accepted,
    /// The scope is cancelled, and the future was dropped.
    Refused(Cancelled),
}

impl Spawned {
    /// Returns whether the scope has refused the task.
    #[must_use]
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// A scope without ownership: a weak handle keeps neither the scope nor its failures.
#[derive(Debug)]
pub(crate) struct WeakScope(Weak<Owner>);

impl WeakScope {
    /// Returns the scope while an owner is left.
    pub(crate) fn upgrade(&self) -> Option<Scope> {
        self.0.upgrade().map(|owner| Scope { owner, on_failure: OnFailure::default() })
    }
}

#[derive(Debug)]
struct Owner {
    name: Arc<str>,
    deadline: Option<DeadlineOf>,
    /// The parents live as long as their children.
    parent: Option<Scope>,
    /// The cancellation wakes the watcher before `Scope::cancel` returns.
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
            Arc::new(Shared::new(parent, self.deadline.as_ref(), *cancelled, self.watcher.as_ref()))
        })
    }

    fn cancel(&self) {
        let mut cancelled = self.cancelled_unused.lock();
        if let Some(shared) = self.shared.get() {
            drop(cancelled);
            return shared.cancel();
        }
        let passed = self.deadline.as_ref().is_some_and(|deadline| deadline.at <= Instant::now());
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

    /// Sets the effect of a failure of a task on the rest of the scope; by default, the first failure cancels the scope.
    ///
    /// With [`OnFailure::Continue`], the other tasks and runs go on, and the scope keeps the failure for [`Scope::wait`] and
    /// [`Scope::take_failures`]. A server calls [`Scope::take_failures`] regularly: the scope keeps at most
    /// [`Report::KEPT_FAILURES`](crate::Report::KEPT_FAILURES) failures. With [`OnFailure::Tolerate`], the scope goes on as
    /// long as the scope has recorded no more than the number of failures, and the next failure of a task cancels the scope.
    ///
    /// The policy is a property of this value and of later clones, and not of the scope. A task fails under the policy of
    /// the value that spawned the task, so two tasks of one scope may have different policies. [`Scope::with_deadline`] and
    /// [`Scope::with_timeout`] keep the policy. A [child](Scope::child) starts with [`OnFailure::Stop`], also if the parent
    /// has another policy.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::{OnFailure, Scope};
    ///
    /// let server = Scope::new("server").on_failure(OnFailure::Continue);
    /// server.spawn("connection 1", async { anyhow::bail!("reset by peer") });
    /// server.spawn("connection 2", async { Ok(()) });
    /// let failure = server.wait().await.expect_err("connection 1 failed");
    /// assert_eq!(failure.stage(), "connection 1");
    /// assert!(!server.spawn("connection 3", async { Ok(()) }).is_refused());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Creates a child of this scope. The cancellation of this scope also cancels the child.
    ///
    /// The child inherits the deadline, and does not inherit the policy: the child starts with [`OnFailure::Stop`]. The
    /// first failure of a task of the child cancels the child, and does not cancel this scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::Scope;
    ///
    /// let server = Scope::new("server");
    /// let connection = server.child("connection");
    /// connection.spawn("reader", async { anyhow::bail!("reset by peer") });
    /// assert!(connection.wait().await.is_err());
    /// assert!(connection.spawn("writer", async { Ok(()) }).is_refused());
    /// assert!(!server.spawn("accept", async { Ok(()) }).is_refused());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn child(&self, name: impl Into<Arc<str>>) -> Self {
        Self::build(name.into(), self.owner.deadline.clone(), Some(self.clone()), None)
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
        Self::build(name, self.owner.deadline.clone(), Some(self.clone()), Some(watcher))
    }

    /// Creates a child of this scope with a deadline: the earlier of `deadline` and the deadline of this scope.
    ///
    /// The child has the name and the policy of this scope. If the deadline stops a run or a task, the failure names the
    /// scope with the deadline: see [`Failure::deadline_of`].
    ///
    /// A deadline needs tokio's timers. In a runtime without timers, three operations on the child panic with tokio's
    /// message that timers are disabled: to start a run, to spawn a task, and to call [`Scope::token`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::time::Duration;
    /// use tokio::time::Instant;
    /// use towpath_pattern::Scope;
    ///
    /// let now = Instant::now();
    /// let request = Scope::new("request").with_deadline(now + Duration::from_secs(5));
    ///
    /// // A later deadline changes nothing, and an earlier deadline holds for the child alone.
    /// assert_eq!(request.with_deadline(now + Duration::from_secs(9)).deadline(), request.deadline());
    /// let query = request.child("query").with_deadline(now + Duration::from_secs(2));
    /// assert_eq!(query.deadline(), Some(now + Duration::from_secs(2)));
    /// assert_eq!(query.name(), "query");
    /// # }
    /// ```
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        let inherited = self.owner.deadline.as_ref().filter(|inherited| inherited.at <= deadline);
        let own = || DeadlineOf { at: deadline, scope: Arc::clone(&self.owner.name) };
        let earlier = inherited.cloned().unwrap_or_else(own);
        Self::build(Arc::clone(&self.owner.name), Some(earlier), Some(self.clone()), None)
            .on_failure(self.on_failure)
    }

    /// Creates a child of this scope as [`Scope::with_deadline`] does, with a deadline `timeout` from now.
    ///
    /// A timeout beyond the range of the clock adds no deadline.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            None => self.child(Arc::clone(&self.owner.name)).on_failure(self.on_failure),
        }
    }

    fn build(
        name: Arc<str>,
        deadline: Option<DeadlineOf>,
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
            on_failure: OnFailure::default(),
        }
    }

    /// Returns the name of the scope.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.owner.name
    }

    /// Returns the deadline of the scope: the earliest deadline of the scope and the ancestors, or `None` without a deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::time::Duration;
    /// use tokio::time::Instant;
    /// use towpath_pattern::Scope;
    ///
    /// let request = Scope::new("request").with_timeout(Duration::from_secs(4));
    /// // Half of the time that is left is for the query.
    /// let left = request.deadline().map(|deadline| deadline.duration_since(Instant::now()));
    /// let query = request.child("query").with_timeout(left.expect("a deadline") / 2);
    /// assert!(query.deadline() < request.deadline());
    /// # }
    /// ```
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.owner.deadline.as_ref().map(|deadline| deadline.at)
    }

    /// Returns the name of the scope with the deadline of this scope: this scope or an ancestor.
    pub(crate) fn deadline_of(&self) -> Option<&Arc<str>> {
        self.owner.deadline.as_ref().map(|deadline| &deadline.scope)
    }

    /// Returns the cancellation token, for code that checks the cancellation itself, such as a blocking job.
    ///
    /// The token is cancelled when the scope is cancelled or the deadline passes, even if the scope has no run and no task.
    /// Cancelling the token cancels the scope.
    ///
    /// If the scope has a deadline, the first call in a runtime spawns a task that watches the deadline. The task does not
    /// keep the scope alive, and completes when the scope is cancelled. After a call outside a runtime, the next start of a
    /// run or a task in the scope, or the next call of this method, spawns the task.
    ///
    /// # Panics
    ///
    /// Panics if the scope has a deadline and the runtime has no timers.
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

    /// Cancels the scope and the children: every task and every job is dropped at the next await.
    pub fn cancel(&self) {
        self.owner.cancel();
    }

    /// Spawns a task in the scope; a failure of the task names `name` as the stage.
    ///
    /// The task does not keep the scope alive: dropping the last clone of the scope cancels the scope and drops the task,
    /// perhaps before the first poll. [`Scope::wait`] waits for the task.
    ///
    /// A cancelled scope refuses the task: the future is dropped before this method returns, and is never polled. A loop
    /// that spawns tasks may stop at the first [`Spawned::Refused`]; other callers may ignore the result. A refusal does not
    /// panic. Two refusals record a failure, which [`Scope::wait`] returns: a refusal because of a passed deadline, and a
    /// refusal with a panic in the drop of the future.
    ///
    /// The first failure or panic of a task cancels the scope, unless [`Scope::on_failure`] says otherwise, and
    /// [`Scope::wait`] returns the failure. A task that feeds a run through a channel returns `Ok` when a send fails: the run
    /// has ended, and the failure of the run is not a failure of the task. A
    /// [`Source::generate`](crate::Source::generate) feeds a run without a task.
    ///
    /// A task may drive a run of the scope, or of a child, and return the failure of the run. If the scope is cancelled and
    /// the run ends as cancelled, the task counts as cancelled, too. The same holds for every cancelled run in the chain of
    /// the error, and for an error with a context. An error with [later](crate::Failure::later) failures is always a failure
    /// of the task.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime. Panics if the scope has a deadline and the runtime has no timers. The location of the
    /// panic is the caller.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::{Cancelled, Scope, Spawned};
    ///
    /// let scope = Scope::new("server");
    /// scope.spawn("first", async { Ok(()) });
    /// scope.cancel();
    /// let spawned = scope.spawn("second", async { Ok(()) });
    /// assert_eq!(spawned, Spawned::Refused(Cancelled::Scope));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, name: impl Into<Arc<str>>, task: F) -> Spawned
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.spawn_task(name, task, None)
    }

    /// Spawns a task with a value in the scope, and returns a handle: a future of the value or the failure.
    ///
    /// For a task without a value, call [`Scope::spawn`].
    ///
    /// # Failures
    ///
    /// A failure of the task cancels the scope, as in [`Scope::spawn`]. The failure is returned once, by the first of three
    /// calls: an await of the handle, [`Scope::wait`] or [`Scope::take_failures`]. If the scope has returned the failure, the
    /// handle returns the cancellation of the scope. A task in the scope of the jobs of a run is an exception (see
    /// [`Job::call_in`](crate::Job::call_in)): the run returns the failure, and the handle returns the cancellation.
    ///
    /// With [`OnFailure::Continue`], the handle returns the failure. If the handle is dropped before, the scope records the
    /// failure.
    ///
    /// If the scope is cancelled or refuses the task, the handle returns a failure with the cancellation as the cause. If a
    /// deadline is the cause, the failure is returned once, as above: after the handle has returned the failure,
    /// [`Scope::wait`] does not return the failure again.
    ///
    /// If several handles are awaited in `try_join!`, the first error may be the cancellation of a task whose sibling failed.
    /// The scope has the first cause. So call [`Scope::wait`] before the errors of the handles are reported, as in the
    /// example.
    ///
    /// # Panics
    ///
    /// Panics as [`Scope::spawn`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::Scope;
    ///
    /// let page = Scope::new("page");
    /// let user = page.spawn_value("user", async { Ok("Ada") });
    /// let posts = page.spawn_value("posts", async { Ok(vec![1, 2]) });
    /// page.wait().await?; // the first failure, after the end of all tasks
    /// assert_eq!((user.await?, posts.await?), ("Ada", vec![1, 2]));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn spawn_value<T, F>(&self, name: impl Into<Arc<str>>, task: F) -> TaskHandle<T>
    where
        F: Future<Output = anyhow::Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let name = name.into();
        let (sender, receiver) = oneshot::channel();
        self.spawn_task(Arc::clone(&name), task, Some(sender));
        TaskHandle::new(receiver, name, Arc::clone(self.owner.shared()))
    }

    #[track_caller]
    fn spawn_task<T, F>(
        &self,
        name: impl Into<Arc<str>>,
        task: F,
        handle: Option<oneshot::Sender<Ended<T>>>,
    ) -> Spawned
    where
        F: Future<Output = anyhow::Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            panic!(
                "the task `{}` was spawned outside a tokio runtime; spawn it within `#[tokio::main]`, \
                 `Runtime::block_on` or a task",
                name.into()
            );
        };
        let shared = self.owner.shared();
        let guard = self.enter();
        if shared.is_draining() {
            return self.refuse_for_drain(name.into(), task, handle, guard);
        }
        if let Some(by) = shared.cancelled_by_now() {
            let dropped = drop_caught(task).map(Cause::from_panic);
            if handle.is_some() || dropped.is_some() || by != Cancelled::Scope {
                let end = End { name: name.into(), on_failure: self.on_failure, handle };
                end.report(shared, Err(Cause::Cancelled(by)), dropped);
            }
            return Spawned::Refused(by);
        }
        let end = End { name: name.into(), on_failure: self.on_failure, handle };
        runtime.spawn(Task::new(task, guard, end).run());
        Spawned::Accepted
    }

    /// Refuses a task of a draining scope. The refusal is no failure.
    fn refuse_for_drain<T, F>(
        &self,
        name: Arc<str>,
        task: F,
        handle: Option<oneshot::Sender<Ended<T>>>,
        guard: ScopeGuard,
    ) -> Spawned {
        let dropped = drop_caught(task).map(Cause::from_panic);
        let end = End { name, on_failure: self.on_failure, handle };
        end.report(self.owner.shared(), Err(Cause::Cancelled(Cancelled::Scope)), dropped);
        drop(guard);
        Spawned::Refused(Cancelled::Scope)
    }

    /// Waits until no run and no task is left in the scope and in its children.
    ///
    /// The wait does not cancel the scope: to stop the tasks, call [`Scope::cancel`] before. This method does not return
    /// the failures of a child while a clone of the child is left: call `wait` on the child.
    ///
    /// A run without a receiver ends only if the input has fewer items than limit plus capacity. With more items, the stage
    /// is at its bound, the run waits for a receiver, and this method waits for the run. So take the outputs before the wait,
    /// call [`Run::finish`](crate::Run::finish), or drop the run. The report of such a run says that the stage waits for a
    /// receiver: see [`Run::monitor`](crate::Run::monitor).
    ///
    /// # Errors
    ///
    /// Returns the first recorded failure that no call has returned yet. Further failures stay in the scope for the next
    /// call, and for [`Scope::take_failures`]. The scope records these failures:
    ///
    /// - the failures of tasks, unless a [`TaskHandle`] has returned the failure;
    /// - the failures that a run had not yielded before the drop of the run, except cancellations;
    /// - the further failures of [`Run::collect`](crate::Run::collect), which returns the first;
    /// - the unreturned failures of a child, once all clones, tasks and task handles of the child are dropped.
    ///
    /// A task that the deadline or the shutdown of the runtime stops counts as failed. A task that [`Scope::cancel`] stops
    /// does not count as failed.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use towpath_pattern::Scope;
    ///
    /// let scope = Scope::new("start-up");
    /// scope.spawn("migrate", async { anyhow::bail!("no such table") });
    /// let first = scope.wait().await.expect_err("a task failed");
    /// assert_eq!(first.stage(), "migrate");
    /// scope.wait().await?; // a failure is returned once
    /// # Ok(()) }
    /// ```
    pub async fn wait(&self) -> Result<(), Failure> {
        let Some(shared) = self.owner.shared.get() else { return Ok(()) };
        shared.emptied().await;
        shared.take_unreported().map_or(Ok(()), Err)
    }

    /// Accepts no further run and no further task, waits within `budget` until the scope is empty, and then cancels the
    /// scope.
    ///
    /// The drain includes the children of the scope:
    ///
    /// - Every run takes no more items, as after [`Run::stop_taking`](crate::Run::stop_taking). The receiver of the run
    ///   still gets the outputs, and has to take them.
    /// - Every task goes on to its end. A task that would never end, such as a loop that accepts connections, waits for
    ///   [`Scope::draining`] as well.
    /// - A task that is spawned during the drain is [refused](Spawned::Refused), with [`Cancelled::Scope`] and without a
    ///   failure. A run that is started during the drain is cancelled in the same way, before it takes an item.
    ///
    /// The runs and tasks of a job, in the [scope of the jobs](crate::Job::call_in), belong to the job. They end as without
    /// a drain, and a job still starts runs and tasks.
    ///
    /// One budget holds for all runs and tasks. After the budget, the scope is cancelled with [`Cancelled::Drain`] as the
    /// cause, and this method waits until the scope is empty. The scope stays closed after the drain.
    ///
    /// A call in a task of the scope would wait for the task itself until the end of the budget.
    ///
    /// # Errors
    ///
    /// Returns the first recorded failure that no call has returned yet, as [`Scope::wait`] does. A task that the end of the
    /// budget stops has failed, with [`Cancelled::Drain`] as the cause. If the budget was spent and no failure was recorded,
    /// this method returns a failure with this cause and the name of the scope. So `Ok` means that everything that had
    /// started is complete.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has no timers.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If the future is dropped, the scope remains closed, nothing is cancelled, and a second
    /// call continues the wait with a budget of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::time::Duration;
    /// use tokio::time::sleep;
    /// use towpath_pattern::{Cancelled, Cause, Scope};
    ///
    /// let server = Scope::new("server");
    /// server.spawn("request 1", async { Ok(sleep(Duration::from_secs(1)).await) });
    /// server.drain(Duration::from_secs(10)).await?;
    /// assert!(server.spawn("request 2", async { Ok(()) }).is_refused());
    ///
    /// let server = Scope::new("server");
    /// server.spawn("request 3", async { Ok(sleep(Duration::from_secs(60)).await) });
    /// let failure = server.drain(Duration::from_secs(10)).await.expect_err("too long");
    /// assert_eq!(failure.stage(), "request 3");
    /// assert!(matches!(failure.cause(), Cause::Cancelled(Cancelled::Drain)));
    /// # Ok(()) }
    /// ```
    pub async fn drain(&self, budget: Duration) -> Result<(), Failure> {
        self.drain_until(spent(budget)).await
    }

    /// Waits for a signal, and then drains the scope as [`Scope::drain`] does. A second signal ends the drain before the end
    /// of the budget.
    ///
    /// Every call of `signal` returns a future that completes with the next signal, such as `tokio::signal::ctrl_c`. The
    /// output of the future does not count: an error of `ctrl_c` also begins the drain. The drain begins after the first
    /// poll of the second future. So the second future misses no signal that follows the begin of the drain, and a message
    /// about the drain comes from [`Scope::draining`]: a signal that follows a message of the first future may be lost.
    ///
    /// If the scope is empty before the first signal, this method returns as [`Scope::wait`] does.
    ///
    /// # Errors
    ///
    /// Returns a failure as [`Scope::drain`] does.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has no timers.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe, as [`Scope::drain`] is.
    ///
    /// # Examples
    ///
    /// In a program, the line is `server.drain_on(tokio::signal::ctrl_c, budget).await?`. Here, the signal comes from a
    /// `Notify`:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use tokio::sync::Notify;
    /// use towpath_pattern::Scope;
    ///
    /// let sigterm = Arc::new(Notify::new());
    /// let server = Scope::new("server");
    /// let draining = server.draining();
    /// server.spawn("accept", async move { Ok(draining.await) });
    /// sigterm.notify_one();
    /// server.drain_on(|| sigterm.notified(), Duration::from_secs(10)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn drain_on<S, Signal>(&self, mut signal: S, budget: Duration) -> Result<(), Failure>
    where
        S: FnMut() -> Signal,
        Signal: Future,
    {
        if first_of(self.owner.shared().emptied(), signal()).await {
            return self.wait().await;
        }
        self.drain_until(first_of(spent(budget), signal())).await
    }

    async fn drain_until(&self, force: impl Future) -> Result<(), Failure> {
        let shared = self.owner.shared();
        let drained = async {
            shared.drain();
            shared.emptied().await;
        };
        // The poll of `force` comes before the begin of the drain. A `force` that is ready at once leaves the begin out.
        let is_forced = first_of(force, drained).await;
        shared.drain();
        // After the end of `drained`, the scope may hold the guard of a spawn that is about to be refused.
        let forced = is_forced && !shared.is_empty();
        if forced {
            shared.cancel_drain();
            shared.emptied().await;
        }
        match shared.take_unreported() {
            Some(first) => Err(first),
            None if forced => Err(Failure::new(None, &self.owner.name, Cause::Cancelled(Cancelled::Drain))),
            None => Ok(()),
        }
    }

    /// Waits until the scope accepts no run and no task: a [drain](Scope::drain) of the scope or of a parent has begun, or
    /// the scope is cancelled.
    ///
    /// A task that has no end waits for its work and for this future, for example a loop that accepts connections. In the
    /// scope of the jobs of a run, only a drain of that scope counts: a job completes.
    ///
    /// The future borrows nothing, so the future goes into a task or to a server as it is:
    /// `axum::serve(listener, app).with_graceful_shutdown(scope.draining())`. The future holds no clone of the
    /// scope: the drop of the last clone cancels the scope, and so completes the future.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::time::Duration;
    /// use tokio::sync::mpsc;
    /// use towpath_pattern::Scope;
    ///
    /// let (client, mut connections) = mpsc::channel::<&str>(4);
    /// let server = Scope::new("server");
    /// let (requests, draining) = (server.clone(), server.draining());
    /// server.spawn("accept", async move {
    ///     tokio::pin!(draining);
    ///     loop {
    ///         tokio::select! {
    ///             () = &mut draining => return Ok(()),
    ///             Some(connection) = connections.recv() => requests.spawn(connection, async { Ok(()) }),
    ///         };
    ///     }
    /// });
    /// client.send("first").await?;
    /// server.drain(Duration::from_secs(10)).await?;
    /// # Ok(()) }
    /// ```
    pub fn draining(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let shared = Arc::clone(self.owner.shared());
        async move {
            first_of(shared.draining(), shared.cancelled()).await;
        }
    }

    /// Returns the failures that no call has returned yet, in the order of recording, without a wait.
    ///
    /// The first failure is the first cause. After [`Scope::wait`] has returned the first failure, this method returns the
    /// further failures. The scope keeps at most [`Report::KEPT_FAILURES`](crate::Report::KEPT_FAILURES) failures at a time;
    /// [`Scope::failure_count`] also counts the failures that are not kept.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_pattern::{OnFailure, Scope};
    ///
    /// let server = Scope::new("server").on_failure(OnFailure::Continue);
    /// for connection in ["first", "second"] {
    ///     server.spawn(connection, async { anyhow::bail!("reset by peer") });
    /// }
    /// let first = server.wait().await.expect_err("both failed");
    /// let others = server.take_failures();
    /// assert_eq!((first.stage(), others[0].stage(), others.len()), ("first", "second", 1));
    /// # }
    /// ```
    #[must_use = "the scope does not return the failures again"]
    pub fn take_failures(&self) -> Vec<Failure> {
        self.owner.shared.get().map_or_else(Vec::new, |shared| shared.take_all_unreported())
    }

    /// Returns the number of failures that the scope has recorded so far, including the failures that were returned and the
    /// failures that were not kept.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_pattern::Scope;
    ///
    /// let scope = Scope::new("start-up");
    /// scope.spawn("migrate", async { anyhow::bail!("no such table") });
    /// assert!(scope.wait().await.is_err());
    /// assert_eq!(scope.failure_count(), 1);
    /// # }
    /// ```
    #[must_use]
    pub fn failure_count(&self) -> usize {
        self.owner.shared.get().map_or(0, |shared| shared.recorded())
    }

    /// Returns whether a run or a task was started, or the token was requested, in the scope or in a child. An unused scope
    /// has allocated the owner only, and [`Self::wait`] returns immediately.
    pub(crate) fn is_used(&self) -> bool {
        self.owner.shared.get().is_some()
    }

    /// Returns whether nothing is left in the scope.
    pub(crate) fn is_empty(&self) -> bool {
        self.owner.shared.get().is_none_or(|shared| shared.tracker().is_empty())
    }

    /// Returns the cause if the scope is cancelled or the deadline has passed. The call may run wakers, as in
    /// [`ScopeGuard::stopped_by_now`].
    pub(crate) fn stopped_by_now(&self) -> Option<Cancelled> {
        self.owner.shared().cancelled_by_now()
    }

    /// Waits until the scope is cancelled, by hand or by the deadline, and returns the cause.
    pub(crate) async fn stopped(&self) -> Cancelled {
        self.owner.shared().cancelled().await
    }

    /// Keeps a failure for [`Self::wait`].
    pub(crate) fn record(&self, failure: Failure) {
        self.owner.shared().record(failure);
    }

    /// Counts failures that a run could not keep for the scope.
    pub(crate) fn count_unkept(&self, failures: usize) {
        if failures > 0 {
            self.owner.shared().count_unkept(failures);
        }
    }

    /// Returns tokens: until the drop of the tokens, this scope and the parents are open.
    pub(crate) fn tracker_tokens(&self) -> Vec<TaskTrackerToken> {
        self.owner.shared().tracker_tokens()
    }

    /// Creates the guard of a run or a task that lives in this scope.
    ///
    /// # Panics
    ///
    /// Panics if the scope has a deadline and the runtime has no timers: here, and not in a task without an owner.
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
