//! The cost of a handle's operations in the cooperative budget of a task.

use std::task::{Context, Poll, ready};

use tokio::task::coop;

use crate::util::sync::atomic::{AtomicU8, Ordering};

/// The number of operations of a handle per unit of the task's cooperative budget. A task that never waits then yields
/// after about two thousand single items, or a thousand batches: every 50 µs with single items. At a unit per operation,
/// the task would yield after about a hundred.
const OPERATIONS_A_UNIT: u8 = 16;

/// Counts the operations of a handle.
#[derive(Default)]
pub(super) struct Pace(AtomicU8);

impl Pace {
    /// Returns whether the operation on a single item costs a unit.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.count(1)
    }

    /// Returns whether the operation on a batch costs a unit. A batch counts as two operations.
    #[inline]
    pub(super) fn is_due_for_batch(&self) -> bool {
        self.count(2)
    }

    #[inline]
    fn count(&self, operations: u8) -> bool {
        // The count is inexact if tasks share a handle. The budget needs no exact count.
        let counted = self.0.load(Ordering::Relaxed).wrapping_add(operations);
        self.0.store(counted, Ordering::Relaxed);
        counted % OPERATIONS_A_UNIT < operations
    }
}

/// Polls at the cost of a unit, if the task has a unit left. A pending poll is free.
pub(super) fn paced<R>(cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<R>) -> Poll<R> {
    let proceed = ready!(coop::poll_proceed(cx));
    let result = ready!(poll(cx));
    proceed.made_progress();
    Poll::Ready(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16th_operation_and_8th_batch_is_due() {
        let pace = Pace::default();
        let due = |times, due: fn(&Pace) -> bool| (0..times).filter(|_| due(&pace)).count();
        assert_eq!((due(15, Pace::is_due), due(1, Pace::is_due)), (0, 1));
        assert_eq!((due(7, Pace::is_due_for_batch), due(1, Pace::is_due_for_batch)), (0, 1));
        assert_eq!((due(1, Pace::is_due), due(1_024, Pace::is_due_for_batch)), (0, 128));
    }
}
