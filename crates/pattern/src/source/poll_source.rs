//! The trait behind a [`Source`](super::Source).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::failure::{Cause, Failure};
use crate::item::ItemBatch;
use crate::upstream::Upstream;

/// The result of polling a source for a batch. Items that were pushed into the batch are valid in every case.
pub(crate) enum PollBatch {
    /// As many items as were asked for. There may be more.
    Ready,
    /// No more items now; the task is woken when there are.
    Pending,
    /// No more items, unless a job that runs on an item of this source makes more; the task is woken then.
    Quiescent,
    /// No more items, ever.
    Exhausted,
    /// A failure stands where the next item would be. More items may follow unless the source
    /// [ends at a failure](PollSource::ends_at_failure).
    Failed(Failure),
}

/// Values found while a source is closed.
pub(crate) struct Closed<T> {
    /// Outputs of the upstream stage that no stage has taken.
    pub(crate) between: VecDeque<(usize, T)>,
    /// The first cause of the upstream stage, if it was stopped and its failure was not taken.
    pub(crate) cause: Option<Failure>,
    /// Other failures of the upstream stage that were not taken.
    pub(crate) failures: Vec<Failure>,
}

impl<T> Default for Closed<T> {
    fn default() -> Self {
        Self { between: VecDeque::new(), cause: None, failures: Vec::new() }
    }
}

/// The implementation of a source.
///
/// A source drops the value that it was made of (an iterator, a stream, a generator) as soon as that value is exhausted:
/// the value may own what a job waits for, the sender of a channel for instance. After a failure the value is released by
/// the next poll, or when the source is closed: a panic of its drop follows the failure and does not replace it.
pub(crate) trait PollSource<T>: Send {
    /// Pushes up to `max` items that are ready now into `into`; `max` is at least 1.
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch;

    /// Returns whether the source makes progress only while it is polled.
    fn needs_polling(&self) -> bool;

    /// Returns whether a poll may take long, as user code may.
    fn computes(&self) -> bool {
        true
    }

    /// Returns whether the items wait in a queue with a capacity of its own: a stage takes no more of them than it works on.
    fn is_queue(&self) -> bool {
        false
    }

    /// Returns the stage behind the source.
    fn upstream(&self) -> Option<Arc<dyn Upstream>> {
        None
    }

    /// Ends a source that was quiescent when no job ran on its items; returns `false` if there are items again.
    fn seal(&mut self) -> bool {
        true
    }

    /// Stops the upstream stage; ready when nothing of it is left. `closed` has a value as soon as it is found: the
    /// upstream stage may wait for the drop of that value.
    fn poll_close(&mut self, _cx: &mut Context<'_>, _closed: &mut Closed<T>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Closes a source that is about to be dropped before the upstream stage has finished: a sender gets its item back from
    /// here on, and the items that the source still has are in `closed`. A source that is kept keeps them.
    fn close_now(&mut self, _closed: &mut Closed<T>) {}

    /// Returns whether no more items follow a failure, as is the case unless the failure came from a stage.
    fn ends_at_failure(&self) -> bool {
        true
    }

    /// Releases the value of a source that a failure has ended, and with the value its waiter, such as a place in the wait
    /// list of a queue.
    fn release(&mut self) {}

    /// Takes back items that were taken and never started, if the source keeps them; otherwise returns them.
    fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        items
    }

    /// Returns whether the source keeps items that are given back. If so, the source is made ready for one more run.
    fn keep_again(&mut self) -> bool {
        false
    }
}

/// Returns the failure of a source at the position of item `index`.
pub(super) fn source_error(index: Option<usize>, cause: Cause) -> Failure {
    Failure::new(index, &Arc::from("source"), cause)
}
