//! The state under the lock of a queue: the items, the deposits, and the waiters.
//!
//! No user code runs here: the holder of the lock wakes and drops `wakes` after the unlock, and items only move.
//!
//! # Invariants
//!
//! 1. While the queue has items, a notified receiver has not been polled yet, or no receiver is asleep. While the queue has
//!    capacity left, the same holds for senders (see `wait_list.rs`).
//! 2. A waiting sender of a batch has deposited the next items, up to the capacity (see `deposits.rs`). A single item is not
//!    deposited: a cancelled `send` must not have sent the item. Nor is a batch in a
//!    queue with another order than the oldest item first: the deposit would have to become the newest, or the most urgent.
//! 3. Deposits are admitted in the order of the wait list, as far as there is capacity. A receiver admits deposits when the
//!    queue is empty. A sender that finds deposits admits the deposits first. A sleeping receiver is woken when the notified
//!    sender is polled: an earlier wake-up would be for items that an active receiver takes next.
//! 4. A sender leaves the wait list when the whole deposit is admitted.

use std::task::{Poll, Waker};

use super::deposits::Deposits;
use super::items::{Items, Order, Outgoing};
use super::wait_list::WaitList;
use crate::util::ticket_list::{Ticket, TicketList};
use crate::util::wake::WakeList;

pub(super) struct State<T> {
    capacity: usize,
    items: Items<T>,
    deposits: Deposits<T>,
    /// The number of items taken and finished.
    finished: usize,
    closed: bool,
    /// The last receiver is gone.
    abandoned: bool,
    senders: WaitList,
    receivers: WaitList,
    joiners: TicketList<Waker>,
    pub(super) wakes: WakeList,
}

/// An operation of a receiver.
pub(super) struct Receiving<'a> {
    /// The ticket of a waiting receiver.
    pub(super) ticket: &'a mut Option<Ticket>,
    /// The number of items taken last time, and finished now.
    pub(super) unfinished: &'a mut usize,
    pub(super) max: usize,
}

/// An operation of a sender.
pub(super) struct Sending<'a, S> {
    /// The ticket of a sender in the wait list, or of a sender whose deposit was admitted.
    pub(super) ticket: &'a mut Option<Ticket>,
    pub(super) items: &'a mut S,
    /// The index of the input behind the items, if any.
    pub(super) index: Option<usize>,
}

