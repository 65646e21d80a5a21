//! The wake-ups of the parts of a source: of the items that wait for a limiter, or of the members of a merge.
//!
//! # Invariants
//!
//! - No wake-up is lost. The waker of a part adds the part to a list, and wakes the task that waits for the source. The
//!   source stores the waker of that task under the lock of the list, and only if the list is empty.
//! - A part is in the list at most once.
//! - No waker is woken, cloned or dropped under the lock.

use std::mem;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::util::mutex::Mutex;
use crate::util::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The parts that were woken, and the task that waits for one of them.
#[derive(Default)]
pub(crate) struct WokenParts {
    list: Mutex<List>,
    /// The list has a part. A copy, to be read without the lock.
    any: AtomicBool,
}

#[derive(Default)]
struct List {
    parts: Vec<WokenPart>,
    task: Option<Waker>,
}

/// A woken part, in the order of the numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WokenPart {
    number: u64,
    pub(super) place: usize,
}

impl WokenParts {
    /// Creates the wake-ups of a source with a woken part.
    #[cfg(test)]
    pub(crate) fn with_a_part() -> Arc<Self> {
        let woken = Arc::<Self>::default();
        Arc::new(PartWaker::new(&woken, 0)).wake();
        woken
    }

    /// Returns whether a part was woken since the last poll of the source. The answer may be a moment old.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Exchanges the list for an empty one.
    pub(super) fn take(&self, parts: &mut Vec<WokenPart>) {
        let mut list = self.list.lock();
        mem::swap(&mut list.parts, parts);
        self.any.store(false, Ordering::Relaxed);
    }

    /// Stores the waker of a task. Returns `false` if a part was woken meanwhile.
    pub(super) fn register(&self, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        let mut list = self.list.lock();
        let empty = list.parts.is_empty();
        if empty {
            mem::swap(&mut list.task, &mut waker);
        }
        drop(list);
        // The waker before is dropped after the unlock.
        drop(waker);
        empty
    }

    /// Takes the waker of the waiting task out, at the end of the source.
    pub(super) fn take_task(&self) -> Option<Waker> {
        self.list.lock().task.take()
    }

    /// Adds a part; returns the waker of the waiting task.
    fn add(&self, part: WokenPart) -> Option<Waker> {
        let mut list = self.list.lock();
        list.parts.push(part);
        self.any.store(true, Ordering::Relaxed);
        list.task.take()
    }
}

/// The waker of a part, which has a place in its source. A later part may have the same place. A clone of the waker that
/// outlives its part wakes the later part, which is then polled in vain.
pub(super) struct PartWaker {
    woken: Arc<WokenParts>,
    place: usize,
    /// The number of the last part in the place.
    number: AtomicU64,
    /// The place is in the list.
    listed: AtomicBool,
}

impl PartWaker {
    pub(super) fn new(woken: &Arc<WokenParts>, place: usize) -> Self {
        Self { woken: Arc::clone(woken), place, number: AtomicU64::new(0), listed: AtomicBool::new(false) }
    }

    /// Sets the number of the next part in the place.
    pub(super) fn set_number(&self, number: u64) {
        self.number.store(number, Ordering::Relaxed);
    }

    /// Records that the place is in the list no longer, before the poll of its part.
    pub(super) fn unlist(&self) {
        // The swap acquires the writes of the callers that woke the part.
        self.listed.swap(false, Ordering::AcqRel);
    }
}

impl Wake for PartWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let part = WokenPart { number: self.number.load(Ordering::Relaxed), place: self.place };
        if let Some(task) = self.woken.add(part) {
            task.wake();
        }
    }
}
