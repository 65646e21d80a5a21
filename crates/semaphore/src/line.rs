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

#[cfg(test)]
mod tests {
    use super::*;

    /// Black-box tests cannot see what a line keeps of those who left.
    #[test]
    fn a_line_keeps_no_more_places_of_those_who_left_than_of_those_who_wait() {
        let mut line = Line::default();
        let places: Vec<_> = (0..1_000).map(|_| line.join(1, Waker::noop().clone())).collect();
        let (mut left, mut longest) = (0, 0);
        for i in 0..1_000 {
            // In an order that has nothing to do with the line's; the first and some others stay.
            let at = i * 389 % 1_000;
            if at > 0 && at % 100 != 3 {
                assert!(line.leave(places[at]).is_some());
                left += 1;
                let gone = line.waiting.iter().filter(|waiting| waiting.waker.is_none()).count();
                let there = line.waiting.len() - gone;
                assert_eq!((line.left, there), (gone, 1_000 - left));
                assert!(gone <= there, "{gone} of {} have left", line.waiting.len());
                longest = longest.max(gone);
            }
        }
        assert!(longest > 100, "it is not tidied for each who leaves: at most {longest} places were vacant");
        for there in (0..11).rev() {
            assert!(line.pop_first().is_some());
            let gone = line.waiting.len() - there;
            assert_eq!((line.left, line.is_empty()), (gone, there == 0), "with {there} who wait");
        }
    }
}
