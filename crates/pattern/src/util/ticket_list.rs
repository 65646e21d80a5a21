//! Values in the order of arrival, found and removed in any position by a ticket.
//!
//! The list behind every wait of the queue and of the semaphore. A removal leaves a vacant entry, so that no entry moves: a
//! lookup is a binary search, and a removal costs a lookup and a share of a later compaction.
//!
//! # Invariants
//!
//! 1. The tickets of `entries` ascend. A ticket is never given twice.
//! 2. The first entry is occupied.
//! 3. `vacant` counts the vacant entries: at most as many as are occupied.

use std::collections::VecDeque;
use std::mem;

/// The number of values before a value, counted since the list was created.
pub type Ticket = u64;

/// The number of entries in the memory of an empty list, at most.
const KEPT_ENTRIES: usize = 1_024;

/// Values in the order of their tickets.
pub struct TicketList<V> {
    entries: VecDeque<Entry<V>>,
    vacant: usize,
    /// The ticket of the next value.
    next: Ticket,
    /// The number of entries visited by searches and compactions.
    #[cfg(test)]
    visited: std::cell::Cell<usize>,
}

struct Entry<V> {
    ticket: Ticket,
    value: Option<V>,
}

impl<V> Default for TicketList<V> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            vacant: 0,
            next: 0,
            #[cfg(test)]
            visited: std::cell::Cell::default(),
        }
    }
}

impl<V> TicketList<V> {
    /// Adds a value at the end and returns the ticket, which is greater than every ticket before.
    #[inline]
    pub fn push(&mut self, value: V) -> Ticket {
        let ticket = self.next;
        self.push_with(ticket, value);
        ticket
    }

    /// Adds a value at the end, with a ticket of a second list that is greater than every ticket before.
    #[inline]
    pub fn push_with(&mut self, ticket: Ticket, value: V) {
        debug_assert!(ticket >= self.next, "the tickets of a list ascend");
        self.next = ticket + 1;
        self.entries.push_back(Entry { ticket, value: Some(value) });
    }

    /// Returns whether the list has no value.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the oldest value with the ticket.
    #[must_use]
    #[inline]
    pub fn first(&self) -> Option<(Ticket, &V)> {
        let first = self.entries.front()?;
        Some((first.ticket, first.value.as_ref()?))
    }

    /// Returns the oldest value with the ticket, for a change.
    pub fn first_mut(&mut self) -> Option<(Ticket, &mut V)> {
        let first = self.entries.front_mut()?;
        Some((first.ticket, first.value.as_mut()?))
    }

    /// Returns the value with the ticket, unless removed.
    #[must_use]
    #[inline]
    pub fn get(&self, ticket: Ticket) -> Option<&V> {
        self.entries[self.find(ticket)?].value.as_ref()
    }

    /// Returns the value with the ticket, for a change, unless removed.
    #[inline]
    pub fn get_mut(&mut self, ticket: Ticket) -> Option<&mut V> {
        let at = self.find(ticket)?;
        self.entries[at].value.as_mut()
    }

    /// Returns the values from `ticket` on, in order.
    pub fn iter_mut_from(&mut self, ticket: Ticket) -> impl Iterator<Item = (Ticket, &mut V)> {
        let at = match self.entries.front() {
            Some(first) if first.ticket < ticket => self.search(ticket).unwrap_or_else(|at| at),
            _ => 0,
        };
        self.entries.range_mut(at..).filter_map(|entry| Some((entry.ticket, entry.value.as_mut()?)))
    }

    /// Removes the oldest value.
    #[inline]
    pub fn pop_first(&mut self) -> Option<V> {
        let first = self.entries.pop_front()?;
        if self.vacant > 0 || self.entries.is_empty() {
            self.tidy();
        }
        first.value
    }

    /// Removes the value with the ticket.
    #[inline]
    pub fn remove(&mut self, ticket: Ticket) -> Option<V> {
        if self.entries.front()?.ticket == ticket { self.pop_first() } else { self.vacate(ticket) }
    }

    /// Removes all values, in order.
    pub fn take_all(&mut self) -> impl Iterator<Item = V> + use<V> {
        self.vacant = 0;
        mem::take(&mut self.entries).into_iter().filter_map(|entry| entry.value)
    }

    #[inline(never)]
    fn vacate(&mut self, ticket: Ticket) -> Option<V> {
        let at = self.search(ticket).ok()?;
        let value = self.entries[at].value.take()?;
        self.vacant += 1;
        self.tidy();
        Some(value)
    }

    /// Restores the invariants 2 and 3.
    fn tidy(&mut self) {
        while self.entries.front().is_some_and(|first| first.value.is_none()) {
            self.entries.pop_front();
            self.vacant -= 1;
        }
        if 2 * self.vacant > self.entries.len() {
            self.visit(self.entries.len());
            self.entries.retain(|entry| entry.value.is_some());
            self.vacant = 0;
        }
        if self.entries.is_empty() && self.entries.capacity() > KEPT_ENTRIES {
            self.entries.shrink_to(KEPT_ENTRIES);
        }
    }

