//! The batch of a worker: the items, and the size of the next batch.

use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::item::ItemBatch;
use crate::util::batch_size::{BatchSize, is_quick};

/// The most items of a batch. With more items, the cost of the lock, which is taken once a batch, is no longer
/// measurable.
const LARGEST_BATCH: usize = 128;

/// The duration below which a batch is light: the wake-up of another worker takes as long.
const LIGHT_BATCH: Duration = Duration::from_micros(4);

/// The time after which a worker whose jobs do not wait lets the other tasks of its thread run.
const LONG_SLICE: Duration = Duration::from_micros(500);

/// The batch of a worker, as the registry counts the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    /// The worker is not busy.
    None,
    /// A batch from the time before the first wait of a job, perhaps with more items than the limit.
    First,
    /// A later batch, whose jobs may all wait at once.
    Bounded,
}

/// The speed of the last batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speed {
    Light,
    Quick,
    Slow,
}

#[derive(Debug)]
pub(super) struct WorkerBuffer<In> {
    pub(super) items: ItemBatch<In>,
    /// The number of items that the worker holds, the item of the running job included, and the items whose jobs wait
    /// excluded.
    pub(super) held: usize,
    pub(super) batch: Batch,
    /// The last batch had several items.
    pub(super) several: bool,
    /// The worker has looked for items in vain since the last batch.
    pub(super) looked: bool,
    pub(super) batch_started: Option<Instant>,
    /// The number of changes of the limit at the last look at the state.
    pub(super) limit_changes: usize,
    /// The waker of the worker, unless the registry has the waker.
    pub(super) waker: Option<Waker>,
    size: BatchSize,
    speed: Speed,
    /// The running time of the worker since the other tasks of the thread last ran.
    slice: Duration,
}

impl<In> WorkerBuffer<In> {
    /// Creates the buffer of a worker with `items`.
    pub(super) fn new(items: ItemBatch<In>) -> Self {
        Self {
            held: items.len(),
            batch: if items.is_empty() { Batch::None } else { Batch::First },
            items,
            several: false,
            looked: false,
            batch_started: None,
            limit_changes: 0,
            waker: None,
            size: BatchSize::default(),
            speed: Speed::Slow,
            slice: Duration::ZERO,
        }
    }

    /// Starts a batch, or a round of woken jobs. `now` is the end of the last batch, if the clock was read.
    pub(super) fn start(&mut self, now: Option<Instant>) {
        self.held = self.items.len();
        self.looked = false;
        self.batch_started.get_or_insert_with(|| now.unwrap_or_else(Instant::now));
    }

    /// Returns the number of items that the worker asks for.
    pub(super) fn size(&self) -> usize {
        self.size.get()
    }

    /// Returns whether the last batch was so short that a wake-up may wait for the next batch.
    pub(super) fn is_quick(&self) -> bool {
        self.speed != Speed::Slow
    }

    /// Returns whether the last batch was so short that another worker would have cost more.
    pub(super) fn is_light(&self) -> bool {
        self.speed == Speed::Light
    }

    /// Ends a batch at `now`, and sets the size of the next batch; returns whether to let other tasks of the thread
    /// run.
    pub(super) fn end_batch(&mut self, now: Instant) -> bool {
        let Some(started) = self.batch_started.take() else { return false };
        let took = now.duration_since(started);
        self.speed = match took {
            took if took < LIGHT_BATCH => Speed::Light,
            took if is_quick(took) => Speed::Quick,
            _ => Speed::Slow,
        };
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
    pub(super) fn yield_now(&mut self, cx: &Context<'_>) {
        self.end_slice();
        cx.waker().wake_by_ref();
    }

    /// Records that the other tasks of the thread can run now.
    pub(super) fn end_slice(&mut self) {
        self.slice = Duration::ZERO;
    }
}
