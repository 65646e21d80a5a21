//! Wakers that count, and do what a waker should not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use anyhow::{Result, ensure};

/// What is done when a waker is woken (`false`), and when it is dropped (`true`).
pub type Deed = Arc<dyn Fn(bool) + Send + Sync>;

/// A waker that counts how often it was woken, and does something each time and when it is dropped.
pub struct Bell {
    rung: AtomicUsize,
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

/// Where somebody waits: the waker of the last poll, and how often it had been woken then.
pub struct Parked {
    bell: Arc<Bell>,
    /// Until the last poll, and after it.
    rung: [usize; 2],
}

impl Parked {
    pub fn new(deed: &Deed) -> Self {
        Self { bell: Arc::new(Bell { rung: AtomicUsize::new(0), deed: Arc::clone(deed) }), rung: [0; 2] }
    }

    /// Polls `future` with the waker that it had, if it had one.
    pub fn poll<R>(&mut self, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let waker = Waker::from(Arc::clone(&self.bell));
        self.rung[0] = self.rings();
        let polled = poll(&mut Context::from_waker(&waker));
        drop(waker);
        self.rung[1] = self.rings();
        polled
    }

    fn rings(&self) -> usize {
        self.bell.rung.load(Ordering::SeqCst)
    }

    /// Whether it was woken since the last poll began.
    pub fn was_called(&self) -> bool {
        self.rings() > self.rung[0]
    }

    /// Whether as many of its waker are kept as should be: one as long as nobody has called. Who was called while it
    /// was polled has left its waker all the same.
    pub fn is_kept_rightly(&self) -> bool {
        let kept = self.copies();
        if self.rings() == self.rung[1] && self.rung[1] > self.rung[0] {
            kept <= 1
        } else {
            kept == usize::from(!self.was_called())
        }
    }

    /// Somebody does not wait any more.
    pub fn leave(self) -> Result<()> {
        ensure!(self.copies() == 0, "the waker of somebody who does not wait any more is kept");
        Ok(())
    }

    /// How many there are of its waker beside this one.
    pub fn copies(&self) -> usize {
        Arc::strong_count(&self.bell) - 1
    }
}
