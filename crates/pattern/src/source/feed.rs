//! What stands behind a source, and the plainest one: an iterator.

use std::collections::{VecDeque, vec_deque};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::failure::Failure;
use crate::stage::Stage;

/// Where an item stands. The two travel together from the source to the outputs.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// The index of the first input that it came from.
    pub(crate) index: usize,
    /// Its number among the items of the stage that took it.
    pub(crate) seq: u64,
}

/// An item on its way.
pub(crate) struct Item<T> {
    pub(crate) place: Place,
    pub(crate) value: T,
}

/// Where a feed puts what it has; it numbers the items for the stage that takes them.
pub(crate) struct Inbox<T> {
    items: VecDeque<Item<T>>,
    next_seq: u64,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), next_seq: 0 }
    }
}

impl<T> Inbox<T> {
    /// Says what the next pushed item's number is.
    pub(crate) fn number_from(&mut self, seq: u64) {
        self.next_seq = seq;
    }

    pub(crate) fn push(&mut self, index: usize, value: T) {
        self.items.push_back(Item { place: Place { index, seq: self.next_seq }, value });
        self.next_seq += 1;
    }

    /// Takes back an item that already has its number.
    pub(crate) fn restore(&mut self, item: Item<T>) {
        self.items.push_back(item);
    }

    pub(crate) fn pop_front(&mut self) -> Option<Item<T>> {
        self.items.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes out all but the first `count` items.
    pub(crate) fn drain_after(&mut self, count: usize) -> vec_deque::Drain<'_, Item<T>> {
        let kept = count.min(self.items.len());
        self.items.drain(kept..)
    }
}

/// What came of taking items from a feed. What was put into the inbox is good in every case.
pub(crate) enum Filled {
    /// As many as were asked for; there may be more.
    Full,
    /// No more for now; the task is woken when there is.
    Waiting,
    /// No more, unless a job that runs on one of its items makes more; the task is woken then.
    Quiet,
    /// No more, ever.
    Ended,
    /// A failure came where the next item would be. There may be more after it, if it came from a stage.
    Failed(Failure),
}

/// What was found on closing a feed, so far.
pub(crate) struct Closed<T> {
    /// Items that the stage behind it had finished and nobody took.
    pub(crate) between: VecDeque<(usize, T)>,
    /// What stopped the stage behind it, if it was stopped and nobody took that failure.
    pub(crate) cause: Option<Failure>,
    /// Other failures there that nobody took.
    pub(crate) failures: Vec<Failure>,
}

impl<T> Default for Closed<T> {
    fn default() -> Self {
        Self { between: VecDeque::new(), cause: None, failures: Vec::new() }
    }
}

/// What stands behind a [`Source`](crate::Source).
pub(crate) trait Feed<T>: Send {
    /// Puts up to `max` items (at least 1 is asked for) that are ready now into `into`.
    fn fill(&mut self, cx: &mut Context<'_>, max: usize, into: &mut Inbox<T>) -> Filled;

    /// Whether it makes progress only while it is polled.
    fn needs_polling(&self) -> bool;

    /// Whether a fill may take long, as code of the user's may.
    fn computes(&self) -> bool {
        true
    }

    /// Whether its items wait in a queue, where they count: no more are taken out than are worked on.
    fn is_queue(&self) -> bool {
        false
    }

    /// The stages behind it.
    fn stages(&self) -> Vec<Arc<dyn Stage>> {
        Vec::new()
    }

    /// Stops what is behind it; ready when nothing of that is left. What is found there is in `closed` as soon as it
    /// is found: what is behind may come to its end only when that is gone.
    fn poll_close(&mut self, _cx: &mut Context<'_>, _closed: &mut Closed<T>) -> Poll<()> {
        Poll::Ready(())
    }

    /// It has panicked, and nothing more is taken from it: lets go of what others may wait for, such as a place in the
    /// line of a queue.
    fn let_go(&mut self) {}

    /// Takes back items that were taken from it and never begun, if somebody asked to keep them; if not,
    /// returns them.
    fn give_back(&mut self, items: VecDeque<(usize, T)>) -> VecDeque<(usize, T)> {
        items
    }

    /// Whether it takes back what it is given; if so, it is made ready for one more run.
    fn keep_again(&mut self) -> bool {
        false
    }
}

/// An iterator as a feed.
pub(crate) struct Iterated<I> {
    items: I,
    next_index: usize,
}

impl<I> Iterated<I> {
    pub(crate) fn new(items: I) -> Self {
        Self { items, next_index: 0 }
    }
}

impl<T, I: Iterator<Item = T> + Send> Feed<T> for Iterated<I> {
    fn fill(&mut self, _cx: &mut Context<'_>, max: usize, into: &mut Inbox<T>) -> Filled {
        for _ in 0..max {
            let Some(item) = self.items.next() else { return Filled::Ended };
            into.push(self.next_index, item);
            self.next_index += 1;
        }
        Filled::Full
    }

    fn needs_polling(&self) -> bool {
        false
    }
}
