//! The source of a stage, and the items taken from the source that belong to no worker. Invariants I2 and I6.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::item::{Item, ItemBatch};
use crate::source::{Source, WokenParts};
use crate::util::batch_size::BatchSize;

/// The most items to poll for ahead of need. The items that the polling worker does not run wait where all workers
/// find them, which costs less than a poll for every item.
pub(crate) const LARGEST_AHEAD: usize = 16;

/// The source, and the items between the source and the workers.
pub(crate) struct Input<In> {
    /// `None` while a worker holds the lease.
    source: Option<Source<In>>,
    /// The wake-ups of the items that the source holds. `None` without limiters.
    woken: Option<Arc<WokenParts>>,
    /// The source has no more items, or the run stops or takes no more items.
    ended: bool,
    /// The run takes no more items, and the ready items are never started.
    halted: Halted,
    /// A worker is to end the sources next to an upstream stage.
    ends_plain: bool,
    /// Items without a worker and without a started job, in the order of taking.
    ready: VecDeque<Item<In>>,
    /// The number of ready items that are never started, and whose permits are released.
    released: usize,
    /// Items that their jobs have dropped before the start. An item stays here until the worker has returned from the
    /// poll in which the job dropped the item: only then the worker knows whether a panic was the reason.
    dropped: Vec<Item<In>>,
    next_seq: u64,
    ahead: BatchSize,
}

/// Whether the run takes no more items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Halted {
    No,
    /// No worker has stopped the source yet.
    Open,
    /// A worker has stopped the source.
    Stopped,
}

impl<In> Input<In> {
    pub(super) fn new(source: Source<In>) -> Self {
        Self {
            woken: source.woken(),
            source: Some(source),
            ended: false,
            halted: Halted::No,
            ends_plain: false,
            ready: VecDeque::new(),
            released: 0,
            dropped: Vec::new(),
            next_seq: 0,
            ahead: BatchSize::default(),
        }
    }

    /// Takes the source out for the poll of a worker, if no other worker holds the source and `may_poll` agrees.
    pub(super) fn lease(&mut self, may_poll: impl FnOnce(&Source<In>) -> bool) -> Option<Source<In>> {
        self.source.take_if(|source| may_poll(source))
    }

    /// Takes the source out if an item that it holds was woken.
    pub(super) fn lease_for_woken(&mut self) -> Option<Source<In>> {
        let woken = self.woken.as_ref()?;
        if woken.any() && !self.ended { self.source.take() } else { None }
    }

    pub(super) fn end_lease(&mut self, source: Source<In>) {
        self.source = Some(source);
    }

    /// Returns the source if the source has not ended and no worker holds the source.
    pub(super) fn open_source(&self) -> Option<&Source<In>> {
        self.source.as_ref().filter(|_| !self.ended)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Ends the input; the ready items are never started.
    pub(super) fn halt(&mut self) {
        self.ended = true;
        if self.halted == Halted::No {
            self.halted = Halted::Open;
        }
    }

    pub(super) fn is_halted(&self) -> bool {
        self.halted != Halted::No
    }

    /// Takes the source of a halted input out, once. Returns the source again for ready items with permits.
    pub(super) fn take_halted(&mut self) -> Option<(Source<In>, VecDeque<Item<In>>)> {
        match self.halted {
            Halted::No => None,
            Halted::Open => {
                let source = self.source.take()?;
                self.halted = Halted::Stopped;
                let items = if source.is_limited() { mem::take(&mut self.ready) } else { VecDeque::new() };
                Some((source, items))
            }
            Halted::Stopped => self.take_permits(),
        }
    }

    /// Ends the sources next to an upstream stage.
    pub(super) fn end_plain(&mut self) {
        self.ends_plain = true;
    }

    /// Returns whether a worker is to end the sources next to an upstream stage.
    pub(super) fn is_ending_plain(&self) -> bool {
        self.ends_plain
    }

    /// Takes the source out whose plain sources a worker is to end, once.
    pub(super) fn take_ending(&mut self) -> Option<Source<In>> {
        let source = self.source.take_if(|_| self.ends_plain && !self.ended)?;
        self.ends_plain = false;
        Some(source)
    }

    /// Takes the source of a run that starts no more items out, and the ready items, if one of them has a permit.
    pub(super) fn take_permits(&mut self) -> Option<(Source<In>, VecDeque<Item<In>>)> {
        let has_permits = |source: &Source<In>| {
            source.is_limited() && (self.ready.len() > self.released || source.waits_for_permits())
        };
        let source = self.source.take_if(|source| has_permits(source))?;
        Some((source, mem::take(&mut self.ready)))
    }

    /// Takes the source and the items back, after the release of the permits.
    pub(super) fn return_halted(&mut self, source: Source<In>, items: VecDeque<Item<In>>) {
        self.source = Some(source);
        self.released = items.len();
        self.make_ready(items.into_iter());
    }

    /// Returns whether no job will start any more, as far as the input knows.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.ready() == 0
    }

