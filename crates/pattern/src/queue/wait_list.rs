//! The waiting tasks of a side of a queue, in the order of arrival, and the notified tasks among the waiters.
//!
//! # Invariants
//!
//! 1. A waiter with a waker is asleep: not notified since the last poll. `asleep` counts the sleeping waiters, and no
//!    sleeping waiter has a ticket below `cursor`.
//! 2. `demand` is the sum of the wants of all waiters, `notified` of all notified waiters.
//! 3. While the resource is available, a notified waiter has not been polled yet, or no waiter is asleep (baton passing).
//!    A polled or cancelled waiter notifies the next. So a whole batch costs a single wake-up.

use std::task::Waker;

use crate::util::ticket_list::{Ticket, TicketList};
use crate::util::wake::WakeList;

/// The largest want of a waiter, so that a sum of wants does not overflow.
const LARGEST_WANT: usize = 1 << 20;

#[derive(Default)]
pub(super) struct WaitList {
    waiters: TicketList<Waiter>,
    asleep: usize,
    cursor: Ticket,
    notified: usize,
    demand: usize,
}

struct Waiter {
    want: usize,
    waker: Option<Waker>,
}

impl WaitList {
    /// Adds a waiter at the end of the list, or puts a waiter in the list to sleep again in the same position.
    pub(super) fn wait(
        &mut self,
        ticket: &mut Option<Ticket>,
        want: usize,
        waker: Waker,
        list: &mut WakeList,
    ) {
        let want = want.min(LARGEST_WANT);
        self.demand += want;
        if let Some(ticket) = *ticket
            && let Some(waiter) = self.waiters.get_mut(ticket)
        {
            let before = waiter.waker.replace(waker);
            self.demand -= waiter.want;
            if before.is_none() {
                self.notified -= waiter.want;
                self.asleep += 1;
                self.cursor = self.cursor.min(ticket);
            }
            waiter.want = want;
            list.discard(before);
            return;
        }
        *ticket = Some(self.waiters.push(Waiter { want, waker: Some(waker) }));
        self.asleep += 1;
    }

    /// Removes a waiter from the list, if present.
    #[inline]
    pub(super) fn leave(&mut self, ticket: &mut Option<Ticket>, wakes: &mut WakeList) {
        if let Some(ticket) = ticket.take() {
            wakes.discard(self.remove(ticket));
        }
    }

    /// Removes a waiter and wakes the task, unless notified already.
    pub(super) fn release(&mut self, ticket: Ticket, wakes: &mut WakeList) {
        wakes.extend(self.remove(ticket));
    }

    #[inline]
    fn remove(&mut self, ticket: Ticket) -> Option<Waker> {
        let Waiter { want, waker } = self.waiters.remove(ticket)?;
        self.demand -= want;
        if waker.is_some() {
            self.asleep -= 1;
        } else {
            self.notified -= want;
        }
        waker
    }

    pub(super) fn contains(&self, ticket: Ticket) -> bool {
        self.waiters.get(ticket).is_some()
    }

    pub(super) fn is_first(&self, ticket: Ticket) -> bool {
        self.waiters.first().is_some_and(|(first, _)| first == ticket)
    }

    /// Returns whether a waiter is asleep.
    #[inline]
    pub(super) fn is_asleep(&self) -> bool {
        self.asleep > 0
    }

    /// Returns the sum of the wants of all waiters.
    pub(super) fn demand(&self) -> usize {
        self.demand
    }

    /// Lowers the want of a waiter.
    pub(super) fn lower_want(&mut self, ticket: Ticket, want: usize) {
        let Some(waiter) = self.waiters.get_mut(ticket).filter(|waiter| waiter.want > want) else { return };
        let less = waiter.want - want;
        waiter.want = want;
        self.demand -= less;
        if waiter.waker.is_none() {
            self.notified -= less;
        }
    }

    /// Notifies a waiter if an amount is `available`, unless a notified waiter has not been polled yet.
    ///
    /// If the whole amount `at_most` is available, as many waiters are notified as the amount serves: a notified waiter
    /// that is never polled must not keep further waiters asleep.
    #[inline]
    pub(super) fn notify(&mut self, available: usize, at_most: usize, wakes: &mut WakeList) {
        if !self.is_asleep() {
            return;
        }
        let enough = if available < at_most { available.min(1) } else { available };
        if self.notified < enough {
            self.notify_until(enough, wakes);
        }
    }

    /// Notifies all waiters: the queue is closed.
    pub(super) fn notify_all(&mut self, wakes: &mut WakeList) {
        self.notify_until(usize::MAX, wakes);
    }

