//! The state of a scope, shared by the owners and the guards.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::failures::Failures;
use super::signal::{self, Deadline, DeadlineOf, Signal};
use crate::failure::{Cancelled, Failure};
use crate::settings::OnFailure;
use crate::util::mutex::Mutex;
use crate::util::panic::drop_quietly;
use crate::util::sync::atomic::{AtomicBool, Ordering, fence};

#[derive(Debug)]
pub(super) struct Shared {
    signal: Arc<Signal>,
    deadline: Option<Arc<Deadline>>,
    tracker: TaskTracker,
    parent: Option<Arc<Shared>>,
    /// The scope accepts no run and no task any more.
    draining: AtomicBool,
    /// Wakes the runs of the scope and of its children after a drain of one of these scopes has begun.
    drained: Notify,
    unreported: Mutex<Failures>,
    /// Wakes the watcher of the scope, if any.
    watched: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Shared {
    /// Creates the state of a scope, already cancelled if `cancelled` is a cause.
    pub(super) fn new(
        parent: Option<Arc<Self>>,
        deadline: Option<&DeadlineOf>,
        cancelled: Option<Cancelled>,
        watcher: Option<&Waker>,
    ) -> Self {
        let token =
            parent.as_ref().map_or_else(CancellationToken::new, |parent| parent.token().child_token());
        let signal = Arc::new(Signal::new(token));
        if let Some(by) = cancelled {
            signal.cancel(by);
        }
        let inherited = parent.as_ref().and_then(|parent| parent.deadline.as_ref());
        let deadline = deadline.map(|deadline| match inherited {
            Some(inherited) if inherited.at() <= deadline.at => Arc::clone(inherited),
            _ => Arc::new(Deadline::new(deadline.clone(), Arc::clone(&signal))),
        });
        let tracker = TaskTracker::new();
        tracker.close();
        let cancellation = watcher.map(|watcher| watch(signal.token(), watcher));
        Self {
            signal,
            deadline,
            tracker,
            parent,
            draining: AtomicBool::new(false),
            drained: Notify::new(),
            unreported: Mutex::default(),
            watched: cancellation,
        }
    }

    pub(super) fn token(&self) -> &CancellationToken {
        self.signal.token()
    }

    pub(super) fn deadline(&self) -> Option<&Arc<Deadline>> {
        self.deadline.as_ref()
    }

    /// Returns the name of the scope with the deadline.
    pub(super) fn deadline_of(&self) -> Option<&Arc<str>> {
        self.deadline.as_ref().map(|deadline| deadline.scope())
    }

    pub(super) fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Returns tokens: until the drop of the tokens, this scope and the parents are open.
    pub(super) fn tracker_tokens(&self) -> Vec<TaskTrackerToken> {
        self.upwards().map(|scope| scope.tracker.token()).collect()
    }

    /// Cancels the scope by hand. The cause of a cancellation after the deadline is the deadline.
    pub(super) fn cancel(&self) {
        if !self.cancel_if_passed() {
            self.signal.cancel(Cancelled::Scope);
        }
    }

    /// Cancels the scope at the forced end of a drain.
    pub(super) fn cancel_drain(&self) {
        if !self.cancel_if_passed() {
            self.signal.cancel(Cancelled::Drain);
        }
    }

    /// Waits until no run and no task is left in the scope and in its children.
    pub(super) async fn emptied(&self) {
        // A new task may have come after the end reported by the wait.
        while !self.tracker.is_empty() {
            self.tracker.wait().await;
        }
    }

    /// Returns whether no run and no task is in the scope and in its children.
    pub(super) fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Begins a drain: from here on, the scope and the children accept no run and no task.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        // Either a run or a task that enters the scope sees the flag, or the drain sees the guard of the run or the task.
        fence(Ordering::SeqCst);
        self.outermost().drained.notify_waiters();
    }

    /// Returns whether the scope, or a parent, drains. The scope of the jobs of a run is an end of the search: the runs
    /// and tasks of a job belong to the job, and a drain lets the job complete.
    pub(super) fn is_draining(&self) -> bool {
        fence(Ordering::SeqCst);
        self.drained_together().any(|scope| scope.draining.load(Ordering::Relaxed))
    }

    /// Waits until the scope or a parent drains.
    pub(super) async fn draining(&self) {
        let outermost = self.outermost();
        loop {
            let mut notified = pin!(outermost.drained.notified());
            notified.as_mut().enable();
            if self.is_draining() {
                return;
            }
            notified.await;
        }
    }

