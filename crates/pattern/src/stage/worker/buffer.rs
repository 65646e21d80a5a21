//! The batch of a worker: the items, and the size of the next batch.

use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::fetch::Fetched;
use crate::item::ItemBatch;
use crate::util::batch_size::{BatchSize, is_quick};

/// The most items of a batch. With more items, the cost of the lock, which is taken once a batch, is no longer
/// measurable.
const LARGEST_BATCH: usize = 128;

/// The duration below which a batch is light: the wake-up of another worker takes as long.
const LIGHT_BATCH: Duration = Duration::from_micros(4);

/// The time after which a worker whose jobs do not wait lets the other tasks of its thread run.
const LONG_SLICE: Duration = Duration::from_micros(500);

#[derive(Debug)]
pub(super) struct WorkerBuffer<In> {
    pub(super) items: ItemBatch<In>,
    /// The number of items that the worker holds, the item of the running job included, and the items whose jobs wait
    /// excluded.
    pub(super) held: usize,
    /// The registry counts the worker as busy with this batch.
    pub(super) counted: bool,
    /// The worker took the batch after the first wait of a job, so all jobs of the batch may wait at once.
    pub(super) bounded: bool,
    /// The last batch had several items.
    pub(super) several: bool,
    /// The worker has looked for items in vain since the last batch.
    pub(super) looked: bool,
    pub(super) batch_started: Option<Instant>,
    /// The waker of the worker, unless the registry has the waker.
    pub(super) waker: Option<Waker>,
    size: BatchSize,
    /// The last batch was short, so a wake-up may wait for the next batch.
    quick: bool,
    /// The last batch was so short that another worker would have cost more.
    light: bool,
    /// The running time of the worker since the other tasks of the thread last ran.
    slice: Duration,
}

impl<In> WorkerBuffer<In> {
    /// Creates the buffer of a worker with `items`.
    pub(super) fn new(items: ItemBatch<In>) -> Self {
        Self {
            held: items.len(),
            counted: !items.is_empty(),
            bounded: false,
            items,
            several: false,
            looked: false,
            batch_started: None,
            waker: None,
            size: BatchSize::default(),
            quick: false,
            light: false,
            slice: Duration::ZERO,
        }
    }

    /// Returns the number of items that the worker asks for.
    pub(super) fn size(&self) -> usize {
        self.size.get()
    }

    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    pub(super) fn is_light(&self) -> bool {
        self.light
    }

    /// Ends a batch at `now`, and sets the size of the next batch; returns whether to let other tasks of the thread
    /// run.
    pub(super) fn end_batch(&mut self, now: Instant) -> bool {
        let Some(started) = self.batch_started.take() else { return false };
        let took = now.duration_since(started);
        self.quick = is_quick(took);
        self.light = took < LIGHT_BATCH;
        self.size.adapt(took, LARGEST_BATCH);
        self.slice += took;
        self.slice > LONG_SLICE
    }

    /// Stores a waker for the registry, unless a waker is there.
    pub(super) fn store_waker(&mut self, cx: &Context<'_>) {
        self.waker.get_or_insert_with(|| cx.waker().clone());
    }

    /// Lets the other tasks of the thread run first: the task that the worker woke last is in a slot of the thread,
    /// from which no other thread takes tasks.
    pub(super) fn yield_now<Out>(&mut self, cx: &Context<'_>) -> Fetched<Out> {
        self.end_slice();
        cx.waker().wake_by_ref();
        Fetched::Pending
    }

    /// Records that the other tasks of the thread can run now.
    pub(super) fn end_slice(&mut self) {
        self.slice = Duration::ZERO;
    }
}
