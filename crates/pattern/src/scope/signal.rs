//! The cancellation of a scope: the token, the cause, and the deadline that cancels it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::task::coop;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::failure::Cancelled;
use crate::util::mutex::Mutex;

/// The token of a scope, and why the scope cancelled it.
#[derive(Debug)]
pub(super) struct Signal {
    token: CancellationToken,
    /// Written once, and before the token is cancelled: a task that sees the token cancelled finds the cause of this
    /// scope or of a parent. Empty in both, the token was cancelled directly, by code that the scope gave it to.
    cause: OnceLock<Cancelled>,
}

impl Signal {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self { token, cause: OnceLock::new() }
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Cancels the token; the cause stays the first one.
    pub(super) fn cancel(&self, by: Cancelled) {
        self.cause.get_or_init(|| by);
        self.token.cancel();
    }

    pub(super) fn cause(&self) -> Option<Cancelled> {
        self.cause.get().copied()
    }

    /// Returns the cause; sets it to `cause()` if there is none.
    pub(super) fn cause_or_set(&self, cause: impl FnOnce() -> Cancelled) -> Cancelled {
        *self.cause.get_or_init(cause)
    }
}

/// The deadline of a scope, shared with every child that has no earlier deadline.
///
/// Everything that lives in a scope with a deadline has a timer of its own, and the first that fires cancels the
/// signal. A watcher task is needed only for code that looks at the token while nothing lives in the scope, so it is
/// spawned when the token is first asked for, in each runtime in which that happens: a runtime that is shut down drops
/// its watcher, and the watcher of another runtime remains.
///
/// No scope waits for a watcher: `closed` would then wait for the deadline. A watcher owns a deadline and no scope; it
/// runs no user code but the wakers of the token, and completes as soon as the token is cancelled, which the drop of the
/// last owner of the scope does.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Instant,
    /// Of the scope whose deadline it is.
    signal: Arc<Signal>,
    watch: Mutex<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    /// The token was asked for.
    wanted: bool,
    /// The runtimes in which a watcher was spawned.
    runtimes: Vec<runtime::Id>,
}

impl Deadline {
    pub(super) fn new(at: Instant, signal: Arc<Signal>) -> Self {
        Self { at, signal, watch: Mutex::new(Watch::default()) }
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Cancels the scope whose deadline it is, and with it every child, if the deadline has passed.
    pub(super) fn cancel_if_passed(&self) -> bool {
        let passed = self.at <= Instant::now();
        if passed {
            self.signal.cancel(Cancelled::Deadline);
        }
        passed
    }

    /// Has the token cancelled at the deadline even while nothing lives in the scope.
    ///
    /// Outside a runtime nothing can watch: the request is kept for [`Self::watch_if_wanted`].
    #[track_caller]
    pub(super) fn watch(self: &Arc<Self>) {
        self.watch.lock().wanted = true;
        if Handle::try_current().is_ok() {
            assert_timers();
            self.watch_if_wanted();
        }
    }

    /// Spawns a watcher in the current runtime, if the token was asked for and the runtime has no watcher yet.
    pub(super) fn watch_if_wanted(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut watch = self.watch.lock();
        if !watch.wanted || watch.runtimes.contains(&runtime.id()) || self.signal.token.is_cancelled() {
            return;
        }
        watch.runtimes.push(runtime.id());
        drop(watch);
        let deadline = Arc::clone(self);
        runtime.spawn(async move { cancelled(&deadline.signal.token, Some(&deadline)).await });
    }
}

/// Waits until `token` is cancelled: of the scope of `deadline`, or of a child.
///
/// The deadline cancels its scope before this returns.
pub(super) async fn cancelled(token: &CancellationToken, deadline: Option<&Deadline>) {
    let Some(deadline) = deadline else { return token.cancelled().await };
    // Without the budget of the task: a task that is always ready uses all of it up before each look at the timer, which
    // then would never fire.
    let limited = coop::unconstrained(timeout_at(deadline.at, token.cancelled()));
    if limited.await.is_err() {
        deadline.signal.cancel(Cancelled::Deadline);
    }
}

/// Panics where the runtime has no timers, with tokio's message.
#[track_caller]
pub(super) fn assert_timers() {
    drop(sleep(Duration::ZERO));
}
