//! The heart of a queue: its state, under one lock, and how one waits for it.
//!
//! An operation takes the lock once; one that has to wait takes it a second time, since its waker is cloned
//! before: no code of the user's runs under the lock (see `state.rs`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::items::{Items, Supply};
use super::line::wake;
use super::state::{Putting, State, Taking};
use crate::util::mutex::{Mutex, MutexGuard};
use crate::util::sync::atomic::{AtomicUsize, Ordering};

/// How many turns of a spin loop somebody waits who finds the lock taken: about a microsecond.
const BACK_OFF: u32 = 50;

pub(super) struct Shared<T> {
    pub(super) capacity: usize,
    pub(super) newest_first: bool,
    /// How many items there were a moment ago: who will have to wait does not try before.
    lately: AtomicUsize,
    state: Mutex<State<T>>,
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
        // Whoever waits for an item to be dropped would wait for as long as there is a producer.
        let left = self.0.with(State::abandon);
        drop(left);
    }
}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize, newest_first: bool) -> Self {
        let state = Mutex::new(State::new(capacity, newest_first));
        Self { capacity, newest_first, lately: AtomicUsize::new(0), state }
    }

    /// Does something under the lock, and then later whoever is to be woken.
    #[inline]
    fn with<R>(&self, act: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = match self.state.try_lock() {
            Some(state) => state,
            None => self.lock_later(),
        };
        let result = act(&mut state);
        self.lately.store(state.items.total(), Ordering::Relaxed);
        if !state.later.is_empty() {
            self.wake(state);
        }
        result
    }

    /// Lets whoever holds the lock go on for a while: some operations in a row by one thread cost less than
    /// the same by two in turn.
    #[cold]
    fn lock_later(&self) -> MutexGuard<'_, State<T>> {
        for _ in 0..BACK_OFF {
            std::hint::spin_loop();
        }
        self.state.lock()
    }

    #[inline(never)]
    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        if let Some(only) = state.later.only() {
            drop(state);
            wake(only);
        } else {
            let later = std::mem::take(&mut state.later);
            drop(state);
            let spare = later.wake();
            self.with(|state| state.later.reuse(spare));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.with(|state| state.items.len())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.with(|state| state.closed)
    }

    /// Puts as many items as there is room for. Ready with `true` when all are put, with `false` when the
    /// queue is closed.
    pub(super) fn try_send<S: Supply<T>>(&self, putting: &mut Putting<'_, S>) -> Poll<bool> {
        self.with(|state| state.put_at_once(putting))
    }

    /// The same in turn; the task is woken when there is more to do.
    #[inline]
    pub(super) fn poll_put<S: Supply<T>>(
        &self,
        cx: &Context<'_>,
        putting: &mut Putting<'_, S>,
    ) -> Poll<bool> {
        if self.lately.load(Ordering::Relaxed) < self.capacity || putting.place.is_some() {
            let put = self.with(|state| state.put(putting));
            if put.is_ready() {
                return put;
            }
        }
        self.put_or_wait(cx, putting)
    }

    #[inline(never)]
    fn put_or_wait<S: Supply<T>>(&self, cx: &Context<'_>, putting: &mut Putting<'_, S>) -> Poll<bool> {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            let put = state.put(putting);
            if put.is_pending()
                && let Some(waker) = waker.take()
            {
                state.wait_to_put(putting, waker);
            }
            put
        })
    }

    /// A giver goes away; what it has lent comes back.
    #[cold]
    pub(super) fn give_up_putting<S: Supply<T>>(&self, putting: &mut Putting<'_, S>) {
        self.with(|state| state.stop_putting(putting));
    }

    /// Takes what is there. Ready with how many items that are: none if the queue is closed and empty.
    pub(super) fn try_recv(
        &self,
        taking: &mut Taking<'_>,
        give: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        self.with(|state| state.take(taking, give))
    }

    /// The same; the task is woken when there is something.
    #[inline]
    pub(super) fn poll_take(
        &self,
        cx: &Context<'_>,
        taking: &mut Taking<'_>,
        give: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        if self.lately.load(Ordering::Relaxed) > 0 || taking.place.is_some() {
            let taken = self.with(|state| state.take(taking, give));
            if taken.is_ready() {
                return taken;
            }
        }
        self.take_or_wait(cx, taking, give)
    }

    #[inline(never)]
    fn take_or_wait(
        &self,
        cx: &Context<'_>,
        taking: &mut Taking<'_>,
        give: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            let taken = state.take(taking, give);
            if taken.is_pending()
                && let Some(waker) = waker.take()
            {
                state.wait_to_take(taking, waker);
            }
            taken
        })
    }

    /// A taker stops waiting, and has finished what it still had in hand.
    pub(super) fn give_up_taking(&self, place: &mut Option<u64>, in_hand: &mut usize) {
        self.with(|state| state.stop_taking(place, in_hand));
    }

    /// Ready when every item was taken and finished; with `false` if that cannot be any more.
    pub(super) fn poll_join(&self, cx: &Context<'_>, place: &mut Option<u64>) -> Poll<bool> {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            let joined = state.join(place);
            if joined.is_pending()
                && let Some(waker) = waker.take()
            {
                state.wait_to_join(place, waker);
            }
            joined
        })
    }

    #[cold]
    pub(super) fn give_up_joining(&self, place: &mut Option<u64>) {
        self.with(|state| state.stop_joining(place));
    }

    /// No more items may be put; those that are there may be taken.
    pub(super) fn close(&self) {
        self.with(State::close);
    }

    /// Closes the queue if it is empty; returns whether it is closed and empty.
    pub(super) fn close_if_empty(&self) -> bool {
        self.with(|state| {
            let empty = state.items.total() == 0;
            if empty {
                state.close();
            }
            empty
        })
    }

    /// Takes out everything that was not taken.
    pub(super) fn drain(&self) -> VecDeque<(usize, T)> {
        self.with(|state| (0..state.items.len()).map_while(|_| state.items.pop()).collect())
    }
}
