//! The tray of a worker: the place where a seat returns the worker to its task.

use super::lifecycle::Worker;
use crate::util::mutex::Mutex;
use crate::util::sync::atomic::{AtomicBool, Ordering};

/// The tray of a worker.
pub(super) struct Tray<In, Out> {
    /// The worker, on the way from a seat to its task.
    returned: Mutex<Option<Box<Worker<In, Out>>>>,
    /// Whether the worker is there. The seat and the task run on the same thread, one after the other.
    has_returned: AtomicBool,
}

impl<In, Out> Default for Tray<In, Out> {
    fn default() -> Self {
        Self { returned: Mutex::new(None), has_returned: AtomicBool::new(false) }
    }
}

impl<In, Out> Tray<In, Out> {
    /// Returns the worker from a seat.
    pub(super) fn put(&self, worker: Box<Worker<In, Out>>) {
        *self.returned.lock() = Some(worker);
        self.has_returned.store(true, Ordering::Relaxed);
    }

    /// Takes the returned worker, if any.
    pub(super) fn take(&self) -> Option<Box<Worker<In, Out>>> {
        if !self.has_returned.load(Ordering::Relaxed) {
            return None;
        }
        self.has_returned.store(false, Ordering::Relaxed);
        self.returned.lock().take()
    }
}
