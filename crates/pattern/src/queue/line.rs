//! Who waits at one side of a queue, in the order of their coming, and who of them has been called.
//!
//! # Invariants
//!
//! - While there is something, somebody who was called is on the way, or nobody is left to call. Whoever comes,
//!   or gives up, calls the next. So nothing lies there that everybody sleeps for; and one wake-up, of one who
//!   finds more than it wants, is the price of a whole batch.
//! - Who has a waker has not been called. All before `asleep` have been.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;
use std::thread::panicking;

/// Nobody counts as wanting more, so that what all want together is a number.
const LARGEST_WANT: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Line {
    places: VecDeque<Place>,
    asleep: usize,
    /// What all the called want together.
    wanted: usize,
    /// What all want together.
    demand: usize,
    last_number: u64,
}

struct Place {
    number: u64,
    want: usize,
    /// How many items of its owner are lent to the queue.
    lent: usize,
    waker: Option<Waker>,
}

impl Line {
    /// Waits for `want`, at the place it had before if it had one.
    pub(super) fn wait(
        &mut self,
        place: &mut Option<u64>,
        want: usize,
        lent: usize,
        waker: Waker,
        later: &mut Later,
    ) {
        let want = want.min(LARGEST_WANT);
        let Some(at) = self.find(*place) else {
            self.last_number += 1;
            *place = Some(self.last_number);
            self.places.push_back(Place { number: self.last_number, want, lent, waker: Some(waker) });
            self.demand += want;
            return;
        };
        self.asleep = self.asleep.min(at);
        let before = self.places[at].waker.replace(waker);
        if before.is_none() {
            self.wanted -= self.places[at].want;
        }
        self.demand = self.demand - self.places[at].want + want;
        self.places[at].want = want;
        later.unneeded = before;
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether nobody is before `place`.
    pub(super) fn is_first(&self, place: Option<u64>) -> bool {
        self.places.front().is_none_or(|first| Some(first.number) == place)
    }

    /// Leaves the line, if it is in it.
    pub(super) fn leave(&mut self, place: &mut Option<u64>, later: &mut Later) {
        if let Some(at) = self.find(place.take()) {
            later.unneeded = self.remove(at);
        }
    }

    #[inline]
    fn remove(&mut self, at: usize) -> Option<Waker> {
        let Place { want, waker, .. } =
            if at == 0 { self.places.pop_front() } else { self.places.remove(at) }?;
        self.asleep -= usize::from(at < self.asleep);
        self.demand -= want;
        if waker.is_none() {
            self.wanted -= want;
        }
        waker
    }

    #[inline]
    fn find(&self, place: Option<u64>) -> Option<usize> {
        let number = place?;
        if self.places.front().is_some_and(|first| first.number == number) {
            return Some(0);
        }
        self.places.binary_search_by_key(&number, |place| place.number).ok()
    }

    /// How many items of `place` are lent; `None` if it is not in line any more.
    pub(super) fn lent(&self, place: u64) -> Option<usize> {
        self.find(Some(place)).map(|at| self.places[at].lent)
    }

    /// How many items are lent of those who stand before `place`.
    pub(super) fn lent_before(&self, place: u64) -> usize {
        self.places.iter().take_while(|before| before.number < place).map(|before| before.lent).sum()
    }

    /// Whether somebody has not been called.
    #[inline]
    pub(super) fn is_asleep(&self) -> bool {
        self.asleep < self.places.len()
    }

    /// Lets up to `room` items in that are lent, by whoever came first, and says how many. Who has no more of them
    /// is out of the line, and woken. Others are passed over: they may never come.
    #[cold]
    pub(super) fn admit(&mut self, room: usize, later: &mut Later) -> usize {
        let (mut left, mut at) = (room, 0);
        while left > 0
            && let Some(place) = self.places.get_mut(at)
        {
            let count = left.min(place.lent);
            left -= count;
            place.lent -= count;
            if count > 0 && place.lent == 0 {
                if let Some(waker) = self.remove(at) {
                    later.push(waker);
                }
                continue;
            }
            if place.lent > 0 {
                let less = place.want - place.want.min(place.lent);
                place.want -= less;
                self.demand -= less;
                self.wanted -= if place.waker.is_none() { less } else { 0 };
            }
            at += 1;
        }
        room - left
    }

    /// Calls somebody for what is `there`, unless somebody is on the way; when it is all there can ever be, as
    /// many as it takes: one who never comes must not keep the others waiting.
    #[inline]
    pub(super) fn call(&mut self, there: usize, at_most: usize, later: &mut Later) {
        let enough = if there < at_most { there.min(1) } else { there };
        if self.wanted < enough && self.is_asleep() {
            self.call_for(enough, later);
        }
    }

    #[inline(never)]
    fn call_for(&mut self, enough: usize, later: &mut Later) {
        while self.wanted < enough
            && let Some(next) = self.places.get_mut(self.asleep)
        {
            self.asleep += 1;
            if let Some(waker) = next.waker.take() {
                self.wanted += next.want;
                later.push(waker);
            }
        }
    }

    /// Calls everybody: there is nothing to wait for any more.
    pub(super) fn call_all(&mut self, later: &mut Later) {
        self.call_for(usize::MAX, later);
    }

    /// What all who stand in line want together.
    pub(super) fn demand(&self) -> usize {
        self.demand
    }
}

/// Wakes one. While a panic unwinds, a second one would abort the process: the first is the one that is told.
#[inline]
pub(super) fn wake(waker: Waker) {
    if panicking() {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    } else {
        waker.wake();
    }
}

/// A queue keeps memory for so many wakers.
const KEPT_WAKERS: usize = 64;

/// Whom to wake once the lock is released, and what is to be dropped.
#[derive(Default)]
pub(super) struct Later {
    first: Option<Waker>,
    others: Vec<Waker>,
    /// Not to be woken, but only dropped.
    unneeded: Option<Waker>,
}

impl Later {
    #[inline]
    fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.others.push(waker),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() && self.unneeded.is_none()
    }

    /// The waker of the only one to wake, if that is all.
    #[inline]
    pub(super) fn only(&mut self) -> Option<Waker> {
        if self.others.is_empty() && self.unneeded.is_none() { self.first.take() } else { None }
    }

    /// Wakes them all, even if one of their wakers panics (see [`wake`]). What is returned is empty, for the next time.
    #[cold]
    pub(super) fn wake(mut self) -> Vec<Waker> {
        let mut panicked = None;
        for waker in self.first.into_iter().chain(self.others.drain(..)) {
            let woken = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            panicked = panicked.or(woken.err());
        }
        if let Some(payload) = panicked.filter(|_| !panicking()) {
            resume_unwind(payload);
        }
        self.others
    }

    /// Keeps the memory of a list of moderate length, so that to wake some together allocates nothing.
    pub(super) fn reuse(&mut self, spare: Vec<Waker>) {
        if self.others.capacity() == 0 && spare.capacity() <= KEPT_WAKERS {
            self.others = spare;
        }
    }
}
