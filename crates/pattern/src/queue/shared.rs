//! The heart of a queue: its items, and who waits for them.
//!
//! Items are put into the *inlet* and taken from the *outlet*, each under a lock of its own. A taker that
//! finds the outlet empty swaps the two, so that producers and consumers meet once a swap and not once an
//! item. What is rare (to wait, to stop waiting, to join) is done under both locks, the outlet's taken first.
//!
//! No code of the user's runs under a lock: wakers are cloned before, woken and dropped after, and items
//! only move.
//!
//! # Invariants
//!
//! - `Inlet::ahead` is at least the number of items in the outlet, and equal to it under both locks. So who finds
//!   room by it has room; who does not takes both locks, and counts.
//! - While a giver waits, `Outlet::watched` is set, and every taker looks whom to call; so it is while somebody
//!   joins.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::line::{Line, Wakes};
use crate::aligned::Aligned;

pub(super) struct Shared<T> {
    pub(super) capacity: usize,
    pub(super) newest_first: bool,
    outlet: Aligned<Mutex<Outlet<T>>>,
    inlet: Aligned<Mutex<Inlet<T>>>,
}

struct Outlet<T> {
    items: VecDeque<Entry<T>>,
    /// How many items were taken and finished, since ever.
    finished: usize,
    /// Somebody waits for room, or for the last item to be finished.
    watched: bool,
}

struct Inlet<T> {
    items: VecDeque<Entry<T>>,
    /// How many items are in the outlet, at most.
    ahead: usize,
    /// How many items were put, since ever.
    put: usize,
    closed: bool,
    /// Nobody will ever take anything.
    abandoned: bool,
    givers: Line,
    takers: Line,
    joiners: Line,
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
        let mut both = self.0.lock_both();
        both.close();
        let Both { inlet, wakes, .. } = &mut both;
        inlet.abandoned = true;
        inlet.joiners.call_all(wakes);
        // Whoever waits for one of these to be dropped would wait for as long as there is a producer.
        let left = (std::mem::take(&mut both.outlet.items), std::mem::take(&mut both.inlet.items));
        both.release(left);
    }
}

/// An item of a queue, and the index of the input that it came from.
pub(crate) struct Entry<T> {
    pub(crate) index: usize,
    pub(crate) value: T,
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
    pub(super) items: &'a mut S,
    /// Of the input that they come from, where they come from one.
    pub(super) index: Option<usize>,
}

/// The items of a [`Putting`]: the next is given only if there is room for it.
pub(super) trait Supply<T> {
    fn next(&mut self) -> Option<T>;
    fn len(&self) -> usize;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic on a user's account runs under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn give_first<T>(count: usize, items: &mut VecDeque<Entry<T>>, give: &mut impl FnMut(Entry<T>)) {
    match count {
        0 => {}
        // The usual number; a drain does more.
        1 => items.pop_front().into_iter().for_each(give),
        _ => items.drain(..count).for_each(give),
    }
}

