//! The tray of a worker: the place where a seat returns the worker to its task.

use crate::util::mutex::Mutex;
use crate::util::sync::atomic::{AtomicBool, Ordering};

/// The tray of a worker.
pub(super) struct Tray<T> {
    /// The worker, on the way from a seat to its task.
    returned: Mutex<Option<T>>,
    /// Whether the worker is there. The seat and the task run on the same thread, one after the other.
    has_returned: AtomicBool,
}

impl<T> Default for Tray<T> {
    fn default() -> Self {
        Self { returned: Mutex::new(None), has_returned: AtomicBool::new(false) }
    }
}

impl<T> Tray<T> {
    /// Returns the worker from a seat.
    pub(super) fn put(&self, worker: T) {
        *self.returned.lock() = Some(worker);
        self.has_returned.store(true, Ordering::Relaxed);
    }

    /// Takes the returned worker, if any.
    pub(super) fn take(&self) -> Option<T> {
        if !self.has_returned.load(Ordering::Relaxed) {
            return None;
        }
        self.has_returned.store(false, Ordering::Relaxed);
        self.returned.lock().take()
    }
}
