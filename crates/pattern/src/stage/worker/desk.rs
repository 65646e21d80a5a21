//! The desk of a worker: the context of the stage, and the place where a seat returns the worker.

use std::sync::Arc;

use super::super::work::Work;
use super::context::WorkerContext;
use super::lifecycle::Worker;
use crate::util::mutex::Mutex;
use crate::util::sync::atomic::{AtomicBool, Ordering};

/// The context and the return tray of one worker, shared by the seats of the worker. All jobs of a stage would otherwise
/// count their references to the context in the same place.
pub(super) struct Desk<In, Out, W: Work<In, Out>> {
    pub(super) context: Arc<WorkerContext<In, Out, W>>,
    /// The worker, on the way from a seat to its task.
    returned: Mutex<Option<Box<Worker<In, Out>>>>,
    /// Whether the worker is there. The seat and the task run on the same thread, one after the other.
    has_returned: AtomicBool,
}

impl<In, Out, W: Work<In, Out>> Desk<In, Out, W> {
    pub(super) fn new(context: Arc<WorkerContext<In, Out, W>>) -> Self {
        Self { context, returned: Mutex::new(None), has_returned: AtomicBool::new(false) }
    }

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
