//! The state under the lock of a queue: its items, the deposits, and the waiters.
//!
//! No user code runs here: the holder of the lock wakes and drops `wakes` after the unlock, and items only move.
//!
//! # Invariants
//!
//! 1. While the queue has items, a notified receiver has not been polled yet, or no receiver is asleep. While the queue has
//!    capacity left, the same holds for senders (see `wait_list.rs`).
//! 2. A sender of a batch that waits has deposited its next items, as many as the capacity at most (see `deposits.rs`). A
//!    single item is not deposited: a cancelled `send` must not have sent it. Nor is a batch of a queue that yields its
//!    newest item first: the deposit would have to become the newest.
//! 3. A deposit is admitted when there is capacity for it and a task comes by, in the order of the wait list. A receiver at
//!    work admits the deposits when it finds the queue empty. A receiver that sleeps is woken when the notified sender comes:
//!    to admit the deposit at once would wake that receiver for items that the receiver at work takes next.
//! 4. A sender whose whole deposit was admitted is not in the wait list any more.

use std::task::{Poll, Waker};

use super::deposits::Deposits;
use super::items::{Items, Outgoing};
use super::wait_list::WaitList;
use crate::util::ticket_list::{Ticket, TicketList};
use crate::util::wake::WakeList;

pub(super) struct State<T> {
    capacity: usize,
    items: Items<T>,
    deposits: Deposits<T>,
    /// The number of items that were taken and finished.
    finished: usize,
    closed: bool,
    /// The last receiver is gone.
    abandoned: bool,
    senders: WaitList,
    receivers: WaitList,
    joiners: TicketList<Waker>,
    pub(super) wakes: WakeList,
}

/// A receiver that comes to the queue.
pub(super) struct Receiving<'a> {
    /// Its ticket, if it is in the wait list.
    pub(super) ticket: &'a mut Option<Ticket>,
    /// The number of items that it took last time; they are finished now.
    pub(super) unfinished: &'a mut usize,
    pub(super) max: usize,
}

/// A sender that comes to the queue.
pub(super) struct Sending<'a, S> {
    /// Its ticket, if it is in the wait list, or was until its deposit was admitted.
    pub(super) ticket: &'a mut Option<Ticket>,
    pub(super) items: &'a mut S,
    /// The index of the input that the items come from, if they come from an input.
    pub(super) index: Option<usize>,
}

impl<T> State<T> {
    pub(super) fn new(capacity: usize, newest_first: bool) -> Self {
        Self {
            capacity,
            items: Items::new(newest_first),
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

    /// Returns the capacity that is left, if a receiver takes `now` items at once.
    ///
    /// A queue without capacity has capacity for each item that a receiver waits for.
    #[inline]
    fn room(&self, now: usize) -> usize {
        let most =
            if self.capacity == 0 { self.receivers.demand().saturating_add(now) } else { self.capacity };
        most.saturating_sub(self.items.len())
    }

    /// Sends as many items as there is capacity for. Ready with `true` when all are sent, with `false` when the queue is
    /// closed.
    #[inline]
    pub(super) fn send<S: Outgoing<T>>(&mut self, sending: &mut Sending<'_, S>) -> Poll<bool> {
        if self.deposits.total() > 0 || sending.ticket.is_some() {
            self.send_in_turn(sending)
        } else {
            self.send_at_once(sending)
        }
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

    /// Sends for a sender that has waited, or that finds deposits of others.
    #[inline(never)]
    fn send_in_turn<S: Outgoing<T>>(&mut self, sending: &mut Sending<'_, S>) -> Poll<bool> {
        // No sender goes before the deposits, except a sender that has waited for longer than all of them.
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

    /// Puts a sender to sleep; a batch deposits its next items as the sender enters the wait list.
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
            && !self.items.is_newest_first()
        {
            self.deposits.deposit(ticket, rest, sending.index, sending.items);
        }
    }

    /// A sender leaves the wait list, with what is left of its deposit.
    pub(super) fn cancel_send<S: Outgoing<T>>(&mut self, sending: &mut Sending<'_, S>) {
        if let Some(ticket) = *sending.ticket
            && let Some(deposit) = self.deposits.withdraw(ticket)
        {
            sending.items.take_back(deposit);
        }
        self.senders.leave(sending.ticket, &mut self.wakes);
        self.notify_senders();
    }

    /// Hands items to a receiver through `take`. Ready with their number: none if the queue is closed and empty.
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

    /// A receiver leaves the wait list, and has finished the items that it took.
    pub(super) fn cancel_recv(&mut self, ticket: &mut Option<Ticket>, unfinished: &mut usize) {
        self.receivers.leave(ticket, &mut self.wakes);
        self.notify_receivers();
        self.finish(unfinished);
    }

    /// Counts the items that a receiver took last time as finished.
    #[inline]
    fn finish(&mut self, unfinished: &mut usize) {
        self.finished += std::mem::take(unfinished);
        if !self.joiners.is_empty() && self.is_finished() {
            self.release_joiners();
        }
    }

    /// Ready with `true` when every item was taken and finished, with `false` when that cannot come about any more.
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

    /// Removes and wakes all joiners. A joiner that finds further items waits again.
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

    /// Closes the queue if it has no item and no deposit; returns whether it is closed and empty.
    pub(super) fn close_if_empty(&mut self) -> bool {
        let empty = self.total() == 0;
        if empty {
            self.close();
        }
        empty
    }

    /// Closes the queue since no receiver is left. Returns the items, which are dropped after the unlock.
    pub(super) fn abandon(&mut self) -> impl Sized + use<T> {
        self.close();
        self.abandoned = true;
        self.release_joiners();
        self.items.discard()
    }

    /// Takes all items, with their indices.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (usize, T)> {
        std::iter::from_fn(|| self.items.pop())
    }
}
