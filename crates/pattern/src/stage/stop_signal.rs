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
const CONFIRMED: u8 = 4;
/// The two bits of a stop.
const STOP: u8 = REQUESTED | CONFIRMED;
/// The limit of the stage may change. The bit is set before the first worker, and stays.
const LIVE: u8 = 8;

/// Signals the stop of a run to workers that are between two looks at the state.
///
/// The signal is the waker of two futures: one waits for the cancellation of the scope of the run, the other for the
/// cancellation of the scope of the jobs. So `Scope::cancel` sets the signal before returning. Afterwards a worker starts
/// no further job, except a job that the worker is just about to start (law 7). A task of the run carries out the stop:
/// the token calls its wakers under locks, so a waker must not drop or wake values of the user.
#[derive(Debug)]
pub(super) struct StopSignal {
    state: AtomicU8,
    /// Wakes the supervisor, since all workers may wait.
    requested: Notify,
}

impl StopSignal {
    /// Creates the signal of a stage; `live` states that the limit of the stage may change.
    pub(super) fn new(live: bool) -> Self {
        Self { state: AtomicU8::new(if live { LIVE } else { RUNNING }), requested: Notify::new() }
    }

    /// Returns whether a worker has a reason to look closer before every item: no further job starts, or the limit may
    /// change.
    #[inline]
    pub(super) fn is_any_set(&self) -> bool {
        self.state.load(Ordering::Relaxed) != RUNNING
    }

    /// Returns whether no further job starts: the run takes no more items, stops, or is to stop.
    #[inline]
    pub(super) fn is_halted(&self) -> bool {
        self.state.load(Ordering::Relaxed) & (HALTED | STOP) != 0
    }

    /// Returns whether the run stops, or is to stop.
    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.state.load(Ordering::Relaxed) & STOP != 0
    }

    /// Returns whether the run is to stop and has not stopped yet.
    #[inline]
    pub(super) fn is_requested(&self) -> bool {
        self.state.load(Ordering::Relaxed) & STOP == REQUESTED
    }

    /// Records that the run takes no more items.
    pub(super) fn halt(&self) {
        self.state.fetch_or(HALTED, Ordering::Relaxed);
    }

    /// Records that the run has stopped.
    pub(super) fn confirm(&self) {
        self.state.fetch_or(CONFIRMED, Ordering::Relaxed);
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
        let before = self.state.fetch_or(REQUESTED, Ordering::Relaxed);
        if before & STOP == 0 {
            self.requested.notify_one();
        }
    }
}
