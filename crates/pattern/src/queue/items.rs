//! The items of a queue, in the order of the receivers, with the index of every item.
//!
//! # Invariants
//!
//! 1. `indices`, if kept, has an index for every value, in the order of `values`.
//! 2. Without `indices`, the index of an item is the number of items sent before.

use std::collections::VecDeque;

pub(crate) struct Items<T> {
    values: VecDeque<T>,
    /// The number of items taken so far.
    taken: usize,
    /// `None` until an item has the index of an input. Always present in a newest-first queue, since receivers then do not
    /// take items in the order of the numbers.
    indices: Option<VecDeque<usize>>,
    newest_first: bool,
}

/// The items of a sender: a single item, or a batch, sent in parts.
pub(super) trait Outgoing<T> {
    /// Whether items without capacity may be deposited.
    const MAY_DEPOSIT: bool;

    fn len(&self) -> usize;

    /// Moves the first `count` items to the end of `values`.
    fn move_to(&mut self, count: usize, values: &mut VecDeque<T>);

    /// Takes back the items of a deposit, in front of the items left.
    fn take_back(&mut self, deposit: VecDeque<T>);
}

impl<T> Items<T> {
    pub(super) fn new(newest_first: bool) -> Self {
        Self { values: VecDeque::new(), taken: 0, indices: newest_first.then(VecDeque::new), newest_first }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    pub(super) fn is_newest_first(&self) -> bool {
        self.newest_first
    }

    /// Moves the first `count` items of `outgoing` into the queue.
    #[inline]
    pub(super) fn send<S: Outgoing<T>>(&mut self, count: usize, index: Option<usize>, outgoing: &mut S) {
        if index.is_some() || self.indices.is_some() {
            self.extend_indices(count, index);
        }
        outgoing.move_to(count, &mut self.values);
    }

    /// Moves a single item into the queue.
    #[inline]
    pub(super) fn push(&mut self, index: Option<usize>, value: T) {
        if index.is_some() || self.indices.is_some() {
            self.extend_indices(1, index);
        }
        self.values.push_back(value);
    }

    /// Adds the indices of the next `count` items, before the items are moved.
    #[inline(never)]
    fn extend_indices(&mut self, count: usize, index: Option<usize>) {
        let next = self.taken + self.len();
        let indices = self.indices.get_or_insert_with(|| (self.taken..next).collect());
        indices.extend((next..next + count).map(|number| index.unwrap_or(number)));
    }

    /// Takes an item and the index of the item.
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

    /// Takes `count` items, at most all, and adds the items to the end of `into`.
    pub(super) fn pop_many(&mut self, count: usize, into: &mut Vec<T>) {
        if self.newest_first || count == 1 {
            return into.extend((0..count).map_while(|_| self.pop()).map(|(_, value)| value));
        }
        if count == self.values.len() && into.is_empty() && into.capacity() >= count {
            // The buffers are swapped, so that no item is moved.
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

    /// Takes all items. The items count as taken, and no receiver finishes the items.
    pub(super) fn discard(&mut self) -> VecDeque<T> {
        self.taken += self.len();
        if let Some(indices) = &mut self.indices {
            indices.clear();
        }
        std::mem::take(&mut self.values)
    }
}

impl<T> Outgoing<T> for Option<T> {
    /// A cancelled `send` must not have sent the item.
    const MAY_DEPOSIT: bool = false;

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

    fn take_back(&mut self, mut deposit: VecDeque<T>) {
        *self = self.take().or_else(|| deposit.pop_front());
    }
}

impl<T> Outgoing<T> for &mut VecDeque<T> {
    const MAY_DEPOSIT: bool = true;

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

    fn take_back(&mut self, deposit: VecDeque<T>) {
        deposit.into_iter().rev().for_each(|value| self.push_front(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn popped(items: &mut Items<u32>) -> Vec<(usize, u32)> {
        std::iter::from_fn(|| items.pop()).collect()
    }

    #[test]
    fn items_are_numbered_until_one_comes_from_an_input() {
        let mut items = Items::new(false);
        items.send(3, None, &mut &mut VecDeque::from([10, 11, 12]));
        assert_eq!(items.pop(), Some((0, 10)));
        items.send(1, Some(70), &mut Some(13));
        items.send(1, None, &mut Some(14));
        assert_eq!(popped(&mut items), [(1, 11), (2, 12), (70, 13), (4, 14)]);
        assert_eq!((items.len(), items.taken()), (0, 5));
    }

    #[test]
    fn newest_item_keeps_its_number() {
        let mut items = Items::new(true);
        items.send(2, None, &mut &mut VecDeque::from([10, 11]));
        assert_eq!(items.pop(), Some((1, 11)));
        items.send(1, None, &mut Some(12));
        assert_eq!(popped(&mut items), [(2, 12), (0, 10)]);
    }

    #[test]
    fn batch_enters_in_parts_and_the_rest_stays_in_order() {
        let (mut items, mut batch) = (Items::new(false), (0..5).collect::<VecDeque<u32>>());
        items.send(2, None, &mut &mut batch);
        assert_eq!((items.len(), &batch), (2, &VecDeque::from([2, 3, 4])));
        (&mut batch).take_back(VecDeque::from([8, 9]));
        assert_eq!(batch, [8, 9, 2, 3, 4]);
    }

    #[test]
    fn many_are_popped_in_order_with_and_without_spare_memory() {
        for spare in [0, 8] {
            for indexed in [None, Some(3)] {
                let mut items = Items::new(false);
                items.send(4, indexed, &mut &mut (0..4).collect());
                let mut into = Vec::with_capacity(spare);
                items.pop_many(4, &mut into);
                items.send(3, indexed, &mut &mut (4..7).collect());
                items.pop_many(2, &mut into);
                assert_eq!((into, items.taken()), (vec![0, 1, 2, 3, 4, 5], 6));
                assert_eq!(items.pop(), Some((indexed.unwrap_or(6), 6)));
            }
        }
    }

    #[test]
    fn discarded_items_count_as_taken() {
        let mut items = Items::new(true);
        items.send(3, Some(1), &mut &mut VecDeque::from([1, 2, 3]));
        assert_eq!((items.discard().len(), items.len(), items.taken()), (3, 0, 3));
        items.send(1, None, &mut Some(4));
        assert_eq!(items.pop(), Some((3, 4)));
    }
}