    #[inline]
    fn find(&self, ticket: Ticket) -> Option<usize> {
        if self.entries.front()?.ticket == ticket { Some(0) } else { self.search(ticket).ok() }
    }

    /// Returns the position of a ticket, or the position of the first greater ticket.
    #[inline(never)]
    fn search(&self, ticket: Ticket) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| {
            self.visit(1);
            entry.ticket.cmp(&ticket)
        })
    }

    #[cfg(test)]
    fn visit(&self, entries: usize) {
        self.visited.set(self.visited.get() + entries);
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self)]
    fn visit(&self, _entries: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: u64) -> TicketList<u64> {
        let mut list = TicketList::default();
        for value in 0..values {
            assert_eq!(list.push(value), value);
        }
        list
    }

    /// Returns the values, after a check of the invariants.
    fn values(list: &TicketList<u64>) -> Vec<u64> {
        let vacant = list.entries.iter().filter(|entry| entry.value.is_none()).count();
        assert_eq!(list.vacant, vacant, "the number of vacant entries");
        assert!(2 * vacant <= list.entries.len(), "{vacant} of {} entries are vacant", list.entries.len());
        assert!(list.entries.front().is_none_or(|first| first.value.is_some()), "the first entry is vacant");
        assert!(list.entries.iter().is_sorted_by(|a, b| a.ticket < b.ticket), "the tickets ascend");
        list.entries.iter().filter_map(|entry| entry.value).collect()
    }

    /// Returns the tickets 0 to `count`, shuffled.
    fn shuffled(count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(move |at| at * 7_919 % count)
    }

    #[test]
    fn values_are_found_and_removed_anywhere() {
        let mut list = filled(1_000);
        let mut left: Vec<_> = (0..1_000).collect();
        let mut most_vacant = 0;
        for ticket in shuffled(1_000) {
            assert_eq!(list.get(ticket), Some(&ticket));
            assert_eq!(list.remove(ticket), Some(ticket));
            assert!(list.get_mut(ticket).is_none() && list.get(ticket).is_none());
            assert_eq!(list.remove(ticket), None, "removed before");
            left.retain(|value| *value != ticket);
            assert_eq!(values(&list), left);
            assert_eq!(list.first(), left.first().map(|first| (*first, first)));
            most_vacant = most_vacant.max(list.vacant);
        }
        assert!(most_vacant > 100, "compacted for each removal: at most {most_vacant} entries were vacant");
        assert!(list.is_empty());
    }

    #[test]
    fn list_of_one_or_none_finds_no_other_value() {
        let mut list = filled(1);
        assert!(list.get(1).is_none() && list.remove(7).is_none());
        assert_eq!((list.pop_first(), list.pop_first(), list.remove(0)), (Some(0), None, None));
        assert!(list.first().is_none() && list.first_mut().is_none());
        assert_eq!(list.push(5), 1);
    }

    #[test]
    fn first_value_is_popped_past_vacant_entries() {
        let mut list = filled(10);
        for ticket in [1, 2, 4] {
            list.remove(ticket);
        }
        let popped: Vec<_> = std::iter::from_fn(|| {
            let first = list.pop_first();
            values(&list);
            first
        })
        .collect();
        assert_eq!(popped, [0, 3, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn iteration_begins_at_its_ticket_or_the_next() {
        let mut list = filled(10);
        for ticket in [0, 4, 5, 9] {
            list.remove(ticket);
        }
        let mut from = |ticket| list.iter_mut_from(ticket).map(|(ticket, _)| ticket).collect::<Vec<_>>();
        assert_eq!(from(0), [1, 2, 3, 6, 7, 8]);
        assert_eq!(from(4), [6, 7, 8]);
        assert_eq!((from(8), from(9), from(99)), (vec![8], vec![], vec![]));
    }

    #[test]
    fn list_whose_values_were_taken_gives_no_ticket_twice() {
        let mut list = filled(4);
        list.remove(1);
        assert_eq!(list.take_all().collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!((list.is_empty(), list.push(9), values(&list)), (true, 4, vec![9]));
    }

    #[test]
    fn empty_list_keeps_little_memory() {
        let mut list = filled(100_000);
        while list.pop_first().is_some() {}
        assert!(list.entries.capacity() <= 2 * KEPT_ENTRIES, "{} entries", list.entries.capacity());
    }

    /// F10: a removal from the middle moved all entries behind it.
    #[test]
    fn removal_in_any_order_visits_few_entries() {
        const VALUES: u64 = 80_000;
        let orders: [(&str, Vec<u64>); 3] = [
            ("in order", (0..VALUES).collect()),
            ("in reverse", (0..VALUES).rev().collect()),
            ("shuffled", shuffled(VALUES).collect()),
        ];
        for (order, tickets) in orders {
            let mut list = filled(VALUES);
            let most = 24 * tickets.len();
            for ticket in tickets {
                assert_eq!(list.remove(ticket), Some(ticket));
            }
            assert!(list.visited.get() < most, "{order}: {} visits", list.visited.get());
        }
    }
}