    /// Returns the scope and the parents whose drain includes the scope.
    fn drained_together(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |scope| {
            if scope.watched.is_none() { scope.parent.as_deref() } else { None }
        })
    }

    fn outermost(&self) -> &Self {
        self.drained_together().last().unwrap_or(self)
    }

    fn cancel_if_passed(&self) -> bool {
        self.deadline.as_ref().is_some_and(|deadline| deadline.cancel_if_passed())
    }

    /// Waits until the scope is cancelled, by hand or by the deadline, and returns the cause.
    pub(super) async fn cancelled(&self) -> Cancelled {
        signal::cancelled(self.token(), self.deadline.as_deref()).await;
        self.cause()
    }

    /// Returns the cause if the scope is cancelled or the deadline has passed.
    ///
    /// The check includes the parents. The cancellation of a parent reaches the children in turn, so a task may notice the
    /// cancellation in a sibling of the scope before the cancellation reaches the scope.
    pub(super) fn cancelled_by_now(&self) -> Option<Cancelled> {
        let is_cancelled = |scope: &Self| scope.signal.cause().is_some() || scope.token().is_cancelled();
        let cancelled = self.upwards().any(is_cancelled) || self.cancel_if_passed();
        cancelled.then(|| self.cause())
    }

    /// Returns the cause of a cancelled scope, and fixes the cause: the nearest upwards. Without a cause upwards, user code
    /// has cancelled the token by hand.
    fn cause(&self) -> Cancelled {
        self.signal.cause_or_set(|| {
            let nearest = self.upwards().find_map(|scope| scope.signal.cause());
            nearest.unwrap_or(Cancelled::Scope)
        })
    }

    /// Returns the scope and its parents, from the inside outward.
    fn upwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |scope| scope.parent.as_deref())
    }

    /// Keeps a failure for `Scope::wait`. A failure beyond the bound is counted and dropped.
    pub(super) fn record(&self, failure: Failure) {
        if let Err(excess) = self.try_record(failure) {
            drop_quietly(excess);
        }
    }

    /// Keeps a failure and returns its number, or counts the failure and returns it.
    pub(super) fn try_record(&self, failure: Failure) -> Result<usize, Failure> {
        self.unreported.lock().record(failure)
    }

    /// Records a failure, and then cancels the scope if failures stop the scope.
    pub(super) fn fail(&self, failure: Failure, on_failure: OnFailure) {
        self.record(failure);
        self.stop_by_policy(on_failure);
    }

    /// Cancels the scope if the last recorded failure stops the scope.
    pub(super) fn stop_by_policy(&self, on_failure: OnFailure) {
        let stops = match on_failure {
            OnFailure::Stop => true,
            OnFailure::Continue => false,
            OnFailure::Tolerate(failures) => self.recorded() > failures,
        };
        if stops {
            self.cancel();
        }
    }

    /// Takes the failure with that number for the handle of the task. In the scope of the jobs of a run, the failure is the
    /// first cause of the run, and stays.
    pub(super) fn take_for_handle(&self, number: usize) -> Option<Failure> {
        if self.watched.is_some() {
            return None;
        }
        self.unreported.lock().take(number)
    }

    /// Takes the first failure.
    pub(super) fn take_unreported(&self) -> Option<Failure> {
        self.unreported.lock().take_first()
    }

    pub(super) fn take_all_unreported(&self) -> Vec<Failure> {
        self.unreported.lock().take_all()
    }

    /// Counts failures that the recorder could not keep.
    pub(super) fn count_unkept(&self, failures: usize) {
        self.unreported.lock().count(failures);
    }

    /// Returns the number of failures recorded so far.
    pub(super) fn recorded(&self) -> usize {
        self.unreported.lock().recorded()
    }

    /// Moves the unreported failures to the parent, and returns the parent.
    fn leave(&mut self) -> Option<Arc<Self>> {
        let parent = self.parent.take();
        let mut failures = std::mem::take(&mut *self.unreported.lock());
        let dropped = match &parent {
            Some(_) if failures.is_empty() => return parent,
            Some(parent) => parent.unreported.lock().adopt(failures),
            None => failures.take_all(),
        };
        dropped.into_iter().for_each(drop_quietly);
        parent
    }
}

/// Registers `watcher` with `token`: the cancellation of the token wakes the watcher. If the token is already cancelled,
/// the watcher is woken immediately.
fn watch(token: &CancellationToken, watcher: &Waker) -> Pin<Box<WaitForCancellationFutureOwned>> {
    let mut cancellation = Box::pin(token.clone().cancelled_owned());
    if cancellation.as_mut().poll(&mut Context::from_waker(watcher)).is_ready() {
        watcher.wake_by_ref();
    }
    cancellation
}

impl Drop for Shared {
    fn drop(&mut self) {
        // In a loop: scopes may be nested deeper than a stack is.
        let mut parent = self.leave();
        while let Some(shared) = parent {
            parent = Arc::into_inner(shared).and_then(|mut shared| shared.leave());
        }
    }
}
