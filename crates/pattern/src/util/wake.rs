//! Wakers: stored under a lock, woken and dropped after the unlock.
//!
//! A waker is user code in its wake, its clone and its drop. So a state machine behind a lock takes wakers cloned
//! before the lock, and moves wakers that are no longer stored into a [`WakeList`]. The holder of the lock carries
//! the list out after the unlock.

use std::task::Waker;

use super::panic::{Payload, catch, drop_caught};

/// The largest number of wakers that a reused list keeps memory for.
const KEPT_WAKERS: usize = 64;

/// The number of wakers that are taken out of a list without the memory of the list.
const FEW_WAKERS: usize = 4;

/// Wakes all wakers; returns the first panic. A panic of a waker keeps no other waker from being woken.
pub(crate) fn wake_each(wakers: impl IntoIterator<Item = Waker>) -> Option<Payload> {
    let mut panicked = None;
    for waker in wakers {
        panicked = panicked.or(catch(|| waker.wake()).err());
    }
    panicked
}

/// Wakers to wake, and wakers to drop, once a lock is released.
#[derive(Default)]
pub struct WakeList {
    first: Option<Waker>,
    others: Vec<Waker>,
    unneeded: Vec<Waker>,
}

impl WakeList {
    /// Adds a waker that is woken.
    #[inline]
    pub fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.others.push(waker),
        }
    }

    /// Adds a waker that is dropped and not woken.
    #[inline]
    pub fn discard(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.unneeded.push(waker);
        }
    }

    /// Returns whether no waker is to be woken or dropped.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.unneeded.is_empty()
    }

    /// Returns whether a waker is to be woken.
    #[must_use]
    #[inline]
    pub fn wakes(&self) -> bool {
        self.first.is_some()
    }

    /// Returns whether the list has at most one waker to wake, and no waker to drop.
    #[inline]
    pub(crate) fn has_one_at_most(&self) -> bool {
        self.others.is_empty() && self.unneeded.is_empty()
    }

    /// Takes the only waker, if the list has one waker to wake and no waker to drop.
    #[inline]
    pub fn take_only(&mut self) -> Option<Waker> {
        if self.has_one_at_most() { self.first.take() } else { None }
    }

    /// Takes all wakers, if the list has only few wakers to wake and no waker to drop. The list keeps its memory.
    #[inline]
    pub(crate) fn take_few(&mut self) -> Option<[Option<Waker>; FEW_WAKERS]> {
        if self.others.len() >= FEW_WAKERS || !self.unneeded.is_empty() {
            return None;
        }
        let mut few = [const { None }; FEW_WAKERS];
        few[0] = self.first.take();
        for (slot, waker) in few[1..].iter_mut().zip(self.others.drain(..)) {
            *slot = Some(waker);
        }
        Some(few)
    }

    /// Wakes and drops all wakers; returns the first panic. A panic of a waker keeps no other waker from being woken.
    pub fn wake_all(&mut self) -> Option<Payload> {
        let mut panicked = wake_each(self.first.take().into_iter().chain(self.others.drain(..)));
        for waker in self.unneeded.drain(..) {
            panicked = panicked.or(drop_caught(waker));
        }
        panicked
    }

    /// Reuses the memory of an empty list of moderate size, so that a later wake of several wakers does not allocate.
    pub fn reuse(&mut self, empty: WakeList) {
        for (kept, spare) in [(&mut self.others, empty.others), (&mut self.unneeded, empty.unneeded)] {
            if kept.capacity() == 0 && spare.capacity() <= KEPT_WAKERS {
                *kept = spare;
            }
        }
    }
}

impl Extend<Waker> for WakeList {
    fn extend<I: IntoIterator<Item = Waker>>(&mut self, wakers: I) {
        wakers.into_iter().for_each(|waker| self.push(waker));
    }
}

/// The waker of the only task that waits for an event.
#[derive(Default)]
pub(crate) struct WakerSlot(Option<Waker>);

impl WakerSlot {
    /// Takes and stores the waker of the latest poll; the previous waker is dropped with `list`.
    #[inline]
    pub(crate) fn register(&mut self, waker: &mut Option<Waker>, list: &mut WakeList) {
        list.discard(std::mem::replace(&mut self.0, waker.take()));
    }

    /// Takes the waker, if any.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Waker> {
        self.0.take()
    }

    /// Moves the waker, if any, to the wakers to wake.
    #[inline]
    pub(crate) fn notify(&mut self, list: &mut WakeList) {
        list.extend(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Panicking;

    impl Wake for Panicking {
        fn wake(self: Arc<Self>) {
            panic!("a waker's panic");
        }
    }

    #[test]
    fn panicking_waker_keeps_no_other_from_being_woken() {
        let counting = Arc::new(Counting(AtomicUsize::new(0)));
        let mut list = WakeList::default();
        list.push(Arc::clone(&counting).into());
        list.push(Arc::new(Panicking).into());
        list.push(Arc::clone(&counting).into());
        assert!(list.wake_all().is_some(), "the panic is returned");
        assert_eq!(counting.0.load(Ordering::Relaxed), 2);
        assert!(list.is_empty());
    }

    #[test]
    fn few_wakers_are_taken_in_order_and_many_are_not() {
        let waker = || Waker::from(Arc::new(Counting(AtomicUsize::new(0))));
        for wakers in [1, FEW_WAKERS, FEW_WAKERS + 1] {
            let mut list = WakeList::default();
            let all: Vec<_> = (0..wakers).map(|_| waker()).collect();
            list.extend(all.iter().cloned());
            let few = list.take_few().map(|few| few.into_iter().flatten().collect::<Vec<_>>());
            let same = few.as_ref().map(|few| {
                few.len() == wakers && few.iter().zip(&all).all(|(taken, waker)| taken.will_wake(waker))
            });
            assert_eq!((same, list.wakes()), ((wakers <= FEW_WAKERS).then_some(true), wakers > FEW_WAKERS));
        }
        let mut list = WakeList::default();
        list.push(waker());
        list.discard(Some(waker()));
        assert!(list.take_few().is_none(), "a waker is to be dropped");
    }

    #[test]
    fn replaced_waker_is_dropped_and_not_woken() {
        let counting = Arc::new(Counting(AtomicUsize::new(0)));
        let (mut list, mut slot) = (WakeList::default(), WakerSlot::default());
        slot.register(&mut Some(Arc::clone(&counting).into()), &mut list);
        slot.register(&mut Some(Waker::noop().clone()), &mut list);
        assert!(!list.wakes());
        assert_eq!(Arc::strong_count(&counting), 2, "dropped with the list and not before");
        assert!(list.wake_all().is_none());
        assert_eq!((counting.0.load(Ordering::Relaxed), Arc::strong_count(&counting)), (0, 1));
    }

    #[test]
    fn notified_slot_is_empty() {
        let (mut list, mut slot) = (WakeList::default(), WakerSlot::default());
        slot.register(&mut Some(Waker::noop().clone()), &mut list);
        slot.notify(&mut list);
        slot.notify(&mut list);
        assert!(list.take_only().is_some() && list.is_empty());
    }
}
