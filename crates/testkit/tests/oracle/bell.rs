//! Wakers that count their wake-ups, and run an action that wakers should not run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};

use anyhow::{Result, ensure};

/// The action of a waker when it is woken (`false`), and when it is dropped (`true`).
pub type Deed = Arc<dyn Fn(bool) + Send + Sync>;

/// A waker that counts its wake-ups. Each wake-up and the drop of the last clone run the deed.
struct Bell {
    rung: Arc<AtomicUsize>,
    deed: Deed,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        (self.deed)(false);
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        (self.deed)(true);
    }
}

/// A waiter. The waiter keeps no waker of its own, so the last clone is dropped by the subject that stored it.
pub struct Parked {
    bell: Weak<Bell>,
    rung: Arc<AtomicUsize>,
    /// The number of wake-ups before the last poll, and after the last poll.
    before: [usize; 2],
    deed: Deed,
}

impl Parked {
    pub fn new(deed: &Deed) -> Self {
        Self { bell: Weak::new(), rung: Arc::default(), before: [0; 2], deed: Arc::clone(deed) }
    }

    /// Calls `poll` with the current waker, or with a new waker if no clone of the current waker is left.
    pub fn poll<R>(&mut self, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let make = || Arc::new(Bell { rung: Arc::clone(&self.rung), deed: Arc::clone(&self.deed) });
        let bell = self.bell.upgrade().unwrap_or_else(make);
        self.bell = Arc::downgrade(&bell);
        self.before[0] = self.rings();
        let polled = poll(&mut Context::from_waker(&Waker::from(bell)));
        self.before[1] = self.rings();
        polled
    }

    fn rings(&self) -> usize {
        self.rung.load(Ordering::SeqCst)
    }

    /// Returns whether the waiter was notified since the start of the last poll.
    pub fn was_called(&self) -> bool {
        self.rings() > self.before[0]
    }

    /// Returns whether the subject keeps the right number of clones of the waker: one until the waiter is notified. A
    /// waiter that was notified only during its poll may have left its waker.
    pub fn is_kept_rightly(&self) -> bool {
        let called_only_then = self.rings() == self.before[1] && self.was_called();
        self.copies() == usize::from(!self.was_called()) || called_only_then && self.copies() == 1
    }

    /// Ends the wait. The subject must keep no clone of the waker.
    pub fn leave(self) -> Result<()> {
        ensure!(self.copies() == 0, "the waker of a waiter that waits no more is kept");
        Ok(())
    }

    /// Returns the number of clones of the waker.
    pub fn copies(&self) -> usize {
        self.bell.strong_count()
    }
}
