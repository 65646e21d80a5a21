//! The trait behind a [`Source`](super::Source).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::woken::WokenParts;
use crate::failure::{Cause, Failure};
use crate::item::{Item, ItemBatch};
use crate::upstream::Links;

/// The result of polling a source for a batch. In every case, items that were pushed into the batch are valid.
pub(crate) enum PollBatch {
    /// The requested number of items. There may be more.
    Ready,
    /// No more items now; the next item wakes the task.
    Pending,
    /// No more items, unless a job on an item of this source sends more. The next item wakes the task.
    Quiescent,
    /// No more items, ever.
    Exhausted,
    /// A failure stands where the next item would be. More items may follow unless the source
    /// [ends at a failure](PollSource::ends_at_failure).
    Failed(Failure),
}

/// Values found while a source is closed.
pub(crate) struct Closed<T> {
    /// Outputs of the upstream stage that were not taken.
    pub(crate) between: VecDeque<(usize, T)>,
    /// The first cause of a stopped upstream stage, if the failure was not taken.
    pub(crate) cause: Option<Failure>,
    /// Other failures of the upstream stage that were not taken.
    pub(crate) failures: Vec<Failure>,
}

impl<T> Default for Closed<T> {
    fn default() -> Self {
        Self { between: VecDeque::new(), cause: None, failures: Vec::new() }
    }
}

impl<T> Closed<T> {
    /// Adds the values found while an inner source was closed.
    pub(super) fn extend<U>(&mut self, inner: Closed<U>, convert: impl Fn(U) -> T) {
        let Closed { between, cause, failures } = inner;
        self.between.extend(between.into_iter().map(|(index, value)| (index, convert(value))));
        self.failures.extend(failures);
        // A cancellation does not mask the failure of another source, and adds no information to a first cause.
        match (&self.cause, cause) {
            (Some(first), Some(cause)) if first.is_cancelled() && !cause.is_cancelled() => {
                self.cause = Some(cause);
            }
            (Some(_), Some(cause)) if !cause.is_cancelled() => self.failures.push(cause),
            (None, cause) => self.cause = cause,
            _ => {}
        }
    }
}

/// The implementation of a source.
///
/// A source drops its iterator, stream or generator as soon as the value is exhausted, since a job may wait for the drop
/// of a part of the value, for example the sender of a channel. After a failure, the next poll or the close drops the
/// value, so a panic of the drop follows the failure and does not replace the failure.
pub(crate) trait PollSource<T>: Send {
    /// Pushes up to `max` items that are ready now into `into`. A source that holds items also pushes the items that it
    /// holds no more. `max` is at least 1, or the source [holds](PollSource::held) items.
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, into: &mut ItemBatch<T>) -> PollBatch;

    /// Returns whether the source makes progress only during a poll.
    fn needs_polling(&self) -> bool;

    /// Returns whether a poll may take long, as user code may.
    fn computes(&self) -> bool {
        true
    }

    /// Returns whether the items wait in a queue with a separate capacity. From a queue, a stage takes only the items
    /// that its workers work on.
    fn is_queue(&self) -> bool {
        false
    }

    /// Returns the links to the stages behind the source.
    fn upstream(&self) -> Links {
        Links::default()
    }

    /// Ends a source that was quiescent when no job ran on its items; returns `false` if there are items again.
    fn seal(&mut self) -> bool {
        true
    }

    /// Stops the upstream stage; ready when nothing of the upstream stage is left. `closed` gets a value as soon as
    /// the value is found, since the upstream stage may wait for its drop.
    fn poll_close(&mut self, _cx: &mut Context<'_>, _closed: &mut Closed<T>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Closes a source that is dropped before the upstream stage has finished. Later sends return their items, and
    /// `closed` gets the items left in the source. The source of a [`Kept`](super::Kept) keeps the items instead.
    fn close_now(&mut self, _closed: &mut Closed<T>) {}

    /// Closes the channels of the source: senders get their items back, and the items in the channels remain.
    fn close_channels(&mut self) {}

    /// Returns whether a failure ends the source. A source with an upstream stage, or with items
    /// given back, may continue after a failure.
    fn ends_at_failure(&self) -> bool {
        true
    }

    /// Drops the value of a source that a failure has ended. With the value, the waiter is gone, for example the entry
    /// in the wait list of a queue.
    fn release(&mut self) {}

    /// Ends a source that no poll follows, while the jobs of the run complete: a source without a
    /// [`Kept`](super::Kept) drops its value, for which a job may wait. A source around another source stops that source.
    fn stop(&mut self) {}

    /// Ends the sources that stand next to a run in a merge. A source around another source passes the call on.
    fn end_plain(&mut self) {}

    /// Hands the held items on at the next poll, without further items: no more items are taken from the source.
    fn complete_held(&mut self) {}

    /// Records that the source is kept: an end of the taking drops no value of the source.
    fn keep(&mut self) {}

    /// Reverts an end of the taking, after the run and before a further use; returns whether there may be more items.
    fn reopen(&mut self) -> bool {
        false
    }

    /// Takes back items that were taken and never started. A source that keeps no such items returns the items.
    fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        items
    }

    /// Returns the number of items that the source has taken and holds: the items have numbers, and count as taken.
    fn held(&self) -> usize {
        0
    }

    /// Returns whether the source is in the wait list of a limiter, or holds a permit of an item that it holds.
    fn waits_for_permits(&self) -> bool {
        false
    }

    /// Returns whether the items of the source have permits of limiters.
    fn is_limited(&self) -> bool {
        false
    }

    /// Returns the wake-ups of the items that the source holds for limiters.
    fn woken(&self) -> Option<Arc<WokenParts>> {
        None
    }

    /// Releases the permits of items that are never started.
    fn release_permits(&mut self, _items: &mut VecDeque<Item<T>>) {}

    /// Takes out the items that the source holds, in the order of their numbers.
    fn take_held(&mut self) -> VecDeque<Item<T>> {
        VecDeque::new()
    }

    /// Returns whether the source keeps items that are given back.
    fn keeps(&self) -> bool {
        false
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
