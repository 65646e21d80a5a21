//! What is under a queue's lock: its items, and who waits for them.
//!
//! No code of the user's runs in here: wakers are woken and dropped by whoever releases the lock, and items only
//! move.
//!
//! # Invariants
//!
//! - While there are items in the queue, a taker that was called is on the way, or none waits; while there is
//!   room, the same of givers (see `line.rs`).
//! - A giver that waits lends its items (see `items.rs`), unless it has to be certain that a cancelled put has
//!   put nothing. They are admitted when there is room for them and somebody comes by, in the order of the
//!   line; a taker that comes again before the giver does finds them there. One that sleeps is woken when the giver,
//!   who was called, comes: to let them in at once would wake it for what the taker at work takes next.
//! - A giver whose items were all admitted is not in line any more.

use std::task::{Poll, Waker};

use super::items::{Items, Supply};
use super::line::{Later, Line};

pub(super) struct State<T> {
    capacity: usize,
    pub(super) items: Items<T>,
    /// How many items were taken and finished, since ever.
    finished: usize,
    pub(super) closed: bool,
    /// Nobody will ever take anything.
    pub(super) abandoned: bool,
    givers: Line,
    takers: Line,
    joiners: Line,
    /// Whom to wake once the lock is released.
    pub(super) later: Later,
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

impl<T> State<T> {
    pub(super) fn new(capacity: usize, newest_first: bool) -> Self {
        Self {
            capacity,
            items: Items::new(newest_first),
            finished: 0,
            closed: false,
            abandoned: false,
            givers: Line::default(),
            takers: Line::default(),
            joiners: Line::default(),
            later: Later::default(),
        }
    }

    /// Room for so many items, of which somebody takes `now` at once. Without any capacity, an item may come for
    /// each that is waited for.
    #[inline]
    fn room(&self, now: usize) -> usize {
        let most = if self.capacity == 0 { self.takers.demand().saturating_add(now) } else { self.capacity };
        most.saturating_sub(self.items.len())
    }

    /// Puts what there is room for. Ready with `true` when all is put, with `false` when the queue is closed.
    #[inline]
    pub(super) fn put<S: Supply<T>>(&mut self, putting: &mut Putting<'_, S>) -> Poll<bool> {
        if self.items.lent() > 0 || putting.place.is_some() {
            self.put_in_turn(putting)
        } else {
            self.put_at_once(putting)
        }
    }

    /// The same, before all who wait.
    #[inline]
    pub(super) fn put_at_once<S: Supply<T>>(&mut self, putting: &mut Putting<'_, S>) -> Poll<bool> {
        if self.closed {
            return Poll::Ready(false);
        }
        let count = self.room(0).min(putting.items.len());
        self.items.put(count, putting.index, putting.items);
        self.call_takers();
        if putting.items.len() == 0 { Poll::Ready(true) } else { Poll::Pending }
    }

    /// The same for who has waited, or finds others that have.
    #[inline(never)]
    fn put_in_turn<S: Supply<T>>(&mut self, putting: &mut Putting<'_, S>) -> Poll<bool> {
        // Nobody gets in before those who have lent what they put, but who has waited for longer.
        let is_first = self.givers.is_first(*putting.place) && self.lent_by(putting) == Some(0);
        if !is_first {
            self.admit(0);
        }
        let was_admitted =
            putting.place.is_some() && self.lent_by(putting).is_none() && putting.items.len() == 0;
        let has_lent = matches!(self.lent_by(putting), Some(1..));
        if !self.closed && !has_lent && (is_first || self.items.lent() == 0) {
            let count = self.room(0).min(putting.items.len());
            self.items.put(count, putting.index, putting.items);
        }
        self.call_takers();
        let all = was_admitted || !self.closed && !has_lent && putting.items.len() == 0;
        if all || self.closed {
            self.stop_putting(putting);
            return Poll::Ready(all);
        }
        Poll::Pending
    }

    /// How many items a giver still has lent; `None` if it is not in line.
    fn lent_by<S>(&self, putting: &Putting<'_, S>) -> Option<usize> {
        putting.place.and_then(|place| self.givers.lent(place))
    }

    /// Lets in what is lent, as far as there is room.
    #[inline]
    fn admit(&mut self, now: usize) {
        if self.items.lent() > 0 && !self.closed {
            let room = self.room(now);
            let count = self.givers.admit(room, &mut self.later);
            self.items.admit(count);
        }
    }