    /// Returns the number of the next item.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Counts the numbers of `items` taken items.
    pub(super) fn number(&mut self, items: usize) {
        self.next_seq += items as u64;
    }

    /// Returns how many items to poll for ahead of need.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.get()
    }

    /// Adapts the number to the duration of the last poll; `None` stands for a poll that counts as quick.
    pub(super) fn adapt_ahead(&mut self, took: Option<Duration>) {
        match took {
            Some(took) => self.ahead.adapt(took, LARGEST_AHEAD),
            None => self.ahead.grow(LARGEST_AHEAD),
        }
    }

    /// Returns the number of the items that a worker may start.
    pub(super) fn ready(&self) -> usize {
        if self.is_halted() { 0 } else { self.ready.len() }
    }

    /// Moves the first `count` ready items into `batch`.
    pub(super) fn take_ready(&mut self, count: usize, batch: &mut ItemBatch<In>) {
        self.ready.drain(..count).for_each(|item| batch.push_ready(item));
    }

    /// Puts items without a started job where all workers find the items, in the order of taking.
    pub(super) fn make_ready(&mut self, items: impl DoubleEndedIterator<Item = Item<In>>) {
        for item in items.rev() {
            let at = self.ready.partition_point(|ready| ready.position.seq < item.position.seq);
            self.ready.insert(at, item);
        }
    }

    /// Keeps an item that was dropped before its start.
    pub(super) fn keep_dropped(&mut self, item: Item<In>) {
        self.dropped.push(item);
    }

    pub(super) fn has_dropped(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// Takes item `seq`, if the item was dropped before its start.
    pub(super) fn take_dropped(&mut self, seq: u64) -> Option<Item<In>> {
        let at = self.dropped.iter().position(|item| item.position.seq == seq)?;
        Some(self.dropped.swap_remove(at))
    }

    /// Ends the input; returns the source, and the items that were never started.
    pub(super) fn take_rest(&mut self) -> (Option<Source<In>>, VecDeque<Item<In>>) {
        let dropped = mem::take(&mut self.dropped);
        self.make_ready(dropped.into_iter());
        self.ended = true;
        (self.source.take(), mem::take(&mut self.ready))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Position;

    fn input() -> Input<u64> {
        Input::new(Source::new([0; 0]))
    }

    fn item(seq: u64) -> Item<u64> {
        Item { position: Position { index: 0, seq }, value: seq }
    }

    fn take(input: &mut Input<u64>, count: usize) -> Vec<u64> {
        let mut batch = ItemBatch::default();
        input.take_ready(count, &mut batch);
        std::iter::from_fn(|| batch.pop_front()).map(|item| item.value).collect()
    }

    #[test]
    fn items_made_ready_are_in_the_order_of_their_taking() {
        let mut input = input();
        input.make_ready([item(5), item(6)].into_iter());
        input.make_ready([item(2), item(7)].into_iter());
        input.make_ready([item(3)].into_iter());
        assert_eq!(take(&mut input, 5), [2, 3, 5, 6, 7]);
    }

    #[test]
    fn quick_poll_grows_the_number_polled_ahead() {
        let mut input = input();
        (0..10).for_each(|_| input.adapt_ahead(None));
        assert_eq!(input.ahead(), LARGEST_AHEAD);
        input.adapt_ahead(Some(Duration::from_secs(1)));
        assert_eq!(input.ahead(), LARGEST_AHEAD / 2);
    }

    #[test]
    fn leased_source_is_neither_open_nor_leased_again() {
        let mut input = input();
        assert!(input.lease(|_| false).is_none());
        assert!(input.open_source().is_some());
        let source = input.lease(|_| true).expect("no worker holds it");
        assert!(input.lease(|_| true).is_none() && input.open_source().is_none());
        input.end_lease(source);
        input.end();
        assert!(input.open_source().is_none(), "it has ended");
    }

    #[test]
    fn dropped_item_is_taken_by_its_number_alone() {
        let mut input = input();
        input.keep_dropped(item(4));
        assert!(input.take_dropped(3).is_none() && input.has_dropped());
        assert_eq!(input.take_dropped(4).map(|item| item.value), Some(4));
        assert!(!input.has_dropped());
    }

    #[test]
    fn rest_has_ready_and_dropped_items_in_order() {
        let mut input = input();
        input.make_ready([item(2), item(4)].into_iter());
        input.keep_dropped(item(3));
        let (source, rest) = input.take_rest();
        assert!(source.is_some() && input.is_done());
        assert_eq!(rest.into_iter().map(|item| item.value).collect::<Vec<_>>(), [2, 3, 4]);
    }
}
