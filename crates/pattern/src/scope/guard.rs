//! The presence of a run or a task in a scope.

use std::sync::Arc;

use tokio_util::sync::WaitForCancellationFutureOwned;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::shared::Shared;
use super::signal::assert_timers;
use crate::failure::{Cancelled, Failure};

/// Keeps a scope and the parents open until the drop of the guard.
///
/// A guard does not own the scope: the drop of the last owner cancels the scope, even if guards are left.
pub(crate) struct ScopeGuard {
    // Dropped before the tokens: an unreported failure moves to the parent before a wait on the parent ends.
    shared: Arc<Shared>,
    _tokens: Vec<TaskTrackerToken>,
}

impl ScopeGuard {
    /// # Panics
    ///
    /// Panics if the scope has a deadline and the runtime has no timers: at the caller's location, and not in a task.
    #[track_caller]
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        if let Some(deadline) = shared.deadline() {
            assert_timers();
            deadline.watch_if_wanted();
        }
        Self { shared: Arc::clone(shared), _tokens: shared.tracker_tokens() }
    }

    /// Waits until the scope is cancelled, by hand or by the deadline, and returns the cause.
    ///
    /// The first guard to notice a passed deadline cancels the scope with the deadline. So a poll, as well as
    /// [`Self::stopped_by_now`], may run wakers, and must not happen under a lock.
    pub(crate) async fn stopped(&self) -> Cancelled {
        self.shared.cancelled().await
    }

    /// Returns the cause if the scope is cancelled or the deadline has passed.
    pub(crate) fn stopped_by_now(&self) -> Option<Cancelled> {
        self.shared.cancelled_by_now()
    }

    /// Waits until a drain of the scope begins.
    pub(crate) async fn draining(&self) {
        self.shared.draining().await;
    }

    /// Returns the cause if the scope accepts no run: the scope is cancelled, the deadline has passed, or the scope drains.
    /// Called after the creation of the guard: a drain then waits for the guard, or this method sees the drain.
    pub(crate) fn refused_by_now(&self) -> Option<Cancelled> {
        self.stopped_by_now().or_else(|| self.shared.is_draining().then_some(Cancelled::Scope))
    }

    /// Waits until the token is cancelled. `Scope::cancel` wakes the waker of the last poll before the call returns. The
    /// future has no timer for the deadline; [`Self::stopped`] has.
    pub(crate) fn cancelled_owned(&self) -> WaitForCancellationFutureOwned {
        self.shared.token().clone().cancelled_owned()
    }

    /// Keeps a failure for `Scope::wait`.
    pub(crate) fn record(&self, failure: Failure) {
        self.shared.record(failure);
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
