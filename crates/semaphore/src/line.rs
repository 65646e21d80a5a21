//! Who waits for permits, in the order of their coming.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

/// Those who wait. Everything is quick, also to leave from the midst of many.
#[derive(Default)]
pub(crate) struct Line {
    /// Sorted by place. The first one has not left; of the others, fewer have left than are there.
    waiting: VecDeque<Waiting>,
    left: usize,
    next_place: u64,
}

struct Waiting {
    place: u64,
    count: usize,
    /// `None` once it left.
    waker: Option<Waker>,
}

/// Room that an empty line keeps.
const SPARE: usize = 1_024;

impl Line {
    /// Waits behind all others, for so many; its place is greater than theirs.
    pub(crate) fn join(&mut self, count: usize, waker: Waker) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        self.waiting.push_back(Waiting { place, count, waker: Some(waker) });
        place
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The place of the first one, and how many it waits for.
    pub(crate) fn first(&self) -> Option<(u64, usize)> {
        self.waiting.front().map(|first| (first.place, first.count))
    }

    pub(crate) fn pop_first(&mut self) -> Option<Waker> {
        let first = self.waiting.pop_front();
        self.tidy();
        first?.waker
    }

    /// Gives up a place. What it returns is to be dropped once the lock is released.
    pub(crate) fn leave(&mut self, place: u64) -> Option<Waker> {
        let waker = self.find(place)?.waker.take();
        self.left += 1;
        self.tidy();
        waker
    }

    /// Exchanges the waker of who waits at `place`, if it still does. What is left is to be dropped once the lock
    /// is released.
    pub(crate) fn wake_by(&mut self, place: u64, waker: &mut Waker) -> bool {
        let waiting = self.find(place).and_then(|waiting| waiting.waker.as_mut());
        waiting.map(|before| mem::swap(before, waker)).is_some()
    }

    /// Sends everybody away.
    pub(crate) fn dissolve(&mut self) -> impl Iterator<Item = Waker> + use<> {
        self.left = 0;
        mem::take(&mut self.waiting).into_iter().filter_map(|waiting| waiting.waker)
    }

    fn find(&mut self, place: u64) -> Option<&mut Waiting> {
        let at = self.waiting.binary_search_by_key(&place, |waiting| waiting.place).ok()?;
        self.waiting.get_mut(at)
    }

    /// Removes who left, where they are first or many.
    fn tidy(&mut self) {
        while self.waiting.front().is_some_and(|first| first.waker.is_none()) {
            self.waiting.pop_front();
            self.left -= 1;
        }
        if 2 * self.left > self.waiting.len() {
            self.waiting.retain(|waiting| waiting.waker.is_some());
            self.left = 0;
        }
        if self.waiting.is_empty() {
            self.waiting.shrink_to(SPARE);
        }
    }
}