    #[inline(never)]
    fn notify_until(&mut self, enough: usize, wakes: &mut WakeList) {
        for (ticket, waiter) in self.waiters.iter_mut_from(self.cursor) {
            if self.notified >= enough || self.asleep == 0 {
                break;
            }
            self.cursor = ticket + 1;
            if let Some(waker) = waiter.waker.take() {
                self.asleep -= 1;
                self.notified += waiter.want;
                wakes.push(waker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts the wake-ups of one waiter.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A wait list, with the tickets of the waiters.
    #[derive(Default)]
    struct Scene {
        list: WaitList,
        tickets: Vec<Option<Ticket>>,
        wakes: Vec<Arc<Wakes>>,
    }

    impl Scene {
        fn of(waiters: usize) -> Self {
            let mut scene = Self::default();
            for at in 0..waiters {
                scene.tickets.push(None);
                scene.wakes.push(Arc::default());
                scene.wait(at, 1);
            }
            scene
        }

        fn act(&mut self, act: impl FnOnce(&mut WaitList, &mut WakeList)) {
            let mut wakes = WakeList::default();
            act(&mut self.list, &mut wakes);
            assert!(wakes.wake_all().is_none());
            self.check();
        }

        fn wait(&mut self, at: usize, want: usize) {
            let (mut ticket, waker) = (self.tickets[at], Arc::clone(&self.wakes[at]).into());
            self.act(|list, wakes| list.wait(&mut ticket, want, waker, wakes));
            self.tickets[at] = ticket;
        }

        fn leave(&mut self, at: usize) {
            let mut ticket = self.tickets[at].take();
            self.act(|list, wakes| list.leave(&mut ticket, wakes));
        }

        fn notify(&mut self, available: usize, at_most: usize) {
            self.act(|list, wakes| list.notify(available, at_most, wakes));
        }

        /// Returns the number of wake-ups of every waiter.
        fn woken(&self) -> Vec<usize> {
            self.wakes.iter().map(|wakes| wakes.0.load(Ordering::Relaxed)).collect()
        }

        /// Checks the invariants 1 and 2.
        fn check(&mut self) {
            let WaitList { asleep, cursor, notified, demand, .. } = self.list;
            let waiters: Vec<_> = self.list.waiters.iter_mut_from(0).collect();
            let sum = |asleep: bool| {
                waiters
                    .iter()
                    .filter(|(_, w)| w.waker.is_some() == asleep)
                    .map(|(_, w)| w.want)
                    .sum::<usize>()
            };
            assert_eq!((sum(true) + sum(false), sum(false)), (demand, notified), "demand and notified");
            assert_eq!(waiters.iter().filter(|(_, waiter)| waiter.waker.is_some()).count(), asleep);
            let first = waiters.iter().find(|(_, waiter)| waiter.waker.is_some());
            assert!(first.is_none_or(|(ticket, _)| *ticket >= cursor), "a waiter is asleep below the cursor");
        }
    }

    #[test]
    fn single_waiter_is_notified_while_more_items_may_come() {
        let mut scene = Scene::of(3);
        scene.notify(2, 10);
        scene.notify(3, 10);
        assert_eq!(scene.woken(), [1, 0, 0]);
        scene.leave(0);
        scene.notify(3, 10);
        assert_eq!(scene.woken(), [1, 1, 0]);
    }

    #[test]
    fn wants_of_all_possible_items_notify_as_many_waiters() {
        let mut scene = Scene::of(4);
        scene.notify(3, 3);
        assert_eq!(scene.woken(), [1, 1, 1, 0]);
        scene.wait(1, 5);
        scene.notify(3, 3);
        assert_eq!(scene.woken(), [1, 2, 1, 0], "the waiter that sleeps again wants it all");
    }

    #[test]
    fn nobody_is_notified_of_nothing() {
        let mut scene = Scene::of(1);
        scene.notify(0, 10);
        scene.notify(0, 0);
        assert_eq!(scene.woken(), [0]);
    }

    #[test]
    fn waiter_that_waits_again_keeps_its_position() {
        let mut scene = Scene::of(3);
        scene.notify(3, 3);
        scene.wait(0, 1);
        scene.wait(2, 1);
        assert!(scene.list.is_first(scene.tickets[0].unwrap()));
        scene.leave(1);
        scene.notify(1, 10);
        assert_eq!(scene.woken(), [2, 1, 1]);
        scene.leave(0);
        scene.notify(1, 10);
        assert_eq!(scene.woken(), [2, 1, 2]);
    }

    #[test]
    fn waiter_that_leaves_is_not_woken() {
        let mut scene = Scene::of(3);
        scene.leave(1);
        scene.act(WaitList::notify_all);
        assert_eq!((scene.woken(), scene.list.demand()), (vec![1, 0, 1], 2));
        scene.leave(0);
        scene.leave(2);
        assert_eq!((scene.list.demand(), scene.list.is_asleep()), (0, false));
    }

    #[test]
    fn waiter_that_is_released_is_woken_once() {
        let mut scene = Scene::of(2);
        let tickets = [scene.tickets[0].unwrap(), scene.tickets[1].unwrap()];
        scene.notify(1, 10);
        for ticket in tickets {
            scene.act(|list, wakes| list.release(ticket, wakes));
            assert!(!scene.list.contains(ticket));
        }
        assert_eq!(scene.woken(), [1, 1]);
    }

    #[test]
    fn lowered_want_counts_at_its_new_size() {
        let mut scene = Scene::of(2);
        scene.wait(0, 8);
        let first = scene.tickets[0].unwrap();
        scene.act(|list, _| list.lower_want(first, 5));
        scene.notify(4, 4);
        scene.act(|list, _| list.lower_want(first, 9));
        scene.act(|list, _| list.lower_want(first, 3));
        scene.notify(4, 4);
        assert_eq!((scene.woken(), scene.list.demand()), (vec![1, 1], 4));
    }

    #[test]
    fn want_beyond_all_bounds_does_not_overflow() {
        let mut scene = Scene::of(3);
        (0..3).for_each(|at| scene.wait(at, usize::MAX));
        scene.notify(usize::MAX, usize::MAX);
        assert_eq!(scene.list.demand(), 3 * LARGEST_WANT);
    }
}
