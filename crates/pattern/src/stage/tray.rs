//! What a worker needs only as long as its jobs do not wait: the items it has taken in hand, and how many
//! it takes at once.
//!
//! A worker whose job waits has none: so thousands of waiting workers have no more trays than work at a time.
//!
//! Batches grow while jobs end without waiting, and one that took over [`LONG_BATCH`] halves the next.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::item::ItemBatch;

/// A batch that took longer is followed by one of half its size.
const LONG_BATCH: Duration = Duration::from_micros(50);

/// The most items in a batch: with more, the lock taken once a batch costs nothing that can be measured.
const LARGEST_BATCH: usize = 128;

/// A worker that never waited for this long lets the other tasks of its thread run.
const LONG_SLICE: Duration = Duration::from_micros(500);

pub(super) struct Tray<In> {
    pub(super) inbox: ItemBatch<In>,
    /// How many items the worker has in hand, the one whose job runs included.
    pub(super) reserved: usize,
    /// How many items it takes next.
    pub(super) batch: usize,
    /// The last batch was of more than one item.
    pub(super) several: bool,
    /// The last batch took so little that whom it wakes may wait for the next.
    pub(super) quick: bool,
    pub(super) batch_began: Option<Instant>,
    /// The worker has looked in vain since its last batch.
    pub(super) looked: bool,
    /// How long it has worked since others of its thread could.
    slice: Duration,
}

impl<In> Default for Tray<In> {
    fn default() -> Self {
        let (inbox, slice) = (ItemBatch::default(), Duration::ZERO);
        Self {
            inbox,
            reserved: 0,
            batch: 1,
            several: false,
            quick: false,
            batch_began: None,
            looked: false,
            slice,
        }
    }
}

impl<In> Tray<In> {
    /// Sets the size of the next batch by the time the last one took; says whether it is time to let
    /// other tasks run.
    pub(super) fn adapt(&mut self, now: Instant) -> bool {
        let Some(began) = self.batch_began.take() else { return false };
        let took = now.duration_since(began);
        self.quick = took < LONG_BATCH / 2;
        if took > LONG_BATCH {
            self.batch = (self.batch / 2).max(1);
        } else if took < LONG_BATCH / 2 {
            self.batch = (self.batch * 2).min(LARGEST_BATCH);
        }
        self.slice += took;
        self.slice > LONG_SLICE
    }

    /// Lets the others on this thread run first: whom this worker has just woken stands in a slot of the
    /// thread that no other thread takes from.
    pub(super) fn give_way(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.rest();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The others of its thread can run now.
    pub(super) fn rest(&mut self) {
        self.slice = Duration::ZERO;
    }
}
