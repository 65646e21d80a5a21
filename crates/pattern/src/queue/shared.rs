//! The shared part of a queue: the state under one lock, and the wake-ups after the lock.
//!
//! An operation takes the lock once. An operation that has to wait takes the lock a second time, since the waker is cloned
//! before the lock: no user code runs under the lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::items::{Batch, Items, Order, Outgoing, Single};
use super::state::{Receiving, Sending, State};
use crate::util::mutex::{Mutex, MutexGuard};
use crate::util::panic;
use crate::util::sync::atomic::{AtomicUsize, Ordering};
use crate::util::ticket_list::Ticket;
use crate::util::wake::wake_each;

/// The turns of a spin loop before a thread waits for a taken lock: about a microsecond.
const BACK_OFF: u32 = 50;

/// Returns the urgency of an item.
pub(super) type Urgency<T> = dyn Fn(&T) -> i64 + Send + Sync;

pub(super) struct Shared<T> {
    pub(super) capacity: usize,
    /// The capacity for the usual case of a send; 0 if a send has to know the urgency of the item.
    single_capacity: usize,
    order: Order,
    /// Returns the urgency of an item. Called outside the lock.
    urgency: Option<Box<Urgency<T>>>,
    /// The number of items, queued and deposited, after the last operation. A task that will have to wait clones the waker
    /// before the first try.
    recent_total: AtomicUsize,
    state: Mutex<State<T>>,
}

/// The share of all senders in a queue, whose drop closes the queue.
pub(super) struct SenderShare<T>(pub(super) Arc<Shared<T>>);

impl<T> Drop for SenderShare<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The share of all receivers in a queue, whose drop closes the queue and drops the items.
pub(super) struct ReceiverShare<T>(pub(super) Arc<Shared<T>>);

