//! The items of a queue, in their order, and behind them those of producers that wait for room.
//!
//! # Invariants
//!
//! - The last `lent` values are *lent*: a producer that waits has left them here, and may have them back until
//!   they are admitted. They stand in the order in which their owners wait. The others are in the queue.
//! - `indices`, where it is kept, has an index for each value.
//! - In a queue that takes the newest first nothing is lent, so that the newest is the last.

use std::collections::VecDeque;
use std::collections::vec_deque::Drain;

pub(crate) struct Items<T> {
    values: VecDeque<T>,
    lent: usize,
    /// How many were taken, since ever.
    taken: usize,
    /// Of the inputs that the items come from, from the first item on that comes from one. Until then the items
    /// are taken in the order of their numbers.
    indices: Option<VecDeque<usize>>,
    newest_first: bool,
}

/// What is put: one item, or as many as there is room for.
pub(super) trait Supply<T> {
    /// Whether what does not find room may be lent.
    const LENDS: bool;

    fn len(&self) -> usize;

    /// Moves the first `count` of them.
    fn move_to(&mut self, count: usize, values: &mut VecDeque<T>);

    /// Has those again that it had lent, before what is left.
    fn take_back(&mut self, values: Drain<'_, T>);
}

impl<T> Items<T> {
    pub(super) fn new(newest_first: bool) -> Self {
        let indices = newest_first.then(VecDeque::new);
        Self { values: VecDeque::new(), lent: 0, taken: 0, indices, newest_first }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() - self.lent
    }

    /// How many there are, in the queue and lent.
    pub(super) fn total(&self) -> usize {
        self.values.len()
    }

    pub(super) fn lent(&self) -> usize {
        self.lent
    }

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Whether an item with that index may be lent: not if its number depends on when it is put.
    pub(super) fn may_lend(&self, index: Option<usize>) -> bool {
        !self.newest_first && (index.is_some() || self.indices.is_none())
    }

    /// Puts `count` items of `supply` into the queue, before those that are lent.
    #[inline]
    pub(super) fn put<S: Supply<T>>(&mut self, count: usize, index: Option<usize>, supply: &mut S) {
        self.number(count, index);
        supply.move_to(count, &mut self.values);
        if self.lent > 0 && count > 0 {
            self.move_ahead(count);
        }
    }

    /// Moves the last `count` before those that are lent.
    #[cold]
    fn move_ahead(&mut self, count: usize) {
        let rest = self.len() - count;
        self.values.make_contiguous()[rest..].rotate_right(count);
        if let Some(indices) = &mut self.indices {
            indices.make_contiguous()[rest..].rotate_right(count);
        }
    }

    /// Lends `count` items of `supply`, behind all others.
    #[inline]
    pub(super) fn lend<S: Supply<T>>(&mut self, count: usize, index: Option<usize>, supply: &mut S) {
        self.number(count, index);
        supply.move_to(count, &mut self.values);
        self.lent += count;
    }

    /// Lets the first `count` of those that are lent into the queue.
    pub(super) fn admit(&mut self, count: usize) {
        self.lent -= count;
    }

    /// Gives back `count` of those that are lent, after the first `before` of them.
    pub(super) fn give_back<S: Supply<T>>(&mut self, before: usize, count: usize, into: &mut S) {
        let from = self.len() + before;
        let range = from..from + count;
        self.lent -= count;
        if let Some(indices) = &mut self.indices {
            indices.drain(range.clone());
        }
        into.take_back(self.values.drain(range));
    }

    /// Takes one out, with its index.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(usize, T)> {
        let value = if self.newest_first { self.values.pop_back() } else { self.values.pop_front() }?;
        let index = match &mut self.indices {
            None => self.taken,
            Some(indices) if self.newest_first => indices.pop_back()?,
            Some(indices) => indices.pop_front()?,
        };
        self.taken += 1;
        Some((index, value))
    }

    /// Takes `count` out, and adds them to the end of `into`.
    pub(super) fn pop_many(&mut self, count: usize, into: &mut Vec<T>) {
        if self.newest_first || count == 1 {
            return into.extend((0..count).map_while(|_| self.pop()).map(|(_, value)| value));
        }
        if count == self.values.len() && into.is_empty() && into.capacity() >= count {
            // Who has memory to spare exchanges it: no item is moved.
            let emptied = VecDeque::from(std::mem::take(into));
            *into = Vec::from(std::mem::replace(&mut self.values, emptied));
        } else {
            into.extend(self.values.drain(..count));
        }
        if let Some(indices) = &mut self.indices {
            indices.drain(..count);
        }
        self.taken += count;
    }

    /// Takes out all that are in the queue, not to be worked on.
    pub(super) fn discard(&mut self) -> VecDeque<T> {
        let count = self.len();
        if let Some(indices) = &mut self.indices {
            indices.drain(..count);
        }
        self.taken += count;
        let lent = self.values.split_off(count);
        std::mem::replace(&mut self.values, lent)
    }

    /// Numbers the next `count` items, which come from the input with that index where they come from one.
    #[inline]
    fn number(&mut self, count: usize, index: Option<usize>) {
        if index.is_some() && self.indices.is_none() {
            self.indices = Some((self.taken..self.taken + self.values.len()).collect());
        }
        let next = self.taken + self.len();
        if let Some(indices) = &mut self.indices {
            indices.extend((next..next + count).map(|number| index.unwrap_or(number)));
        }
    }
}

impl<T> Supply<T> for Option<T> {
    const LENDS: bool = false;

    fn len(&self) -> usize {
        usize::from(self.is_some())
    }

    #[inline]
    fn move_to(&mut self, count: usize, values: &mut VecDeque<T>) {
        if count > 0
            && let Some(value) = self.take()
        {
            values.push_back(value);
        }
    }

    fn take_back(&mut self, mut values: Drain<'_, T>) {
        *self = self.take().or_else(|| values.next());
    }
}

impl<T> Supply<T> for &mut VecDeque<T> {
    const LENDS: bool = true;

    fn len(&self) -> usize {
        VecDeque::len(self)
    }

    #[inline]
    fn move_to(&mut self, count: usize, values: &mut VecDeque<T>) {
        if count == VecDeque::len(self) {
            values.append(self);
        } else {
            values.extend(self.drain(..count));
        }
    }

    fn take_back(&mut self, values: Drain<'_, T>) {
        values.rev().for_each(|value| self.push_front(value));
    }
}
