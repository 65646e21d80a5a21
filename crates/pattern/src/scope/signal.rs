//! The cancellation of a scope: the token, the cause, and the deadline that cancels it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::task::coop;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::failure::Cancelled;
use crate::util::mutex::Mutex;

/// The token of a scope, and the cause of the cancellation.
#[derive(Debug)]
pub(super) struct Signal {
    token: CancellationToken,
    /// Written once, and before the cancellation of the token. So a task with a cancelled token finds the cause in this
    /// scope or in a parent, unless user code has cancelled the token of the scope directly.
    cause: OnceLock<Cancelled>,
}

impl Signal {
    pub(super) fn new(token: CancellationToken) -> Self {
        Self { token, cause: OnceLock::new() }
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Cancels the token; the first cause stays.
    pub(super) fn cancel(&self, by: Cancelled) {
        self.cause.get_or_init(|| by);
        self.token.cancel();
    }

    pub(super) fn cause(&self) -> Option<Cancelled> {
        self.cause.get().copied()
    }

    /// Returns the cause, after setting an empty cause to `cause()`.
    pub(super) fn cause_or_set(&self, cause: impl FnOnce() -> Cancelled) -> Cancelled {
        *self.cause.get_or_init(cause)
    }
}

/// A deadline, and the name of the scope with the deadline.
#[derive(Clone, Debug)]
pub(super) struct DeadlineOf {
    pub(super) at: Instant,
    pub(super) scope: Arc<str>,
}

/// The deadline of a scope, shared with every child without an earlier deadline.
///
/// Each run and each task in a scope with a deadline has a timer, and the first timer to fire cancels the scope. A watcher
/// task serves code that checks the token while the scope is empty, so the first request for the token spawns the
/// watcher: one per runtime, since the shutdown of a runtime drops only the watcher of that runtime.
///
/// `Scope::wait` does not wait for a watcher: the wait would last until the deadline. So a watcher neither owns the scope
/// nor runs user code other than wakers of the token, and completes as soon as the token is cancelled, at the latest by the
/// drop of the last owner of the scope. Rejected: a watcher for every scope with a deadline, a task and a wake-up for each
/// request of a server; and a watcher in place of the timers, lost with the first runtime of a scope used in two.
#[derive(Debug)]
pub(super) struct Deadline {
    of: DeadlineOf,
    /// The signal of the scope with the deadline.
    signal: Arc<Signal>,
    watch: Mutex<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    /// User code has the token.
    wanted: bool,
    /// The runtimes with a watcher.
    runtimes: Vec<runtime::Id>,
}

impl Deadline {
    pub(super) fn new(of: DeadlineOf, signal: Arc<Signal>) -> Self {
        Self { of, signal, watch: Mutex::new(Watch::default()) }
    }

    pub(super) fn at(&self) -> Instant {
        self.of.at
    }

    /// Returns the name of the scope with the deadline.
    pub(super) fn scope(&self) -> &Arc<str> {
        &self.of.scope
    }

    /// Cancels the scope with the deadline, and every child, if the deadline has passed.
    pub(super) fn cancel_if_passed(&self) -> bool {
        let passed = self.of.at <= Instant::now();
        if passed {
            self.signal.cancel(Cancelled::Deadline);
        }
        passed
    }

    /// Spawns a watcher in the current runtime. Outside a runtime, a later [`Self::watch_if_wanted`] spawns the watcher.
    #[track_caller]
    pub(super) fn watch(self: &Arc<Self>) {
        self.watch.lock().wanted = true;
        if Handle::try_current().is_ok() {
            assert_timers();
            self.watch_if_wanted();
        }
    }

    /// Spawns a watcher in the current runtime, if user code has the token and the runtime has no watcher yet.
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

/// Waits until `token` is cancelled, the token of the scope with the deadline or of a child. A passed deadline cancels the
/// scope with the deadline before the future completes.
pub(super) async fn cancelled(token: &CancellationToken, deadline: Option<&Deadline>) {
    let Some(deadline) = deadline else { return token.cancelled().await };
    // Without the budget of the task: a task without a pending await uses up the budget before each poll of the timer, and
    // the timer would never fire.
    let limited = coop::unconstrained(timeout_at(deadline.of.at, token.cancelled()));
    if limited.await.is_err() {
        deadline.signal.cancel(Cancelled::Deadline);
    }
}

/// Panics with tokio's message if the runtime has no timers.
#[track_caller]
pub(super) fn assert_timers() {
    drop(sleep(Duration::ZERO));
}
