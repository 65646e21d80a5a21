//! The memory that a worker needs only while its jobs do not wait: the items that it holds, and the size of its batches.
//!
//! A worker whose job waits has no buffer, so that thousands of waiting jobs have no more buffers than threads run.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::item::ItemBatch;
use crate::util::batch_size::{BatchSize, is_quick};

/// The most items of a batch. With more, the lock that is taken once a batch costs nothing that can be measured.
const LARGEST_BATCH: usize = 128;

/// A worker whose jobs have not waited for this long lets the other tasks of its thread run.
const LONG_SLICE: Duration = Duration::from_micros(500);

#[derive(Debug)]
pub(super) struct WorkerBuffer<In> {
    pub(super) items: ItemBatch<In>,
    /// How many items the worker holds, the item whose job runs included.
    pub(super) held: usize,
    /// The last batch had more than one item.
    pub(super) several: bool,
    /// The worker has looked for items in vain since its last batch.
    pub(super) looked: bool,
    pub(super) batch_started: Option<Instant>,
    /// The waker of the worker, unless the registry has it.
    pub(super) waker: Option<Waker>,
    size: BatchSize,
    /// The last batch was short, so a wake-up may wait for the next batch.
    quick: bool,
    /// How long the worker has run since other tasks of its thread could.
    slice: Duration,
}

impl<In> Default for WorkerBuffer<In> {
    fn default() -> Self {
        Self::new(ItemBatch::default())
    }
}

impl<In> WorkerBuffer<In> {
    /// Creates the buffer of a worker that holds `items`.
    pub(super) fn new(items: ItemBatch<In>) -> Self {
        Self {
            held: items.len(),
            items,
            several: false,
            looked: false,
            batch_started: None,
            waker: None,
            size: BatchSize::default(),
            quick: false,
            slice: Duration::ZERO,
        }
    }

    /// Returns how many items the worker asks for.
    pub(super) fn size(&self) -> usize {
        self.size.get()
    }

    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    /// Ends a batch at `now`, and sets the size of the next one; returns whether it is time to let other tasks run.
    pub(super) fn end_batch(&mut self, now: Instant) -> bool {
        let Some(started) = self.batch_started.take() else { return false };
        let took = now.duration_since(started);
        self.quick = is_quick(took);
        self.size.adapt(took, LARGEST_BATCH);
        self.slice += took;
        self.slice > LONG_SLICE
    }

    /// Stores the waker of this poll, unless it is stored already.
    pub(super) fn store_waker(&mut self, cx: &Context<'_>) {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
    }

    /// Lets other tasks of the thread run first: a task that this worker has just woken is in a slot of the thread that no
    /// other thread takes from.
    pub(super) fn yield_now(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.end_slice();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Records that other tasks of the thread can run now.
    pub(super) fn end_slice(&mut self) {
        self.slice = Duration::ZERO;
    }
}
