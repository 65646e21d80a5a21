//! The flag that keeps workers from starting jobs of a stopping run.

use std::sync::Arc;
use std::task::Wake;

use tokio::sync::Notify;

use crate::util::sync::atomic::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
/// The run takes no more items, and completes the jobs that have started.
const HALTED: u8 = 1;
/// A scope was cancelled. The first task that sees the flag stops the run.
const REQUESTED: u8 = 2;
/// The run has stopped, and its first cause is known.
const CONFIRMED: u8 = 3;

/// Signals the stop of a run to workers that are between two looks at the state.
///
/// The signal is the waker of two futures: one waits for the cancellation of the scope of the run, the other for the
/// cancellation of the scope of the jobs. So `Scope::cancel` sets the signal before returning. Afterwards a worker starts
/// no further job, except a job that the worker is just about to start (law 7). A task of the run carries out the stop:
/// the token calls its wakers under locks, so a waker must not drop or wake values of the user.
#[derive(Debug, Default)]
pub(super) struct StopSignal {
    state: AtomicU8,
    /// Wakes the supervisor, since all workers may wait.
    requested: Notify,
}

impl StopSignal {
    /// Returns whether no further job starts: the run takes no more items, stops, or is to stop.
    #[inline]
    pub(super) fn is_halted(&self) -> bool {
        self.state.load(Ordering::Relaxed) != RUNNING
    }

    /// Returns whether the run stops, or is to stop.
    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.state.load(Ordering::Relaxed) >= REQUESTED
    }

    /// Returns whether the run is to stop and has not stopped yet.
    #[inline]
    pub(super) fn is_requested(&self) -> bool {
        self.state.load(Ordering::Relaxed) == REQUESTED
    }

    /// Records that the run takes no more items.
    pub(super) fn halt(&self) {
        let _ = self.state.compare_exchange(RUNNING, HALTED, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Records that the run has stopped.
    pub(super) fn confirm(&self) {
        self.state.store(CONFIRMED, Ordering::Relaxed);
    }

    /// Waits until a scope is cancelled while the run has not stopped.
    pub(super) async fn requested(&self) {
        self.requested.notified().await;
    }
}

impl Wake for StopSignal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_max(REQUESTED, Ordering::Relaxed) < REQUESTED {
            self.requested.notify_one();
        }
    }
}
