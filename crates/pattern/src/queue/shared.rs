//! The heart of a queue: its items, and who waits for them, under one lock.
//!
//! No code of the user's runs under it: wakers are cloned before, woken and dropped after, and items only move.
//!
//! # Invariants
//!
//! - While there are items in the queue, a taker that was called is on the way, or none waits; while there is
//!   room, the same of givers (see `line.rs`).
//! - A giver that waits lends its items (see `items.rs`), unless it has to be certain that a cancelled put has
//!   put nothing. They are admitted when there is room for them and somebody comes by, in the order of the
//!   line; a taker that comes again before the giver does finds them there.
//! - A giver whose items were all admitted is not in line any more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::items::{Items, Supply};
use super::line::{Line, Wakes};

pub(super) struct Shared<T> {
    pub(super) capacity: usize,
    pub(super) newest_first: bool,
    /// How many items were in the queue a moment ago: who will have to wait clones its waker before it locks.
    lately: AtomicUsize,
    state: Mutex<State<T>>,
}

struct State<T> {
    capacity: usize,
    items: Items<T>,
    /// How many items were taken and finished, since ever.
    finished: usize,
    closed: bool,
    /// Nobody will ever take anything.
    abandoned: bool,
    givers: Line,
    takers: Line,
    joiners: Line,
    /// Whom to wake once the lock is released.
    wakes: Wakes,
}

/// What all producers of a queue have together. With the last of them, nothing more will come.
pub(super) struct Giving<T>(pub(super) Arc<Shared<T>>);

impl<T> Drop for Giving<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What all consumers of a queue have together. With the last of them, nothing will ever be taken.
pub(super) struct Receiving<T>(pub(super) Arc<Shared<T>>);

impl<T> Drop for Receiving<T> {
    fn drop(&mut self) {
        let mut locked = self.0.lock();
        let state = &mut *locked;
        state.close();
        state.abandoned = true;
        state.joiners.call_all(&mut state.wakes);
        // Whoever waits for one of these to be dropped would wait for as long as there is a producer.
        let left = state.items.discard();
        self.0.release(locked, left);
    }
}

/// What a taker brings to the queue.
pub(super) struct Taking<'a> {
    /// Where it stands in line, if it does.
    pub(super) place: &'a mut Option<u64>,
    /// How many items it has in hand; they are finished now.
    pub(super) in_hand: &'a mut usize,
    pub(super) max: usize,
}

