//! Wakers: stored under a lock, woken and dropped after it.
//!
//! A waker is user code in its wake, in its clone and in its drop. So a state machine behind a lock takes wakers that
//! were cloned before the lock, and moves the wakers that it no longer stores into a [`WakeList`]; the holder of the
//! lock carries the list out after the unlock.

use std::task::Waker;

use super::panic::{Payload, catch, drop_caught};

/// The largest number of wakers that a reused list keeps memory for.
const KEPT_WAKERS: usize = 64;

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

    /// Takes the only waker, if the list has one waker to wake and none to drop.
    #[inline]
    pub fn take_only(&mut self) -> Option<Waker> {
        if self.others.is_empty() && self.unneeded.is_empty() { self.first.take() } else { None }
    }

    /// Wakes and drops all; returns the first panic. A panic of one waker keeps no other from being woken.
    pub fn wake_all(&mut self) -> Option<Payload> {
        let mut panicked = None;
        for waker in self.first.take().into_iter().chain(self.others.drain(..)) {
            panicked = panicked.or(catch(|| waker.wake()).err());
        }
        for waker in self.unneeded.drain(..) {
            panicked = panicked.or(drop_caught(waker));
        }
        panicked
    }

    /// Reuses the memory of an empty list of moderate size, so that a later wake of several wakers allocates nothing.
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

/// The waker of the one task that waits for an event.
#[derive(Default)]
pub(crate) struct WakerSlot(Option<Waker>);

impl WakerSlot {
    /// Stores the waker of the latest poll; the waker before it is dropped with `list`.
    #[inline]
    pub(crate) fn register(&mut self, waker: Waker, list: &mut WakeList) {
        list.discard(self.0.replace(waker));
    }

    /// Moves the waker, if any, to the wakers to wake.
    #[inline]
    pub(crate) fn notify(&mut self, list: &mut WakeList) {
        if let Some(waker) = self.0.take() {
            list.push(waker);
        }
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
    fn a_panicking_waker_keeps_no_other_from_being_woken() {
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
    fn a_replaced_waker_is_dropped_and_not_woken() {
        let counting = Arc::new(Counting(AtomicUsize::new(0)));
        let (mut list, mut slot) = (WakeList::default(), WakerSlot::default());
        slot.register(Arc::clone(&counting).into(), &mut list);
        slot.register(Waker::noop().clone(), &mut list);
        assert!(!list.wakes());
        assert_eq!(Arc::strong_count(&counting), 2, "dropped with the list and not before");
        assert!(list.wake_all().is_none());
        assert_eq!((counting.0.load(Ordering::Relaxed), Arc::strong_count(&counting)), (0, 1));
    }

    #[test]
    fn a_notified_slot_is_empty() {
        let (mut list, mut slot) = (WakeList::default(), WakerSlot::default());
        slot.register(Waker::noop().clone(), &mut list);
        slot.notify(&mut list);
        slot.notify(&mut list);
        assert!(list.take_only().is_some() && list.is_empty());
    }
}
