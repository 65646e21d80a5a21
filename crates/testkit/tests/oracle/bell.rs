//! Wakers that count, and do what a waker should not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};

use anyhow::{Result, ensure};

/// What is done when a waker is woken (`false`), and when it is dropped (`true`).
pub type Deed = Arc<dyn Fn(bool) + Send + Sync>;

/// A waker that counts how often it was woken, and does something each time and when the last of it is dropped.
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

/// Where somebody waits. It keeps no waker of its own, so that the last is dropped where it was left.
pub struct Parked {
    bell: Weak<Bell>,
    rung: Arc<AtomicUsize>,
    /// How often it had been woken until the last poll, and after it.
    before: [usize; 2],
    deed: Deed,
}

impl Parked {
    pub fn new(deed: &Deed) -> Self {
        Self { bell: Weak::new(), rung: Arc::default(), before: [0; 2], deed: Arc::clone(deed) }
    }

    /// Polls something with the waker that it had, if there is one yet.
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

    /// Whether it was woken since the last poll began.
    pub fn was_called(&self) -> bool {
        self.rings() > self.before[0]
    }

    /// Whether as many of its waker are kept as should be: one as long as nobody has called. Who was called while it
    /// was polled has left its waker all the same.
    pub fn is_kept_rightly(&self) -> bool {
        let called_only_then = self.rings() == self.before[1] && self.was_called();
        self.copies() == usize::from(!self.was_called()) || called_only_then && self.copies() == 1
    }

    /// Somebody does not wait any more.
    pub fn leave(self) -> Result<()> {
        ensure!(self.copies() == 0, "the waker of somebody who does not wait any more is kept");
        Ok(())
    }

    /// How many there are of its waker.
    pub fn copies(&self) -> usize {
        self.bell.strong_count()
    }
}