impl<T> State<T> {
    pub(super) fn new(capacity: usize, order: Order) -> Self {
        Self {
            capacity,
            items: Items::new(order),
            deposits: Deposits::default(),
            finished: 0,
            closed: false,
            abandoned: false,
            senders: WaitList::default(),
            receivers: WaitList::default(),
            joiners: TicketList::default(),
            wakes: WakeList::default(),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns the number of items in the queue and deposited.
    #[inline]
    pub(super) fn total(&self) -> usize {
        self.items.len() + self.deposits.total()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns the free capacity, if a receiver takes `now` items at once.
    ///
    /// A queue with a capacity of 0 has capacity for the wants of all waiting receivers.
    #[inline]
    fn room(&self, now: usize) -> usize {
        let most =
            if self.capacity == 0 { self.receivers.demand().saturating_add(now) } else { self.capacity };
        most.saturating_sub(self.items.len())
    }

    /// Sends a single item in the usual case: the queue is open, has free capacity and has no deposit.
    ///
    /// The rare cases are left to [`State::send`].
    #[inline]
    pub(super) fn send_single(&mut self, item: T, index: Option<usize>) -> Result<(), T> {
        if self.closed || self.deposits.total() > 0 || self.items.len() >= self.capacity {
            return Err(item);
        }
        self.items.push(index, item);
        self.notify_receivers();
        Ok(())
    }

    /// Sends items up to the free capacity. Ready with `true` when all are sent, with `false` when the queue is closed.
    #[inline]
    pub(super) fn send<S: Outgoing<T>>(&mut self, sending: &mut Sending<'_, S>) -> Poll<bool> {
        if self.deposits.total() > 0 || S::MAY_DEPOSIT && sending.ticket.is_some() {
            return self.send_in_turn(sending);
        }
        let sent = self.send_at_once(sending);
        if sent.is_ready() && sending.ticket.is_some() {
            self.senders.leave(sending.ticket, &mut self.wakes);
            self.notify_senders();
        }
        sent
    }

    /// Sends before all waiting senders.
    #[inline]
    pub(super) fn send_at_once<S: Outgoing<T>>(&mut self, sending: &mut Sending<'_, S>) -> Poll<bool> {
        if self.closed {
            return Poll::Ready(false);
        }
        let count = self.room(0).min(sending.items.len());
        self.items.send(count, sending.index, sending.items);
        self.notify_receivers();
        if sending.items.len() == 0 { Poll::Ready(true) } else { Poll::Pending }
    }

    /// Sends for a sender that may have deposited items, or finds deposits.
    #[inline(never)]
    fn send_in_turn<S: Outgoing<T>>(&mut self, sending: &mut Sending<'_, S>) -> Poll<bool> {
        // No sender goes before the deposits, except the sender that has waited longest.
        let goes_first = sending
            .ticket
            .is_some_and(|ticket| self.senders.is_first(ticket) && !self.deposits.contains(ticket));
        if !goes_first {
            self.admit(0);
        }
        let was_admitted =
            sending.items.len() == 0 && sending.ticket.is_some_and(|ticket| !self.senders.contains(ticket));
        let has_deposit = sending.ticket.is_some_and(|ticket| self.deposits.contains(ticket));
        if !self.closed && !has_deposit && (goes_first || self.deposits.total() == 0) {
            let count = self.room(0).min(sending.items.len());
            self.items.send(count, sending.index, sending.items);
        }
        self.notify_receivers();
        let all = was_admitted || !self.closed && !has_deposit && sending.items.len() == 0;
        if all || self.closed {
            self.cancel_send(sending);
            return Poll::Ready(all);
        }
        Poll::Pending
    }

    /// Admits deposits as far as there is capacity, if a receiver takes `now` items at once.
    #[inline]
    fn admit(&mut self, now: usize) {
        if self.deposits.total() > 0 && !self.closed {
            self.admit_deposits(self.room(now));
        }
    }

    #[cold]
    fn admit_deposits(&mut self, room: usize) {
        let Self { deposits, items, senders, wakes, .. } = self;
        deposits.admit(room, items, |ticket, left| {
            if left == 0 {
                senders.release(ticket, wakes);
            } else {
                senders.lower_want(ticket, left);
            }
        });
    }

    /// Puts a sender to sleep; the sender of a batch deposits the next items on entering the wait list.
    pub(super) fn wait_to_send<S: Outgoing<T>>(&mut self, sending: &mut Sending<'_, S>, waker: Waker) {
        let rest = sending.items.len().min(self.capacity.max(1));
        let deposited = match *sending.ticket {
            Some(ticket) if self.senders.contains(ticket) => Some(self.deposits.of(ticket)),
            _ => None,
        };
        let want = deposited.filter(|deposited| *deposited > 0).unwrap_or(rest);
        self.senders.wait(sending.ticket, want, waker, &mut self.wakes);
        if let Some(ticket) = *sending.ticket
            && deposited.is_none()
            && S::MAY_DEPOSIT
            && self.items.is_oldest_first()
        {
            self.deposits.deposit(ticket, rest, sending.index, sending.items);
        }
    }

    /// Removes a sender from the wait list, and returns the rest of the deposit.
    pub(super) fn cancel_send<S: Outgoing<T>>(&mut self, sending: &mut Sending<'_, S>) {
        if let Some(ticket) = *sending.ticket
            && let Some(deposit) = self.deposits.withdraw(ticket)
        {
            sending.items.take_back(deposit);
        }
        self.senders.leave(sending.ticket, &mut self.wakes);
        self.notify_senders();
    }

    /// Hands a single item to a receiver without a ticket, in the usual case: the queue has an item.
    ///
    /// The rare cases are left to [`State::recv`].
    #[inline]
    pub(super) fn recv_single(&mut self, unfinished: &mut usize) -> Option<T> {
        let (_, item) = self.items.pop()?;
        self.finished += std::mem::replace(unfinished, 1);
        // The item is not finished yet, so no joiner is released.
        self.notify_receivers();
        self.notify_senders();
        Some(item)
    }

    /// Hands items to a receiver through `take`. Ready with the number: 0 if the queue is closed and empty.
    #[inline]
    pub(super) fn recv(
        &mut self,
        receiving: &mut Receiving<'_>,
        take: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        self.finish(receiving.unfinished);
        if self.items.len() == 0 {
            self.admit(if receiving.ticket.is_none() { receiving.max } else { 0 });
            if self.items.len() == 0 && !self.closed {
                return Poll::Pending;
            }
        }
        let count = receiving.max.min(self.items.len());
        if count > 0 {
            take(&mut self.items, count);
        }
        *receiving.unfinished = count;
        if receiving.ticket.is_some() {
            self.receivers.leave(receiving.ticket, &mut self.wakes);
        }
        self.notify_receivers();
        self.notify_senders();
        Poll::Ready(count)
    }

    pub(super) fn wait_to_recv(&mut self, receiving: &mut Receiving<'_>, waker: Waker) {
        let want = receiving.max.min(self.capacity.max(1));
        self.receivers.wait(receiving.ticket, want, waker, &mut self.wakes);
        if self.capacity == 0 {
            self.notify_senders();
        }
    }

    /// Removes a receiver from the wait list, and counts the items taken last as finished.
    pub(super) fn cancel_recv(&mut self, ticket: &mut Option<Ticket>, unfinished: &mut usize) {
        self.receivers.leave(ticket, &mut self.wakes);
        self.notify_receivers();
        self.finish(unfinished);
    }

    /// Counts the items taken last by a receiver as finished.
    #[inline]
    fn finish(&mut self, unfinished: &mut usize) {
        self.finished += std::mem::take(unfinished);
        if !self.joiners.is_empty() && self.is_finished() {
            self.release_joiners();
        }
    }

    /// Ready with `true` when every item was taken and finished, with `false` when an item was dropped.
    pub(super) fn join(&mut self, ticket: &mut Option<Ticket>) -> Poll<bool> {
        let all = self.is_finished();
        if !all && !self.abandoned {
            return Poll::Pending;
        }
        self.cancel_join(ticket);
        Poll::Ready(all)
    }

    pub(super) fn wait_to_join(&mut self, ticket: &mut Option<Ticket>, waker: Waker) {
        if let Some(before) = ticket.and_then(|ticket| self.joiners.get_mut(ticket)) {
            self.wakes.discard(Some(std::mem::replace(before, waker)));
        } else {
            *ticket = Some(self.joiners.push(waker));
        }
    }

    pub(super) fn cancel_join(&mut self, ticket: &mut Option<Ticket>) {
        if let Some(ticket) = ticket.take() {
            self.wakes.discard(self.joiners.remove(ticket));
        }
    }

    /// Removes and wakes all joiners. A joiner waits again if there are further items.
    #[cold]
    fn release_joiners(&mut self) {
        self.wakes.extend(self.joiners.take_all());
    }

    fn is_finished(&self) -> bool {
        self.items.len() == 0 && self.finished == self.items.taken()
    }

    #[inline]
    fn notify_receivers(&mut self) {
        self.receivers.notify(self.items.len(), self.capacity, &mut self.wakes);
    }

    #[inline]
    fn notify_senders(&mut self) {
        if self.senders.is_asleep() {
            let room = self.room(0);
            self.senders.notify(room, room, &mut self.wakes);
        }
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.senders.notify_all(&mut self.wakes);
        self.receivers.notify_all(&mut self.wakes);
    }

    /// Closes the queue if there is no item and no deposit; returns whether the queue is closed and empty.
    pub(super) fn close_if_empty(&mut self) -> bool {
        let empty = self.total() == 0;
        if empty {
            self.close();
        }
        empty
    }

    /// Closes the queue since no receiver is left. Returns the items, for a drop after the unlock.
    pub(super) fn abandon(&mut self) -> impl Sized + use<T> {
        self.close();
        self.abandoned = true;
        self.release_joiners();
        self.items.discard()
    }

    /// Takes all items, with the indices.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (usize, T)> {
        std::iter::from_fn(|| self.items.pop())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::items::Single;
    use super::*;

    fn single(item: u32) -> Single<u32> {
        Single { item: Some(item), urgency: 0 }
    }

    /// A sender or a receiver of the state, polled by hand.
    #[derive(Default)]
    struct Party {
        ticket: Option<Ticket>,
        unfinished: usize,
    }

    impl Party {
        fn send<S: Outgoing<u32>>(&mut self, state: &mut State<u32>, items: &mut S) -> Poll<bool> {
            let mut sending = Sending { ticket: &mut self.ticket, items, index: None };
            let sent = state.send(&mut sending);
            if sent.is_pending() {
                state.wait_to_send(&mut sending, Waker::noop().clone());
            }
            sent
        }

        fn cancel_send<S: Outgoing<u32>>(&mut self, state: &mut State<u32>, items: &mut S) {
            state.cancel_send(&mut Sending { ticket: &mut self.ticket, items, index: None });
        }

        /// Receives up to `max` items; `None` if the receiver waits now.
        fn recv(&mut self, state: &mut State<u32>, max: usize) -> Option<Vec<u32>> {
            let Self { ticket, unfinished } = self;
            let mut receiving = Receiving { ticket, unfinished, max };
            let mut taken = Vec::new();
            let received = state.recv(&mut receiving, &mut |items, count| items.pop_many(count, &mut taken));
            if received.is_pending() {
                state.wait_to_recv(&mut receiving, Waker::noop().clone());
            }
            received.is_ready().then_some(taken)
        }
    }

    /// Returns whether the last change notified a waiter, and clears the list.
    fn notifies(state: &mut State<u32>) -> bool {
        let wakes = state.wakes.wakes();
        assert!(state.wakes.wake_all().is_none());
        wakes
    }

    #[test]
    fn single_item_is_refused_if_full_closed_or_behind_deposits() {
        let (mut state, mut sender, mut receiver) =
            (State::new(2, Order::Oldest), Party::default(), Party::default());
        assert_eq!((state.send_single(0, None), state.send_single(1, None)), (Ok(()), Ok(())));
        assert_eq!(state.send_single(8, None), Err(8), "full");
        assert!(sender.send(&mut state, &mut &mut VecDeque::from([2])).is_pending());
        assert_eq!(state.recv_single(&mut receiver.unfinished), Some(0));
        assert_eq!(state.send_single(8, None), Err(8), "a deposit is older");
        assert_eq!(receiver.recv(&mut state, 1), Some(vec![1]));
        assert_eq!(state.recv_single(&mut receiver.unfinished), None, "the deposit is not admitted yet");
        assert_eq!(receiver.recv(&mut state, 1), Some(vec![2]));
        state.close();
        assert_eq!(state.send_single(8, None), Err(8), "closed");
    }

    #[test]
    fn single_item_notifies_and_counts_as_the_general_path_does() {
        let (mut state, mut receiver) = (State::new(1, Order::Oldest), Party::default());
        let (mut sender, mut waiting, mut ticket) = (Party::default(), Party::default(), None);
        assert_eq!((waiting.recv(&mut state, 1), notifies(&mut state)), (None, false));
        assert_eq!((state.send_single(1, None), notifies(&mut state)), (Ok(()), true));
        assert!(sender.send(&mut state, &mut single(2)).is_pending());
        assert_eq!((state.recv_single(&mut receiver.unfinished), notifies(&mut state)), (Some(1), true));
        assert_eq!(sender.send(&mut state, &mut single(2)), Poll::Ready(true));
        assert_eq!(sender.ticket, None, "a sender without a deposit leaves the list");
        state.wait_to_join(&mut ticket, Waker::noop().clone());
        assert_eq!(state.recv_single(&mut receiver.unfinished), Some(2));
        assert!(state.join(&mut ticket).is_pending(), "the last item is not finished");
        state.cancel_recv(&mut receiver.ticket, &mut receiver.unfinished);
        assert_eq!(state.join(&mut ticket), Poll::Ready(true), "every item is finished");
    }

    #[test]
    fn deposit_is_admitted_when_the_queue_is_empty() {
        let (mut state, mut sender, mut receiver) =
            (State::new(2, Order::Oldest), Party::default(), Party::default());
        let mut batch = (0..5).collect::<VecDeque<_>>();
        assert_eq!(sender.send(&mut state, &mut &mut batch), Poll::Pending);
        assert_eq!((state.len(), state.total(), batch.len()), (2, 4, 1));
        assert_eq!(receiver.recv(&mut state, 9), Some(vec![0, 1]));
        assert_eq!((state.len(), state.total()), (0, 2));
        assert_eq!(receiver.recv(&mut state, 1), Some(vec![2]));
        assert_eq!((state.len(), state.total()), (1, 1));
        assert_eq!(sender.send(&mut state, &mut &mut batch), Poll::Ready(true));
        assert_eq!(receiver.recv(&mut state, 9), Some(vec![3, 4]));
    }

    #[test]
    fn cancelled_sender_gets_back_what_was_not_admitted() {
        let (mut state, mut sender, mut other, mut receiver) =
            (State::new(2, Order::Oldest), Party::default(), Party::default(), Party::default());
        let (mut batch, mut others) = ((0..5).collect::<VecDeque<_>>(), VecDeque::from([7, 8]));
        assert!(sender.send(&mut state, &mut &mut batch).is_pending());
        assert!(other.send(&mut state, &mut &mut others).is_pending());
        assert_eq!(receiver.recv(&mut state, 2), Some(vec![0, 1]));
        assert_eq!(receiver.recv(&mut state, 1), Some(vec![2]));
        sender.cancel_send(&mut state, &mut &mut batch);
        assert_eq!((batch, sender.ticket), (VecDeque::from([4]), None));
        assert_eq!(receiver.recv(&mut state, 9), Some(vec![3]));
        assert_eq!(receiver.recv(&mut state, 9), Some(vec![7, 8]));
    }

    #[test]
    fn single_item_is_sent_by_its_sender_only() {
        let (mut state, mut sender, mut receiver) =
            (State::new(1, Order::Oldest), Party::default(), Party::default());
        assert_eq!(sender.send(&mut state, &mut single(1)), Poll::Ready(true));
        let mut item = single(2);
        assert!(sender.send(&mut state, &mut item).is_pending());
        assert_eq!((state.total(), item.item.as_ref()), (1, Some(&2)));
        assert_eq!((receiver.recv(&mut state, 9), notifies(&mut state)), (Some(vec![1]), true));
        assert_eq!(receiver.recv(&mut state, 9), None);
        assert_eq!((sender.send(&mut state, &mut item), notifies(&mut state)), (Poll::Ready(true), true));
    }

    #[test]
    fn lifo_queue_takes_no_deposit() {
        let (mut state, mut sender) = (State::new(1, Order::Newest), Party::default());
        let mut batch = VecDeque::from([1, 2]);
        assert!(sender.send(&mut state, &mut &mut batch).is_pending());
        assert_eq!((state.total(), batch), (1, VecDeque::from([2])));
    }

    #[test]
    fn queue_without_capacity_has_room_for_what_receivers_want() {
        let (mut state, mut sender, mut receiver) =
            (State::new(0, Order::Oldest), Party::default(), Party::default());
        let mut item = single(1);
        assert!(sender.send(&mut state, &mut item).is_pending());
        assert_eq!((receiver.recv(&mut state, 5), notifies(&mut state)), (None, true));
        assert_eq!(sender.send(&mut state, &mut item), Poll::Ready(true));
        assert!(
            sender.send(&mut state, &mut single(2)).is_pending(),
            "the receiver wants one item at a time"
        );
        assert_eq!(receiver.recv(&mut state, 5), Some(vec![1]));
    }

    #[test]
    fn closed_queue_refuses_items_and_yields_the_rest() {
        let (mut state, mut sender, mut receiver) =
            (State::new(1, Order::Oldest), Party::default(), Party::default());
        let mut batch = VecDeque::from([1, 2]);
        assert!(sender.send(&mut state, &mut &mut batch).is_pending());
        state.close();
        assert!(notifies(&mut state));
        assert_eq!(sender.send(&mut state, &mut &mut batch), Poll::Ready(false));
        assert_eq!(batch, [2]);
        assert_eq!(receiver.recv(&mut state, 9), Some(vec![1]));
        assert_eq!(
            (receiver.recv(&mut state, 9), receiver.recv(&mut state, 9)),
            (Some(vec![]), Some(vec![]))
        );
    }

    #[test]
    fn batch_admitted_before_the_close_counts_as_sent() {
        let (mut state, mut sender, mut receiver) =
            (State::new(1, Order::Oldest), Party::default(), Party::default());
        let mut batch = VecDeque::from([1, 2]);
        assert!(sender.send(&mut state, &mut &mut batch).is_pending());
        assert_eq!(
            (receiver.recv(&mut state, 1), receiver.recv(&mut state, 1)),
            (Some(vec![1]), Some(vec![2]))
        );
        state.close();
        assert_eq!(sender.send(&mut state, &mut &mut batch), Poll::Ready(true));
    }

    #[test]
    fn only_an_empty_queue_without_deposits_closes_if_empty() {
        let (mut state, mut sender, mut receiver) =
            (State::new(1, Order::Oldest), Party::default(), Party::default());
        let mut batch = VecDeque::from([1, 2]);
        assert!(sender.send(&mut state, &mut &mut batch).is_pending());
        assert_eq!((receiver.recv(&mut state, 1), state.len()), (Some(vec![1]), 0));
        assert!(!state.close_if_empty() && !state.is_closed(), "a deposit is left");
        assert_eq!(receiver.recv(&mut state, 1), Some(vec![2]));
        assert!(state.close_if_empty() && state.is_closed());
    }

    #[test]
    fn joiners_are_released_when_the_last_item_is_finished() {
        let (mut state, mut sender, mut receiver) =
            (State::new(2, Order::Oldest), Party::default(), Party::default());
        let mut ticket = None;
        assert_eq!(state.join(&mut ticket), Poll::Ready(true), "nothing was sent");
        assert_eq!(sender.send(&mut state, &mut &mut VecDeque::from([1, 2])), Poll::Ready(true));
        assert!(state.join(&mut ticket).is_pending());
        state.wait_to_join(&mut ticket, Waker::noop().clone());
        assert_eq!((receiver.recv(&mut state, 2), notifies(&mut state)), (Some(vec![1, 2]), false));
        state.cancel_recv(&mut receiver.ticket, &mut receiver.unfinished);
        assert!(notifies(&mut state) && state.joiners.is_empty());
        assert_eq!((state.join(&mut ticket), ticket), (Poll::Ready(true), None));
    }

    #[test]
    fn abandoned_queue_fails_its_joiners_and_senders() {
        let (mut state, mut sender) = (State::new(1, Order::Oldest), Party::default());
        let mut batch = VecDeque::from([1, 2]);
        assert!(sender.send(&mut state, &mut &mut batch).is_pending());
        let mut ticket = None;
        state.wait_to_join(&mut ticket, Waker::noop().clone());
        drop(state.abandon());
        assert!(notifies(&mut state));
        assert_eq!((state.join(&mut ticket), state.len()), (Poll::Ready(false), 0));
        assert_eq!(sender.send(&mut state, &mut &mut batch), Poll::Ready(false));
        assert_eq!(batch, [2]);
    }
}
