//! The slot of a job: the place of the job from its first wait to its end.
//!
//! A job that waits is no task. The future of the job stays in a slot. The waker of the job puts the slot into the run
//! queue of the stage, and any worker resumes the job.
//!
//! # Invariants
//!
//! - S1: a slot is in the run queue at most once. Only the caller of a transition to *queued* puts the slot there.
//! - S2: one worker at a time owns the job: the worker that started the job, or that took the slot from the run queue.
//! - S3: a wake-up during a poll is not lost: the end of the poll puts the slot into the run queue.
//!
//! A slot outlives its job, and a later job uses the slot again. So the waker of an earlier job may wake a later job
//! once, which costs one poll.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use crate::item::Position;
use crate::util::mutex::Mutex;
use crate::util::panic::Payload;
use crate::util::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// A worker owns the slot.
const OWNED: u8 = 1;
/// A wake-up has come since the last poll began. Without an owner, the slot is in the run queue.
const NOTIFIED: u8 = 2;

/// A slot without a place in the list of slots.
const NO_PLACE: u32 = u32::MAX;

/// A pinned place for a worker, and later for a job alone.
pub(super) trait Seat<Out>: Send {
    /// Gives the seat to a worker. The seat does not know the type of the worker before.
    fn sit(self: Pin<&mut Self>, worker: Box<dyn Any + Send>);

    /// Polls the worker, or the job that the worker has left behind; ready with the end of that job. Afterwards, the seat is
    /// free for a worker.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobEnd<Out>>;
}

/// The end of a job that has waited.
pub(super) struct JobEnd<Out> {
    /// The result of the job. `None` after a panic that ended the job.
    pub(super) result: Option<anyhow::Result<Out>>,
    /// A panic of the job, or of the drop of its future.
    pub(super) panicked: Option<Payload>,
    /// A panic in the drop of the future after a panic of the job.
    pub(super) again: Option<Payload>,
}

/// A job that waits.
pub(super) struct WaitingJob<Out> {
    pub(super) seat: Pin<Box<dyn Seat<Out>>>,
    /// The position of the item of the job.
    pub(super) position: Position,
    /// The job has dropped its item before the start, and goes on without an item.
    pub(super) without_item: bool,
}

/// The run queue of a stage, as a waker sees the queue.
pub(super) trait RunQueue<Out>: Send + Sync {
    /// Puts the slot of a woken job into the queue, and notifies a worker.
    fn push(&self, slot: Arc<Slot<Out>>);
}

/// The slot of a job.
pub(super) struct Slot<Out> {
    queue: Arc<dyn RunQueue<Out>>,
    state: AtomicU8,
    /// The place in the list of slots. Read and written under the lock of the stage only.
    place: AtomicU32,
    /// Present while the job waits. The lock has no waiters, since one worker at a time owns a job.
    job: Mutex<Option<WaitingJob<Out>>>,
}

impl<Out> Slot<Out> {
    /// Creates a slot that a worker owns.
    pub(super) fn new(queue: Arc<dyn RunQueue<Out>>) -> Self {
        let (state, place) = (AtomicU8::new(OWNED), AtomicU32::new(NO_PLACE));
        Self { queue, state, place, job: Mutex::new(None) }
    }

    /// Records a wake-up; returns whether the caller puts the slot into the run queue (S1).
    #[must_use]
    pub(super) fn notify(&self) -> bool {
        self.state.fetch_or(NOTIFIED, Ordering::AcqRel) == 0
    }

    /// Forgets the wake-ups of the last job of an owned slot, before the next job starts.
    #[inline]
    pub(super) fn clear(&self) {
        if self.state.load(Ordering::Relaxed) != OWNED {
            self.own();
        }
    }

    /// Takes the ownership of a queued slot (S2).
    pub(super) fn own(&self) {
        // The swap acquires the writes of the callers that woke the job.
        self.state.swap(OWNED, Ordering::AcqRel);
    }

    /// Stores a job that waits, and ends the ownership. Returns whether the caller puts the slot into the run queue, since
    /// a wake-up came during the poll (S3).
    #[must_use]
    pub(super) fn store(&self, job: WaitingJob<Out>) -> bool {
        let before = self.job.lock().replace(job);
        debug_assert!(before.is_none(), "one job at a time uses a slot");
        self.state.fetch_and(!OWNED, Ordering::AcqRel) & NOTIFIED != 0
    }

    /// Takes the job out of an owned slot.
    pub(super) fn take(&self) -> Option<WaitingJob<Out>> {
        self.job.lock().take()
    }

    /// Returns the place in the list of slots, if any.
    pub(super) fn place(&self) -> Option<usize> {
        let place = self.place.load(Ordering::Relaxed);
        (place != NO_PLACE).then_some(place as usize)
    }

    /// Sets the place in the list of slots.
    ///
    /// # Panics
    ///
    /// If the list has more than `u32::MAX` slots.
    pub(super) fn set_place(&self, place: Option<usize>) {
        let place = place.map_or(NO_PLACE, |place| u32::try_from(place).expect("memory ends before"));
        self.place.store(place, Ordering::Relaxed);
    }
}

impl<Out> Wake for Slot<Out> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.notify() {
            self.queue.push(Arc::clone(self));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoQueue;

    impl RunQueue<()> for NoQueue {
        fn push(&self, _: Arc<Slot<()>>) {
            unreachable!("these tests wake no slot");
        }
    }

    fn slot() -> Slot<()> {
        Slot::new(Arc::new(NoQueue))
    }

    struct NoSeat;

    impl Seat<()> for NoSeat {
        fn sit(self: Pin<&mut Self>, _: Box<dyn Any + Send>) {}

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<JobEnd<()>> {
            Poll::Pending
        }
    }

    fn job() -> WaitingJob<()> {
        WaitingJob { seat: Box::pin(NoSeat), position: Position::NONE, without_item: false }
    }

    /// S1.
    #[test]
    fn waiting_slot_is_queued_by_the_first_wake_alone() {
        let slot = slot();
        assert!(!slot.store(job()));
        assert!(slot.notify());
        assert!(!slot.notify(), "it is in the queue");
        slot.own();
        assert!(slot.take().is_some() && slot.take().is_none());
        assert!(!slot.store(job()), "the wake-up was consumed");
        assert!(slot.notify());
    }

    /// S3.
    #[test]
    fn wake_during_a_poll_queues_the_slot_after_the_poll() {
        let slot = slot();
        assert!(!slot.notify(), "a worker owns it");
        assert!(slot.store(job()));
        assert!(!slot.notify(), "the worker queues it");
    }

    #[test]
    fn cleared_slot_has_no_wake_of_the_last_job() {
        let slot = slot();
        assert!(!slot.notify());
        slot.clear();
        assert!(!slot.store(job()));
    }
}