    /// Gets in line, or back in line, with what did not find room.
    pub(super) fn wait_to_put<S: Supply<T>>(&mut self, putting: &mut Putting<'_, S>, waker: Waker) {
        let rest = putting.items.len().min(self.capacity.max(1));
        let lent_before = self.lent_by(putting);
        if lent_before.is_none() && S::LENDS && self.items.may_lend(putting.index) {
            self.items.lend(rest, putting.index, putting.items);
            self.givers.wait(putting.place, rest, rest, waker, &mut self.later);
        } else {
            let want = lent_before.filter(|&lent| lent > 0).unwrap_or(rest);
            self.givers.wait(putting.place, want, 0, waker, &mut self.later);
        }
    }

    /// A giver leaves the line, with what it still has lent.
    pub(super) fn stop_putting<S: Supply<T>>(&mut self, putting: &mut Putting<'_, S>) {
        if let Some(place) = *putting.place
            && let Some(count @ 1..) = self.givers.lent(place)
        {
            let before = self.givers.lent_before(place);
            self.items.give_back(before, count, putting.items);
        }
        self.givers.leave(putting.place, &mut self.later);
        self.call_givers();
    }

    /// Takes what is there. Ready with how many that are: none if the queue is closed and empty.
    #[inline]
    pub(super) fn take(
        &mut self,
        taking: &mut Taking<'_>,
        give: &mut impl FnMut(&mut Items<T>, usize),
    ) -> Poll<usize> {
        self.finish(taking.in_hand);
        if self.items.len() == 0 {
            self.admit(if taking.place.is_none() { taking.max } else { 0 });
            if self.items.len() == 0 && !self.closed {
                return Poll::Pending;
            }
        }
        let count = taking.max.min(self.items.len());
        if count > 0 {
            give(&mut self.items, count);
        }
        *taking.in_hand = count;
        if taking.place.is_some() {
            self.takers.leave(taking.place, &mut self.later);
        }
        self.call_takers();
        self.call_givers();
        Poll::Ready(count)
    }

    pub(super) fn wait_to_take(&mut self, taking: &mut Taking<'_>, waker: Waker) {
        let want = taking.max.min(self.capacity.max(1));
        self.takers.wait(taking.place, want, 0, waker, &mut self.later);
        if self.capacity == 0 {
            self.call_givers();
        }
    }

    /// A taker leaves the line, and has finished what it had in hand.
    pub(super) fn stop_taking(&mut self, place: &mut Option<u64>, in_hand: &mut usize) {
        self.takers.leave(place, &mut self.later);
        self.call_takers();
        self.finish(in_hand);
    }

    /// So many items are finished that were in hand.
    #[inline]
    fn finish(&mut self, in_hand: &mut usize) {
        self.finished += std::mem::take(in_hand);
        if !self.joiners.is_empty() && self.is_finished() {
            self.joiners.call_all(&mut self.later);
        }
    }

    /// Ready when every item was taken and finished; with `false` if that cannot be any more.
    pub(super) fn join(&mut self, place: &mut Option<u64>) -> Poll<bool> {
        let all = self.is_finished();
        if !all && !self.abandoned {
            return Poll::Pending;
        }
        self.stop_joining(place);
        Poll::Ready(all)
    }

    pub(super) fn wait_to_join(&mut self, place: &mut Option<u64>, waker: Waker) {
        self.joiners.wait(place, 1, 0, waker, &mut self.later);
    }

    pub(super) fn stop_joining(&mut self, place: &mut Option<u64>) {
        self.joiners.leave(place, &mut self.later);
    }

    fn is_finished(&self) -> bool {
        self.items.len() == 0 && self.finished == self.items.taken()
    }

    #[inline]
    fn call_takers(&mut self) {
        self.takers.call(self.items.len(), self.capacity, &mut self.later);
    }

    #[inline]
    fn call_givers(&mut self) {
        if self.givers.is_asleep() {
            let room = self.room(0);
            self.givers.call(room, room, &mut self.later);
        }
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.givers.call_all(&mut self.later);
        self.takers.call_all(&mut self.later);
    }

    /// Closes the queue for good; what is left in it is to be dropped once the lock is released.
    pub(super) fn abandon(&mut self) -> impl Sized + use<T> {
        self.close();
        self.abandoned = true;
        self.joiners.call_all(&mut self.later);
        self.items.discard()
    }
}