/// Items on their way into a queue.
pub(super) struct Putting<'a, S> {
    /// Where their giver stands in line, if it does.
    pub(super) place: &'a mut Option<u64>,
    pub(super) items: &'a mut S,
    /// Of the input that they come from, where they come from one.
    pub(super) index: Option<usize>,
}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize, newest_first: bool) -> Self {
        let state = State {
            capacity,
            items: Items::new(newest_first),
            finished: 0,
            closed: false,
            abandoned: false,
            givers: Line::default(),
            takers: Line::default(),
            joiners: Line::default(),
            wakes: Wakes::default(),
        };
        Self { capacity, newest_first, lately: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic on a user's account runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the lock, and then wakes whoever is to be woken and drops what is not needed any more.
    #[inline]
    fn release<U>(&self, mut state: MutexGuard<'_, State<T>>, unneeded: U) {
        self.lately.store(state.items.total(), Ordering::Relaxed);
        match state.wakes.take() {
            None => drop(state),
            Some(woken) => {
                drop(state);
                woken.wake();
            }
        }
        drop(unneeded);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().items.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Puts as many items as there is room for. Ready with `true` when all are put, with `false` when the
    /// queue is closed.
    pub(super) fn try_put<S: Supply<T>>(&self, putting: &mut Putting<'_, S>) -> Poll<bool> {
        let mut state = self.lock();
        let put = state.put(putting);
        self.release(state, ());
        put
    }

    /// Ready with `true` when all items are in the queue, with `false` when it is closed.
    #[inline]
    pub(super) fn poll_put<S: Supply<T>>(
        &self,
        cx: &Context<'_>,
        putting: &mut Putting<'_, S>,
    ) -> Poll<bool> {
        let full = putting.place.is_none() && self.lately.load(Ordering::Relaxed) >= self.capacity;
        let mut waker = full.then(|| cx.waker().clone());
        loop {
            let mut state = self.lock();
            let put = state.put(putting);
            if put.is_ready() {
                let left = state.stop_putting(putting);
                self.release(state, (left, waker));
                return put;
            }
            if let Some(waker) = waker.take() {
                let before = state.wait_to_put(putting, waker);
                self.release(state, before);
                return Poll::Pending;
            }
            self.release(state, ());
            waker = Some(cx.waker().clone());
        }
    }

    /// A giver goes away; what it has lent comes back.
    #[cold]
    pub(super) fn give_up_putting<S: Supply<T>>(&self, putting: &mut Putting<'_, S>) {
        let mut state = self.lock();
        state.take_back(putting);
        let left = state.stop_putting(putting);
        self.release(state, left);
    }

    /// Takes what is there now; `None` if the queue is closed and empty.
    pub(super) fn try_take(
        &self,
        taking: &mut Taking<'_>,
        give: impl FnOnce(&mut Items<T>, usize),
    ) -> Option<usize> {
        let mut state = self.lock();
        let ready = state.ready_for(taking);
        let left = state.take(taking, ready, give);
        let ended = ready == 0 && state.closed;
        self.release(state, left);
        (!ended).then_some(ready)
    }

    /// Ready with how many items were taken: none if the queue is closed and empty.
    #[inline]
    pub(super) fn poll_take(
        &self,
        cx: &Context<'_>,
        taking: &mut Taking<'_>,
        give: impl FnOnce(&mut Items<T>, usize),
    ) -> Poll<usize> {
        let empty = taking.place.is_none() && self.lately.load(Ordering::Relaxed) == 0;
        let mut waker = empty.then(|| cx.waker().clone());
        loop {
            let mut state = self.lock();
            let ready = state.ready_for(taking);
            if ready > 0 || state.closed {
                let left = state.take(taking, ready, give);
                self.release(state, (left, waker));
                return Poll::Ready(ready);
            }
            state.finish(taking.in_hand);
            if let Some(waker) = waker.take() {
                let want = taking.max.min(self.capacity.max(1));
                let before = state.takers.wait(taking.place, want, 0, waker);
                if self.capacity == 0 {
                    state.call_givers();
                }
                self.release(state, before);
                return Poll::Pending;
            }
            self.release(state, ());
            waker = Some(cx.waker().clone());
        }
    }

    /// A taker stops waiting, and has finished what it still had in hand.
    pub(super) fn give_up_taking(&self, place: &mut Option<u64>, finished: &mut usize) {
        let mut state = self.lock();
        let left = state.takers.leave(place);
        state.call_takers();
        state.finish(finished);
        self.release(state, left);
    }

    /// Ready when every item was taken and finished; with `false` if that cannot be any more.
    pub(super) fn poll_join(&self, cx: &Context<'_>, place: &mut Option<u64>) -> Poll<bool> {
        let waker = cx.waker().clone();
        let mut state = self.lock();
        let all = state.is_finished();
        if all || state.abandoned {
            let left = state.joiners.leave(place);
            self.release(state, (left, waker));
            return Poll::Ready(all);
        }
        let before = state.joiners.wait(place, 1, 0, waker);
        self.release(state, before);
        Poll::Pending
    }

    #[cold]
    pub(super) fn give_up_joining(&self, place: &mut Option<u64>) {
        let mut state = self.lock();
        let left = state.joiners.leave(place);
        self.release(state, left);
    }

    /// No more items may be put; those that are there may be taken.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.close();
        self.release(state, ());
    }

    /// Takes out everything that was not taken.
    pub(super) fn drain(&self) -> VecDeque<(usize, T)> {
        let mut state = self.lock();
        let items = &mut state.items;
        (0..items.len()).map_while(|_| items.pop()).collect()
    }
}

impl<T> State<T> {
    /// Room for so many items, of which somebody takes `now` at once. Without any capacity, an item may come for
    /// each that is waited for.
    #[inline]
    fn room(&self, now: usize) -> usize {
        let most = if self.capacity == 0 { self.takers.demand() + now } else { self.capacity };
        most.saturating_sub(self.items.len())
    }

    /// Lets in what is lent, as far as there is room.
    #[inline]
    fn admit(&mut self, now: usize) {
        if self.items.lent() > 0 && !self.closed {
            let room = self.room(now);
            let count = self.givers.admit(room, &mut self.wakes);
            self.items.admit(count);
        }
    }

    /// Puts what there is room for. Ready with `true` when all is put, with `false` when the queue is closed.
    #[inline]
    fn put<S: Supply<T>>(&mut self, putting: &mut Putting<'_, S>) -> Poll<bool> {
        self.admit(0);
        let lent = putting.place.and_then(|place| self.givers.lent(place));
        let was_let_in = putting.place.is_some() && lent.is_none() && putting.items.len() == 0;
        if self.closed && !was_let_in {
            self.take_back(putting);
            return Poll::Ready(false);
        }
        // Nobody gets in before those who have lent what they put.
        if lent.is_none_or(|lent| lent == 0)
            && (self.items.lent() == 0 || self.givers.is_first(*putting.place))
        {
            let count = self.room(0).min(putting.items.len());
            self.items.put(count, putting.index, putting.items);
        }
        self.call_takers();
        let all = putting.items.len() == 0 && lent.is_none_or(|lent| lent == 0);
        if all { Poll::Ready(true) } else { Poll::Pending }
    }

    /// Gets in line, or back in line, with what did not find room.
    fn wait_to_put<S: Supply<T>>(&mut self, putting: &mut Putting<'_, S>, waker: Waker) -> Option<Waker> {
        let most = putting.items.len().min(self.capacity.max(1));
        let lent = putting.place.and_then(|place| self.givers.lent(place));
        let lend = if lent.is_none() && S::LENDS && self.items.may_lend(putting.index) { most } else { 0 };
        self.items.lend(lend, putting.index, putting.items);
        let want = lent.filter(|&lent| lent > 0).unwrap_or(most);
        self.givers.wait(putting.place, want, lend, waker)
    }

    #[cold]
    fn take_back<S: Supply<T>>(&mut self, putting: &mut Putting<'_, S>) {
        if let Some(place) = *putting.place
            && let Some(count) = self.givers.lent(place)
        {
            let before = self.givers.lent_before(place);
            self.items.give_back(before, count, putting.items);
        }
    }

    /// Leaves the line. What it returns is to be dropped once the lock is released.
    #[inline]
    fn stop_putting<S>(&mut self, putting: &mut Putting<'_, S>) -> Option<Waker> {
        let left = self.givers.leave(putting.place);
        self.call_givers();
        left
    }

    /// How many items can be taken now.
    #[inline]
    fn ready_for(&mut self, taking: &Taking<'_>) -> usize {
        if self.items.len() == 0 {
            self.admit(if taking.place.is_none() { taking.max } else { 0 });
        }
        taking.max.min(self.items.len())
    }

    /// Takes `count`, and leaves the line. What it returns is to be dropped once the lock is released.
    #[inline]
    fn take(
        &mut self,
        taking: &mut Taking<'_>,
        count: usize,
        give: impl FnOnce(&mut Items<T>, usize),
    ) -> Option<Waker> {
        self.finish(taking.in_hand);
        give(&mut self.items, count);
        *taking.in_hand = count;
        let left = self.takers.leave(taking.place);
        self.call_takers();
        self.call_givers();
        left
    }

    /// So many items are finished that were in hand.
    #[inline]
    fn finish(&mut self, in_hand: &mut usize) {
        self.finished += std::mem::take(in_hand);
        if !self.joiners.is_empty() && self.is_finished() {
            self.joiners.call_all(&mut self.wakes);
        }
    }

    #[inline]
    fn call_takers(&mut self) {
        self.takers.call(self.items.len(), self.capacity, &mut self.wakes);
    }

    #[inline]
    fn call_givers(&mut self) {
        if self.givers.is_asleep() {
            let room = self.room(0);
            self.givers.call(room, room, &mut self.wakes);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.givers.call_all(&mut self.wakes);
        self.takers.call_all(&mut self.wakes);
    }

    fn is_finished(&self) -> bool {
        self.items.len() == 0 && self.finished == self.items.taken()
    }
}