/// Both sides, locked.
struct Both<'a, T> {
    outlet: MutexGuard<'a, Outlet<T>>,
    inlet: MutexGuard<'a, Inlet<T>>,
    wakes: Wakes,
}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize, newest_first: bool) -> Self {
        let outlet = Outlet { items: VecDeque::new(), finished: 0, watched: false };
        let inlet = Inlet {
            items: VecDeque::new(),
            ahead: 0,
            put: 0,
            closed: false,
            abandoned: false,
            givers: Line::default(),
            takers: Line::default(),
            joiners: Line::default(),
        };
        let (outlet, inlet) = (Aligned(Mutex::new(outlet)), Aligned(Mutex::new(inlet)));
        Self { capacity, newest_first, outlet, inlet }
    }

    #[inline]
    fn lock_both(&self) -> Both<'_, T> {
        let outlet = lock(&self.outlet);
        let mut inlet = lock(&self.inlet);
        inlet.ahead = outlet.items.len();
        Both { outlet, inlet, wakes: Wakes::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.lock_both().len()
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.inlet).closed
    }

    /// Puts as many items as there is room for, as far as can be known without the outlet. Ready with `true`
    /// when all are put, with `false` when the queue is closed.
    pub(super) fn put<S: Supply<T>>(&self, putting: &mut Putting<'_, S>) -> Poll<bool> {
        let mut wakes = Wakes::default();
        let mut inlet = lock(&self.inlet);
        let put = inlet.put(self.capacity, putting, &mut wakes);
        drop(inlet);
        wakes.wake();
        put
    }

    /// As [`Shared::put`], with a look at the outlet.
    pub(super) fn try_put<S: Supply<T>>(&self, putting: &mut Putting<'_, S>) -> Poll<bool> {
        if let Poll::Ready(open) = self.put(putting) {
            return Poll::Ready(open);
        }
        let mut both = self.lock_both();
        let put = both.inlet.put(self.capacity, putting, &mut both.wakes);
        both.release(());
        put
    }

    /// Ready with `true` when all items are in the queue, with `false` when it is closed.
    pub(super) fn poll_put<S: Supply<T>>(
        &self,
        cx: &Context<'_>,
        place: &mut Option<u64>,
        putting: &mut Putting<'_, S>,
    ) -> Poll<bool> {
        let mut waker = None;
        if place.is_none() {
            if let Poll::Ready(open) = self.put(putting) {
                return Poll::Ready(open);
            }
            waker = Some(cx.waker().clone());
        } else if putting.items.len() > self.capacity {
            // It will wait again, however much room there is.
            waker = Some(cx.waker().clone());
        }
        loop {
            let mut both = self.lock_both();
            let put = both.inlet.put(self.capacity, putting, &mut both.wakes);
            if put.is_ready() {
                let left = both.inlet.givers.leave(place);
                both.call_givers(self.capacity);
                both.release((left, waker));
                return put;
            }
            if let Some(waker) = waker.take() {
                let want = putting.items.len().min(self.capacity.max(1));
                let before = both.inlet.givers.wait(place, want, waker);
                both.outlet.watched = true;
                both.release(before);
                return Poll::Pending;
            }
            both.release(());
            waker = Some(cx.waker().clone());
        }
    }

    /// A giver goes away without having put everything.
    #[cold]
    pub(super) fn give_up_putting(&self, place: &mut Option<u64>) {
        let mut both = self.lock_both();
        let left = both.inlet.givers.leave(place);
        both.call_givers(self.capacity);
        both.release(left);
    }

    /// Takes what is there now; `None` if the queue is closed and empty.
    pub(super) fn try_take(&self, taking: &mut Taking<'_>, mut give: impl FnMut(Entry<T>)) -> Option<usize> {
        if let Some(taken) = self.take_from_outlet(taking, &mut give) {
            return Some(taken);
        }
        let mut both = self.lock_both();
        let taken = both.take(self, taking, give);
        let left = both.inlet.takers.leave(taking.place);
        both.call_takers(self.capacity);
        let ended = taken == 0 && both.inlet.closed;
        both.release(left);
        (!ended).then_some(taken)
    }

    /// Takes from the outlet alone, if that is all there is to do.
    fn take_from_outlet(&self, taking: &mut Taking<'_>, mut give: impl FnMut(Entry<T>)) -> Option<usize> {
        if taking.place.is_some() {
            return None;
        }
        let mut outlet = lock(&self.outlet);
        if outlet.watched || outlet.items.len() < taking.max {
            return None;
        }
        outlet.finished += std::mem::replace(taking.in_hand, taking.max);
        give_first(taking.max, &mut outlet.items, &mut give);
        Some(taking.max)
    }

    /// Ready with how many items were taken: none if the queue is closed and empty.
    pub(super) fn poll_take(
        &self,
        cx: &Context<'_>,
        taking: &mut Taking<'_>,
        mut give: impl FnMut(Entry<T>),
    ) -> Poll<usize> {
        let mut waker = None;
        if taking.place.is_none() {
            if let Some(taken) = self.take_from_outlet(taking, &mut give) {
                return Poll::Ready(taken);
            }
            waker = Some(cx.waker().clone());
        }
        loop {
            let mut both = self.lock_both();
            if both.len() > 0 || both.inlet.closed {
                let taken = both.take(self, taking, &mut give);
                let left = both.inlet.takers.leave(taking.place);
                both.call_takers(self.capacity);
                both.release((left, waker));
                return Poll::Ready(taken);
            }
            both.finish(taking.in_hand);
            if let Some(waker) = waker.take() {
                let want = taking.max.min(self.capacity.max(1));
                let before = both.inlet.takers.wait(taking.place, want, waker);
                if self.capacity == 0 {
                    both.call_givers(0);
                }
                both.release(before);
                return Poll::Pending;
            }
            both.release(());
            waker = Some(cx.waker().clone());
        }
    }

    /// A taker stops waiting, and has finished what it still had in hand.
    pub(super) fn give_up_taking(&self, place: &mut Option<u64>, finished: &mut usize) {
        let mut both = self.lock_both();
        let left = both.inlet.takers.leave(place);
        both.call_takers(self.capacity);
        both.finish(finished);
        both.release(left);
    }

    /// Ready when every item was taken and finished; with `false` if that cannot be any more.
    pub(super) fn poll_join(&self, cx: &Context<'_>, place: &mut Option<u64>) -> Poll<bool> {
        let waker = cx.waker().clone();
        let mut both = self.lock_both();
        let all = both.is_finished();
        if all || both.inlet.abandoned {
            let left = both.inlet.joiners.leave(place);
            both.release(left);
            return Poll::Ready(all);
        }
        let before = both.inlet.joiners.wait(place, 1, waker);
        both.outlet.watched = true;
        both.release(before);
        Poll::Pending
    }

    #[cold]
    pub(super) fn give_up_joining(&self, place: &mut Option<u64>) {
        let left = lock(&self.inlet).joiners.leave(place);
        drop(left);
    }

    /// No more items may be put; those that are there may be taken.
    pub(super) fn close(&self) {
        let mut both = self.lock_both();
        both.close();
        both.release(());
    }

    /// Takes out everything that was not taken.
    pub(super) fn drain(&self) -> VecDeque<Entry<T>> {
        let mut both = self.lock_both();
        let mut items = std::mem::take(&mut both.outlet.items);
        items.append(&mut both.inlet.items);
        items
    }
}

