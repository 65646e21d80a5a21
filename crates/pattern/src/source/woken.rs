//! The wake-ups of the items that a source holds.
//!
//! # Invariants
//!
//! - No wake-up is lost. The waker of an item adds the item to a list, and wakes the worker that waits for the source. The
//!   source stores the waker of that worker under the lock of the list, and only if the list is empty.
//! - No waker is woken or dropped under the lock.

use std::mem;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::util::mutex::Mutex;
use crate::util::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The held items that were woken, and the worker that waits for them.
#[derive(Default)]
pub(crate) struct WokenItems {
    list: Mutex<List>,
    /// The list has an item. A copy, to be read without the lock.
    any: AtomicBool,
}

#[derive(Default)]
struct List {
    items: Vec<WokenItem>,
    worker: Option<Waker>,
}

/// A woken item, in the order of the numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WokenItem {
    number: u64,
    pub(super) place: usize,
}

impl WokenItems {
    /// Returns whether an item was woken since the last poll of the source. The answer may be a moment old.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Exchanges the list for an empty one.
    pub(super) fn take(&self, items: &mut Vec<WokenItem>) {
        let mut list = self.list.lock();
        mem::swap(&mut list.items, items);
        self.any.store(false, Ordering::Relaxed);
    }

    /// Stores the waker of a worker. Returns `false` if an item was woken meanwhile.
    pub(super) fn register(&self, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        let mut list = self.list.lock();
        let empty = list.items.is_empty();
        if empty {
            mem::swap(&mut list.worker, &mut waker);
        }
        drop(list);
        // The waker before is dropped after the unlock.
        drop(waker);
        empty
    }

    fn add(&self, item: WokenItem) -> Option<Waker> {
        let mut list = self.list.lock();
        list.items.push(item);
        self.any.store(true, Ordering::Relaxed);
        list.worker.take()
    }
}

/// The waker of a place for a held item. A clone that outlives its item wakes the next item of the place, which is then
/// polled in vain.
pub(super) struct HeldWaker {
    woken: Arc<WokenItems>,
    place: usize,
    /// The number of the last item of the place.
    number: AtomicU64,
    /// The place is in the list.
    listed: AtomicBool,
}

impl HeldWaker {
    pub(super) fn new(woken: &Arc<WokenItems>, place: usize) -> Self {
        Self { woken: Arc::clone(woken), place, number: AtomicU64::new(0), listed: AtomicBool::new(false) }
    }

    /// Sets the number of the next item of the place.
    pub(super) fn set_number(&self, number: u64) {
        self.number.store(number, Ordering::Relaxed);
    }

    /// Records that the place is in the list no longer, before the poll of its item.
    pub(super) fn unlist(&self) {
        // The swap acquires the writes of the callers that woke the item.
        self.listed.swap(false, Ordering::AcqRel);
    }
}

impl Wake for HeldWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let item = WokenItem { number: self.number.load(Ordering::Relaxed), place: self.place };
        if let Some(worker) = self.woken.add(item) {
            worker.wake();
        }
    }
}
