//! The items of a queue, in the order of the receivers, with the index of every item.
//!
//! # Invariants
//!
//! 1. `indices`, if kept, has an index for every value, in the order of `values`.
//! 2. Without `indices`, the index of an item is the number of items sent before.
//! 3. In the order of urgency, `ranks` has a rank for every value, in the order of `values`, and is a binary heap: no rank
//!    goes before its parent. In the other orders, `ranks` is empty.

use std::collections::VecDeque;

/// The order in which receivers take the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Oldest,
    Newest,
    MostUrgent,
}

pub(crate) struct Items<T> {
    values: VecDeque<T>,
    /// The number of items taken so far.
    taken: usize,
    /// `None` until an item has the index of an input. Always present if receivers do not take the oldest item first, since
    /// the numbers of the items are then not the numbers of the takes.
    indices: Option<VecDeque<usize>>,
    order: Order,
    ranks: Vec<Rank>,
}

/// The place of an item in the order of urgency.
#[derive(Clone, Copy)]
struct Rank {
    urgency: i64,
    /// The number of items sent before.
    number: usize,
}

impl Rank {
    fn goes_before(&self, other: &Self) -> bool {
        self.urgency > other.urgency || self.urgency == other.urgency && self.number < other.number
    }
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

    /// Returns the urgency of the next item that was moved.
    fn next_urgency(&mut self) -> i64 {
        0
    }
}

/// A single item of a sender.
pub(super) struct Single<T> {
    pub(super) item: Option<T>,
    pub(super) urgency: i64,
}

/// A batch of a sender.
pub(super) struct Batch<'a, T> {
    pub(super) items: &'a mut VecDeque<T>,
    /// Empty unless the most urgent item comes first.
    pub(super) urgencies: VecDeque<i64>,
}

impl<T> Items<T> {
    pub(super) fn new(order: Order) -> Self {
        let indices = (order != Order::Oldest).then(VecDeque::new);
        Self { values: VecDeque::new(), taken: 0, indices, order, ranks: Vec::new() }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    pub(super) fn is_oldest_first(&self) -> bool {
        self.order == Order::Oldest
    }

    /// Moves the first `count` items of `outgoing` into the queue.
    #[inline]
    pub(super) fn send<S: Outgoing<T>>(&mut self, count: usize, index: Option<usize>, outgoing: &mut S) {
        if index.is_some() || self.indices.is_some() {
            return self.send_indexed(count, index, outgoing);
        }
        outgoing.move_to(count, &mut self.values);
    }

    #[inline(never)]
    fn send_indexed<S: Outgoing<T>>(&mut self, count: usize, index: Option<usize>, outgoing: &mut S) {
        let (first, sent) = (self.len(), self.taken + self.len());
        self.extend_indices(count, index);
        outgoing.move_to(count, &mut self.values);
        if self.order == Order::MostUrgent {
            for (at, number) in (first..self.len()).zip(sent..) {
                self.ranks.push(Rank { urgency: outgoing.next_urgency(), number });
                self.sift_up(at);
            }
        }
    }

    /// Moves a single item into a queue with the oldest or the newest item first.
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
        if self.order == Order::MostUrgent {
            self.move_first_to_back();
        }
        let (value, index) = match &mut self.indices {
            None => (self.values.pop_front()?, self.taken),
            Some(indices) if self.order == Order::Oldest => (self.values.pop_front()?, indices.pop_front()?),
            Some(indices) => (self.values.pop_back()?, indices.pop_back()?),
        };
        self.taken += 1;
        Some((index, value))
    }

    /// Moves the most urgent item to the end of the values and indices, and its rank out of the heap.
    #[cold]
    fn move_first_to_back(&mut self) {
        if let Some(last) = self.ranks.len().checked_sub(1) {
            self.swap(0, last);
            self.ranks.truncate(last);
            self.sift_down();
        }
    }

    /// Moves the item at `at`, the last of a heap, up to its place.
    fn sift_up(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.ranks[at].goes_before(&self.ranks[parent]) {
                break;
            }
            self.swap(at, parent);
            at = parent;
        }
    }

    /// Moves the first item of the heap down to its place.
    fn sift_down(&mut self) {
        let mut at = 0;
        loop {
            let mut first = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.ranks.len() && self.ranks[child].goes_before(&self.ranks[first]) {
                    first = child;
                }
            }
            if first == at {
                break;
            }
            self.swap(at, first);
            at = first;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.ranks.swap(a, b);
        self.values.swap(a, b);
        if let Some(indices) = &mut self.indices {
            indices.swap(a, b);
        }
    }

    /// Takes `count` items, at most all, and adds the items to the end of `into`.
    pub(super) fn pop_many(&mut self, count: usize, into: &mut Vec<T>) {
        if self.order != Order::Oldest || count == 1 {
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
        self.ranks.clear();
        std::mem::take(&mut self.values)
    }
}

impl<T> Outgoing<T> for Single<T> {
    /// A cancelled `send` must not have sent the item.
    const MAY_DEPOSIT: bool = false;

    fn len(&self) -> usize {
        usize::from(self.item.is_some())
    }

