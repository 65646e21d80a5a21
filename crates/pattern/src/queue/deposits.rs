//! The deposits of waiting senders: items not in the queue yet, owned by the senders until admitted.
//!
//! # Invariants
//!
//! 1. No deposit is empty, and `total` is the number of all deposited items.
//! 2. A deposit has the ticket of the sender in the wait list. A sender deposits on entering the wait list, so the deposits
//!    are in the order of the waiters.

use std::collections::VecDeque;
use std::mem;

use super::items::{Items, Outgoing};
use crate::util::ticket_list::{Ticket, TicketList};

pub(super) struct Deposits<T> {
    list: TicketList<Deposit<T>>,
    total: usize,
    /// The memory of the last admitted deposit, for the next deposit.
    spare: VecDeque<T>,
}

struct Deposit<T> {
    items: VecDeque<T>,
    /// The index of the input behind the items, if any.
    index: Option<usize>,
}

impl<T> Default for Deposits<T> {
    fn default() -> Self {
        Self { list: TicketList::default(), total: 0, spare: VecDeque::new() }
    }
}

impl<T> Deposits<T> {
    /// Returns the number of deposited items.
    #[inline]
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Returns whether the sender with the ticket has a deposit.
    pub(super) fn contains(&self, ticket: Ticket) -> bool {
        self.list.get(ticket).is_some()
    }

    /// Returns the number of items in the deposit of a sender.
    pub(super) fn of(&self, ticket: Ticket) -> usize {
        self.list.get(ticket).map_or(0, |deposit| deposit.items.len())
    }

    /// Deposits the first `count` items of a sender, at the end of the wait list.
    pub(super) fn deposit<S: Outgoing<T>>(
        &mut self,
        ticket: Ticket,
        count: usize,
        index: Option<usize>,
        outgoing: &mut S,
    ) {
        if count > 0 {
            let mut items = mem::take(&mut self.spare);
            outgoing.move_to(count, &mut items);
            self.list.push_with(ticket, Deposit { items, index });
            self.total += count;
        }
    }

    /// Removes the deposit of a leaving sender.
    pub(super) fn withdraw(&mut self, ticket: Ticket) -> Option<VecDeque<T>> {
        let items = self.list.remove(ticket)?.items;
        self.total -= items.len();
        Some(items)
    }

    /// Moves up to `room` items of the oldest deposits into the queue.
    ///
    /// Calls `admitted` for every sender with admitted items: with the ticket, and the number of items left.
    pub(super) fn admit(
        &mut self,
        room: usize,
        into: &mut Items<T>,
        mut admitted: impl FnMut(Ticket, usize),
    ) {
        let mut left = room;
        while left > 0
            && let Some((ticket, deposit)) = self.list.first_mut()
        {
            let count = left.min(deposit.items.len());
            left -= count;
            self.total -= count;
            into.send(count, deposit.index, &mut &mut deposit.items);
            let rest = deposit.items.len();
            if rest == 0
                && let Some(emptied) = self.list.pop_first()
            {
                self.spare = emptied.items;
            }
            admitted(ticket, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::items::{Order, Single};
    use super::*;

    fn deposited(deposits: &mut Deposits<u32>, ticket: Ticket, items: &[u32]) {
        let mut items: VecDeque<_> = items.iter().copied().collect();
        let count = items.len();
        deposits.deposit(ticket, count, None, &mut &mut items);
        assert!(items.is_empty());
    }

    /// Admits up to `room` items; returns the items, and the calls of `admitted`.
    fn admit(deposits: &mut Deposits<u32>, room: usize) -> (Vec<u32>, Vec<(Ticket, usize)>) {
        let (mut items, mut admitted) = (Items::new(Order::Oldest), Vec::new());
        deposits.admit(room, &mut items, |ticket, left| admitted.push((ticket, left)));
        (std::iter::from_fn(|| items.pop()).map(|(_, item)| item).collect(), admitted)
    }

    #[test]
    fn deposits_are_admitted_in_order_as_far_as_there_is_room() {
        let mut deposits = Deposits::default();
        deposited(&mut deposits, 3, &[1, 2, 3]);
        deposited(&mut deposits, 5, &[4, 5]);
        assert_eq!((admit(&mut deposits, 0), deposits.total()), ((vec![], vec![]), 5));
        assert_eq!(admit(&mut deposits, 2), (vec![1, 2], vec![(3, 1)]));
        assert_eq!((deposits.of(3), deposits.of(4), deposits.of(5), deposits.total()), (1, 0, 2, 3));
        assert_eq!(admit(&mut deposits, 9), (vec![3, 4, 5], vec![(3, 0), (5, 0)]));
        assert_eq!((deposits.contains(3), deposits.contains(5), deposits.total()), (false, false, 0));
    }

    #[test]
    fn withdrawn_deposit_leaves_the_others() {
        let mut deposits = Deposits::default();
        for ticket in 0..4 {
            deposited(&mut deposits, ticket, &[10, 11]);
        }
        assert_eq!(admit(&mut deposits, 3).1, [(0, 0), (1, 1)]);
        assert_eq!(deposits.withdraw(2), Some(VecDeque::from([10, 11])));
        assert_eq!((deposits.withdraw(2), deposits.withdraw(0)), (None, None));
        assert_eq!(deposits.withdraw(1), Some(VecDeque::from([11])));
        assert_eq!((deposits.total(), admit(&mut deposits, 9).1), (2, vec![(3, 0)]));
    }

    #[test]
    fn admitted_item_has_the_index_of_its_input() {
        let (mut deposits, mut items) = (Deposits::default(), Items::new(Order::Oldest));
        deposits.deposit(0, 2, Some(7), &mut &mut VecDeque::from(["a", "b"]));
        deposits.deposit(1, 1, None, &mut &mut VecDeque::from(["c"]));
        items.send(1, None, &mut Single { item: Some("before"), urgency: 0 });
        deposits.admit(3, &mut items, |_, _| {});
        let all: Vec<_> = std::iter::from_fn(|| items.pop()).collect();
        assert_eq!(all, [(0, "before"), (7, "a"), (7, "b"), (3, "c")]);
    }
}