impl<T> Drop for ReceiverShare<T> {
    fn drop(&mut self) {
        // Otherwise the items would live as long as the last sender.
        let items = self.0.with(State::abandon);
        drop(items);
    }
}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize, order: Order, urgency: Option<Box<Urgency<T>>>) -> Self {
        let state = Mutex::new(State::new(capacity, order));
        let single_capacity = if urgency.is_some() { 0 } else { capacity };
        Self { capacity, single_capacity, order, urgency, recent_total: AtomicUsize::new(0), state }
    }

    pub(super) fn is_oldest_first(&self) -> bool {
        self.order == Order::Oldest
    }

    /// Makes an item ready to be sent.
    pub(super) fn single(&self, item: T) -> Single<T> {
        let urgency = self.urgency.as_ref().map_or(0, |urgency| urgency(&item));
        Single { item: Some(item), urgency }
    }

    /// Makes a batch ready to be sent. After a panic of the function of the urgency, all items are still there.
    pub(super) fn batch<'a>(&self, items: &'a mut VecDeque<T>) -> Batch<'a, T> {
        let urgencies = match &self.urgency {
            Some(urgency) => items.iter().map(urgency).collect(),
            None => VecDeque::new(),
        };
        Batch { items, urgencies }
    }

    /// Changes the state under the lock, and carries out the wake-ups of the change after the unlock.
    #[inline]
    fn with<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = match self.state.try_lock() {
            Some(state) => state,
            None => self.lock_later(),
        };
        let result = change(&mut state);
        self.recent_total.store(state.total(), Ordering::Relaxed);
        if !state.wakes.is_empty() {
            self.wake(state);
        }
        result
    }

    /// Leaves the lock to the holder for a moment: several operations in a row by a thread cost less than the same
    /// operations by two threads in turn.
    #[cold]
    fn lock_later(&self) -> MutexGuard<'_, State<T>> {
        for _ in 0..BACK_OFF {
            std::hint::spin_loop();
        }
        self.state.lock()
    }

    #[inline(never)]
    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        if let Some(waker) = state.wakes.take_only() {
            drop(state);
            panic::resume(panic::catch(|| waker.wake()).err());
        } else if let Some(few) = state.wakes.take_few() {
            drop(state);
            panic::resume(wake_each(few.into_iter().flatten()));
        } else {
            let mut wakes = std::mem::take(&mut state.wakes);
            drop(state);
            let panicked = wakes.wake_all();
            self.with(|state| state.wakes.reuse(wakes));
            panic::resume(panicked);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.with(|state| state.len())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.with(|state| state.is_closed())
    }

    /// Sends items up to the free capacity. Ready with `true` when all are sent, with `false` when the queue is closed.
    pub(super) fn try_send<S: Outgoing<T>>(&self, sending: &mut Sending<'_, S>) -> Poll<bool> {
        self.with(|state| state.send_at_once(sending))
    }

    /// Sends a single item in the usual case: the queue is open, has free capacity and has no deposit.
    #[inline]
    pub(super) fn send_single(&self, item: T, index: Option<usize>) -> Result<(), T> {
        if self.recent_total.load(Ordering::Relaxed) >= self.single_capacity {
            return Err(item);
        }
        self.with(|state| state.send_single(item, index))
    }

    /// Sends in turn. After a pending poll, the task is woken when capacity may be free.
    #[inline]
    pub(super) fn poll_send<S: Outgoing<T>>(
        &self,
        cx: &Context<'_>,
        sending: &mut Sending<'_, S>,
    ) -> Poll<bool> {
        if self.recent_total.load(Ordering::Relaxed) < self.capacity || sending.ticket.is_some() {
            let sent = self.with(|state| state.send(sending));
            if sent.is_ready() {
                return sent;
            }
        }
        self.send_or_wait(cx, sending)
    }

    #[inline(never)]
    fn send_or_wait<S: Outgoing<T>>(&self, cx: &Context<'_>, sending: &mut Sending<'_, S>) -> Poll<bool> {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            let sent = state.send(sending);
            if sent.is_pending()
                && let Some(waker) = waker.take()
            {
                state.wait_to_send(sending, waker);
            }
            sent
        })
    }

    /// Removes a waiting sender, and returns the rest of the deposit.
    #[cold]
    pub(super) fn cancel_send<S: Outgoing<T>>(&self, sending: &mut Sending<'_, S>) {
        self.with(|state| state.cancel_send(sending));
    }

    /// Hands items to a receiver through `take`. Ready with the number: 0 if the queue is closed and empty.
    pub(super) fn try_recv(
        &self,
        receiving: &mut Receiving<'_>,
        take: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        self.with(|state| state.recv(receiving, take))
    }

    /// Hands a single item to a receiver without a ticket, in the usual case: the queue has an item.
    #[inline]
    pub(super) fn recv_single(&self, unfinished: &mut usize) -> Option<T> {
        if self.recent_total.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.with(|state| state.recv_single(unfinished))
    }

    /// Hands items to a receiver. After a pending poll, the task is woken when there are items.
    #[inline]
    pub(super) fn poll_recv(
        &self,
        cx: &Context<'_>,
        receiving: &mut Receiving<'_>,
        take: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        if self.recent_total.load(Ordering::Relaxed) > 0 || receiving.ticket.is_some() {
            let received = self.with(|state| state.recv(receiving, take));
            if received.is_ready() {
                return received;
            }
        }
        self.recv_or_wait(cx, receiving, take)
    }

    #[inline(never)]
    fn recv_or_wait(
        &self,
        cx: &Context<'_>,
        receiving: &mut Receiving<'_>,
        take: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            let received = state.recv(receiving, take);
            if received.is_pending()
                && let Some(waker) = waker.take()
            {
                state.wait_to_recv(receiving, waker);
            }
            received
        })
    }

    /// Removes a waiting receiver, and counts the items taken last as finished.
    pub(super) fn cancel_recv(&self, ticket: &mut Option<Ticket>, unfinished: &mut usize) {
        self.with(|state| state.cancel_recv(ticket, unfinished));
    }

    /// Ready with `true` when every item was taken and finished, with `false` when an item was dropped.
    pub(super) fn poll_join(&self, cx: &Context<'_>, ticket: &mut Option<Ticket>) -> Poll<bool> {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            let joined = state.join(ticket);
            if joined.is_pending()
                && let Some(waker) = waker.take()
            {
                state.wait_to_join(ticket, waker);
            }
            joined
        })
    }

    #[cold]
    pub(super) fn cancel_join(&self, ticket: &mut Option<Ticket>) {
        self.with(|state| state.cancel_join(ticket));
    }

    pub(super) fn close(&self) {
        self.with(State::close);
    }

    pub(super) fn close_if_empty(&self) -> bool {
        self.with(State::close_if_empty)
    }

    pub(super) fn drain(&self) -> VecDeque<(usize, T)> {
        self.with(|state| state.drain().collect())
    }
}