    #[inline]
    fn move_to(&mut self, count: usize, values: &mut VecDeque<T>) {
        if count > 0
            && let Some(value) = self.item.take()
        {
            values.push_back(value);
        }
    }

    fn take_back(&mut self, mut deposit: VecDeque<T>) {
        self.item = self.item.take().or_else(|| deposit.pop_front());
    }

    fn next_urgency(&mut self) -> i64 {
        self.urgency
    }
}

impl<T> Outgoing<T> for Batch<'_, T> {
    const MAY_DEPOSIT: bool = true;

    fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    fn move_to(&mut self, count: usize, values: &mut VecDeque<T>) {
        (&mut *self.items).move_to(count, values);
    }

    fn take_back(&mut self, deposit: VecDeque<T>) {
        (&mut *self.items).take_back(deposit);
    }

    fn next_urgency(&mut self) -> i64 {
        self.urgencies.pop_front().unwrap_or_default()
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

    fn single(item: u32) -> Single<u32> {
        Single { item: Some(item), urgency: 0 }
    }

    fn popped(items: &mut Items<u32>) -> Vec<(usize, u32)> {
        std::iter::from_fn(|| items.pop()).collect()
    }

    #[test]
    fn items_are_numbered_until_one_comes_from_an_input() {
        let mut items = Items::new(Order::Oldest);
        items.send(3, None, &mut &mut VecDeque::from([10, 11, 12]));
        assert_eq!(items.pop(), Some((0, 10)));
        items.send(1, Some(70), &mut single(13));
        items.send(1, None, &mut single(14));
        assert_eq!(popped(&mut items), [(1, 11), (2, 12), (70, 13), (4, 14)]);
        assert_eq!((items.len(), items.taken()), (0, 5));
    }

    #[test]
    fn newest_item_keeps_its_number() {
        let mut items = Items::new(Order::Newest);
        items.send(2, None, &mut &mut VecDeque::from([10, 11]));
        assert_eq!(items.pop(), Some((1, 11)));
        items.send(1, None, &mut single(12));
        assert_eq!(popped(&mut items), [(2, 12), (0, 10)]);
    }

    #[test]
    fn batch_enters_in_parts_and_the_rest_stays_in_order() {
        let (mut items, mut batch) = (Items::new(Order::Oldest), (0..5).collect::<VecDeque<u32>>());
        items.send(2, None, &mut &mut batch);
        assert_eq!((items.len(), &batch), (2, &VecDeque::from([2, 3, 4])));
        (&mut batch).take_back(VecDeque::from([8, 9]));
        assert_eq!(batch, [8, 9, 2, 3, 4]);
    }

    #[test]
    fn many_are_popped_in_order_with_and_without_spare_memory() {
        for spare in [0, 8] {
            for indexed in [None, Some(3)] {
                let mut items = Items::new(Order::Oldest);
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
        let mut items = Items::new(Order::Newest);
        items.send(3, Some(1), &mut &mut VecDeque::from([1, 2, 3]));
        assert_eq!((items.discard().len(), items.len(), items.taken()), (3, 0, 3));
        items.send(1, None, &mut single(4));
        assert_eq!(items.pop(), Some((3, 4)));
    }

    /// Against a sorted list, with takes in between.
    #[test]
    fn most_urgent_item_comes_first_and_keeps_its_index() {
        let (mut items, mut model) = (Items::new(Order::MostUrgent), Vec::new());
        let mut random = 7_u64;
        for round in 0..300 {
            let batch = usize::try_from(round % 7).expect("small");
            let mut urgencies = VecDeque::new();
            for _ in 0..batch {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                urgencies.push_back(i64::try_from(random >> 61).expect("three bits") - 4);
            }
            let first = items.taken() + items.len();
            model.extend(urgencies.iter().copied().zip(first..));
            let mut values = (first..first + batch).collect();
            items.send(batch, None, &mut Batch { items: &mut values, urgencies });
            for _ in 0..round % 5 {
                let best = (0..model.len()).max_by_key(|at| (model[*at].0, std::cmp::Reverse(model[*at].1)));
                let expected = best.map(|at| model.remove(at).1);
                assert_eq!(items.pop(), expected.map(|number| (number, number)));
            }
        }
    }

    #[test]
    fn urgent_items_are_popped_in_order_and_discarded() {
        let mut items = Items::new(Order::MostUrgent);
        let mut send = |urgency, item, index| {
            items.send(1, index, &mut Single { item: Some(item), urgency });
        };
        for (urgency, item, index) in [(1, 10, None), (3, 11, Some(70)), (1, 12, None), (2, 13, None)] {
            send(urgency, item, index);
        }
        let mut into = Vec::with_capacity(8);
        items.pop_many(3, &mut into);
        assert_eq!((into, items.len()), (vec![11, 13, 10], 1));
        assert_eq!((items.discard().len(), items.taken()), (1, 4));
        items.send(1, None, &mut Single { item: Some(14), urgency: 0 });
        assert_eq!(popped(&mut items), [(4, 14)]);
    }
}
