//! The presence of a run or a task in a scope.

use std::sync::Arc;

use tokio_util::sync::WaitForCancellationFutureOwned;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::shared::Shared;
use super::signal::assert_timers;
use crate::failure::{Cancelled, Failure};

/// Keeps a scope and its parents open until it is dropped.
///
/// A guard does not own the scope: a scope without owners is cancelled, whatever lives in it.
pub(crate) struct ScopeGuard {
    // Dropped before the tokens, so that an unreported failure has moved to the parent before a wait there ends.
    shared: Arc<Shared>,
    _tokens: Vec<TaskTrackerToken>,
}

impl ScopeGuard {
    /// # Panics
    ///
    /// If the scope has a deadline and the runtime no timers: here, at the caller's location, and not in a task.
    #[track_caller]
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        if let Some(deadline) = shared.deadline() {
            assert_timers();
            deadline.watch_if_wanted();
        }
        Self { shared: Arc::clone(shared), _tokens: shared.tracker_tokens() }
    }

    /// Waits until the scope is cancelled, by hand or by the deadline, and returns which.
    ///
    /// A deadline that passes cancels the scope whose deadline it is, so this, as [`Self::stopped_by_now`], may run
    /// wakers: it is not called under a lock.
    pub(crate) async fn stopped(&self) -> Cancelled {
        self.shared.cancelled().await
    }

    /// Returns why the scope is cancelled, if it is cancelled or its deadline has passed.
    pub(crate) fn stopped_by_now(&self) -> Option<Cancelled> {
        self.shared.cancelled_by_now()
    }

    /// Waits until the token is cancelled: in the call that cancels the scope, the waker of the last poll is woken. It has
    /// no timer; [`Self::stopped`] has.
    #[allow(dead_code, reason = "the stage polls it")]
    pub(crate) fn cancelled_owned(&self) -> WaitForCancellationFutureOwned {
        self.shared.token().clone().cancelled_owned()
    }

    /// Keeps a failure that no caller took with the scope.
    pub(crate) fn record(&self, failure: Failure) {
        self.shared.record(failure);
    }

    /// Records a failure and cancels the scope.
    pub(super) fn fail(&self, failure: Failure) {
        self.shared.record(failure);
        self.shared.cancel();
    }
}
