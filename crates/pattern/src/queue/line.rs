//! Who waits at one side of a queue, in the order of their coming, and who of them has been called.
//!
//! # Invariant
//!
//! While there is something, somebody who was called is on the way, or nobody is left to call. Whoever comes,
//! or gives up, calls the next. So nothing lies there that everybody sleeps for; and one wake-up, of one who
//! finds more than it wants, is the price of a whole batch.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

/// Nobody counts as wanting more, so that what all want together is a number.
const LARGEST_WANT: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Line {
    waiting: VecDeque<Waiting>,
    /// Woken and not polled since, in their order: their place, and how much they want.
    called: VecDeque<(u64, usize)>,
    /// What all the called want together.
    wanted: usize,
    /// What the others want.
    still_wanted: usize,
    next_place: u64,
}

struct Waiting {
    place: u64,
    want: usize,
    waker: Waker,
}

impl Line {
    /// Waits for `want`, at the place it had before if it had one. What it returns is to be dropped once the
    /// lock is released.
    pub(super) fn wait(&mut self, place: &mut Option<u64>, want: usize, waker: Waker) -> Option<Waker> {
        let want = want.min(LARGEST_WANT);
        let before = self.take_out(*place);
        let place = *place.get_or_insert_with(|| {
            self.next_place += 1;
            self.next_place
        });
        let at = self.waiting.partition_point(|waiting| waiting.place < place);
        self.waiting.insert(at, Waiting { place, want, waker });
        self.still_wanted += want;
        before
    }

    /// Nobody waits who has not been called.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Leaves the line. What it returns is to be dropped once the lock is released.
    #[inline]
    pub(super) fn leave(&mut self, place: &mut Option<u64>) -> Option<Waker> {
        let place = place.take();
        self.take_out(place)
    }

    #[inline]
    fn take_out(&mut self, place: Option<u64>) -> Option<Waker> {
        let place = place?;
        if let Ok(at) = self.called.binary_search_by_key(&place, |called| called.0) {
            self.wanted -= self.called.remove(at).map_or(0, |called| called.1);
            return None;
        }
        let at = self.waiting.binary_search_by_key(&place, |waiting| waiting.place).ok()?;
        let Waiting { want, waker, .. } = self.waiting.remove(at)?;
        self.still_wanted -= want;
        Some(waker)
    }

    /// Calls somebody for what is `there`, unless somebody is on the way; when it is all there can ever be, as
    /// many as it takes: one who never comes must not keep the others waiting.
    #[inline]
    pub(super) fn call(&mut self, there: usize, at_most: usize, wakes: &mut Wakes) {
        let enough = if there < at_most { there.min(1) } else { there };
        while self.wanted < enough
            && let Some(first) = self.waiting.pop_front()
        {
            self.still_wanted -= first.want;
            self.call_one(first, wakes);
        }
    }

    fn call_one(&mut self, Waiting { place, want, waker }: Waiting, wakes: &mut Wakes) {
        let at = self.called.partition_point(|called| called.0 < place);
        self.called.insert(at, (place, want));
        self.wanted += want;
        wakes.push(waker);
    }

    /// Calls everybody: there is nothing to wait for any more.
    pub(super) fn call_all(&mut self, wakes: &mut Wakes) {
        self.still_wanted = 0;
        for waiting in std::mem::take(&mut self.waiting) {
            self.call_one(waiting, wakes);
        }
    }

    /// What all who stand in line want together.
    pub(super) fn demand(&self) -> usize {
        self.wanted + self.still_wanted
    }
}

/// Whom to wake once the lock is released.
#[derive(Default)]
pub(super) struct Wakes {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakes {
    fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.others.push(waker),
        }
    }

    /// Wakes them all, even if one of their wakers panics.
    #[inline]
    pub(super) fn wake(self) {
        match self.first {
            None => {}
            Some(only) if self.others.is_empty() => only.wake(),
            Some(first) => Self::wake_all(std::iter::once(first).chain(self.others)),
        }
    }

    #[cold]
    fn wake_all(wakers: impl Iterator<Item = Waker>) {
        let mut panicked = None;
        for waker in wakers {
            let woken = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            panicked = panicked.or(woken.err());
        }
        if let Some(payload) = panicked {
            resume_unwind(payload);
        }
    }
}
