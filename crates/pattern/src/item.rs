//! Items and outputs: positions, values and batches.

use std::collections::{VecDeque, vec_deque};

use crate::failure::Failure;

/// The position of an item. The position travels with the item from the source to the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The index of the first input that the item came from.
    pub(crate) index: usize,
    /// The number of the item in its stage, in the order of taking.
    pub(crate) seq: u64,
}

impl Position {
    /// The position of a value without an item.
    pub(crate) const NONE: Self = Self { index: usize::MAX, seq: u64::MAX };
}

/// An item taken from the source of a stage.
#[derive(Debug)]
pub(crate) struct Item<T> {
    pub(crate) position: Position,
    pub(crate) value: T,
}

/// The result of the job of an item.
#[derive(Debug)]
pub(crate) struct Output<Out> {
    pub(crate) position: Position,
    pub(crate) result: Result<Out, Failure>,
}

/// Items taken together. The batch numbers the items as a source pushes them.
#[derive(Debug)]
pub(crate) struct ItemBatch<T> {
    items: VecDeque<Item<T>>,
    next_seq: u64,
}

impl<T> Default for ItemBatch<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), next_seq: 0 }
    }
}

impl<T> ItemBatch<T> {
    /// Sets the number of the next pushed item.
    pub(crate) fn number_from(&mut self, seq: u64) {
        self.next_seq = seq;
    }

    pub(crate) fn push(&mut self, index: usize, value: T) {
        self.items.push_back(Item { position: Position { index, seq: self.next_seq }, value });
        self.next_seq += 1;
    }

    /// Returns the number of the next pushed item.
    pub(crate) fn next_number(&self) -> u64 {
        self.next_seq
    }

    /// Takes a number for an item that is pushed later, or not at all.
    pub(crate) fn take_number(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// Adds a ready item, which has a number already.
    pub(crate) fn push_ready(&mut self, item: Item<T>) {
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