impl<T> Inlet<T> {
    /// Room for so many items, at least. Without any capacity, an item may come for each that is waited for.
    fn room(&self, capacity: usize) -> usize {
        let most = if capacity == 0 { self.takers.demand() } else { capacity };
        most.saturating_sub(self.items.len() + self.ahead)
    }

    fn put<S: Supply<T>>(
        &mut self,
        capacity: usize,
        putting: &mut Putting<'_, S>,
        wakes: &mut Wakes,
    ) -> Poll<bool> {
        if self.closed {
            return Poll::Ready(false);
        }
        for _ in 0..self.room(capacity) {
            let Some(value) = putting.items.next() else { break };
            self.items.push_back(Entry { index: putting.index.unwrap_or(self.put), value });
            self.put += 1;
        }
        self.takers.call(self.items.len() + self.ahead, capacity, wakes);
        if putting.items.len() == 0 { Poll::Ready(true) } else { Poll::Pending }
    }
}

impl<T> Both<'_, T> {
    fn len(&self) -> usize {
        self.outlet.items.len() + self.inlet.items.len()
    }

    #[inline]
    fn take(&mut self, shared: &Shared<T>, taking: &mut Taking<'_>, mut give: impl FnMut(Entry<T>)) -> usize {
        self.finish(taking.in_hand);
        let Self { outlet, inlet, .. } = self;
        let mut taken = taking.max.min(outlet.items.len());
        give_first(taken, &mut outlet.items, &mut give);
        let more = (taking.max - taken).min(inlet.items.len());
        if shared.newest_first {
            let rest = inlet.items.len() - more;
            inlet.items.drain(rest..).rev().for_each(&mut give);
        } else if more == inlet.items.len() {
            give_first(more, &mut inlet.items, &mut give);
        } else if more > 0 {
            std::mem::swap(&mut outlet.items, &mut inlet.items);
            give_first(more, &mut outlet.items, &mut give);
        }
        taken += more;
        *taking.in_hand = taken;
        inlet.ahead = outlet.items.len();
        if outlet.watched {
            self.call_givers(shared.capacity);
        }
        taken
    }

    /// So many items are finished that were in hand.
    fn finish(&mut self, in_hand: &mut usize) {
        self.outlet.finished += std::mem::take(in_hand);
        if self.outlet.watched {
            self.call_joiners();
        }
    }

    fn is_finished(&self) -> bool {
        self.outlet.finished == self.inlet.put
    }

    fn call_takers(&mut self, capacity: usize) {
        let there = self.len();
        self.inlet.takers.call(there, capacity, &mut self.wakes);
    }

    fn call_givers(&mut self, capacity: usize) {
        let room = self.inlet.room(capacity);
        self.inlet.givers.call(room, room, &mut self.wakes);
    }

    fn call_joiners(&mut self) {
        if self.is_finished() {
            let Self { inlet, wakes, .. } = self;
            inlet.joiners.call_all(wakes);
        }
    }

    fn close(&mut self) {
        let Self { inlet, wakes, .. } = self;
        inlet.closed = true;
        inlet.givers.call_all(wakes);
        inlet.takers.call_all(wakes);
    }

    /// Releases both locks, and then wakes whoever is to be woken and drops what is not needed any more.
    #[inline]
    fn release<U>(mut self, unneeded: U) {
        self.outlet.watched = !(self.inlet.givers.is_empty() && self.inlet.joiners.is_empty());
        let Self { outlet, inlet, wakes } = self;
        drop(inlet);
        drop(outlet);
        wakes.wake();
        drop(unneeded);
    }
}

impl<T> Supply<T> for Option<T> {
    fn next(&mut self) -> Option<T> {
        self.take()
    }

    fn len(&self) -> usize {
        usize::from(self.is_some())
    }
}

impl<T> Supply<T> for &mut VecDeque<T> {
    fn next(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn len(&self) -> usize {
        VecDeque::len(self)
    }
}
