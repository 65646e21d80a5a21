//! The workers of a stage: how many workers are live, active and busy, and the wakers of the parked and waiting
//! workers. Invariants I4 and I5.
//!
//! This file alone writes the counters of the workers.

use std::task::Waker;

use super::super::step::{Mode, WorkerId};
use crate::util::wake::WakeList;

/// The event for which the only listening worker waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listening {
    /// A wake-up by the source. The last poll of the source registered the waker of the worker.
    Source,
    /// Capacity for one more item.
    Room,
}

/// The workers of a stage.
#[derive(Debug, Default)]
pub(crate) struct WorkerRegistry {
    live: usize,
    /// Workers that look for items or run jobs, including workers that were woken or spawned and not yet polled.
    active: usize,
    /// Workers with an item. A busy worker runs one job at a time.
    busy: usize,
    /// Items of the busy workers.
    in_flight: usize,
    /// A job of this run has waited.
    has_waited: bool,
    /// The last busy worker has released its items, and the source was not polled since.
    rest_unchecked: bool,
    listener: Option<(WorkerId, Listening, Waker)>,
    idle: Vec<(WorkerId, Waker)>,
    /// The wakers of workers whose job waits.
    waiting: Vec<Option<Waker>>,
    vacant: Vec<usize>,
    last_id: WorkerId,
}

impl WorkerRegistry {
    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn active(&self) -> usize {
        self.active
    }

    pub(super) fn busy(&self) -> usize {
        self.busy
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn has_waited(&self) -> bool {
        self.has_waited
    }

    pub(super) fn rest_unchecked(&self) -> bool {
        self.rest_unchecked
    }

    pub(super) fn has_listener(&self) -> bool {
        self.listener.is_some()
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Adds a worker as an active worker, just before the spawn.
    pub(super) fn add(&mut self) -> WorkerId {
        self.live += 1;
        self.active += 1;
        self.last_id += 1;
        self.last_id
    }

    /// Removes a worker from the live workers, as the last step of the drop; returns whether no worker is left.
    pub(super) fn remove_live(&mut self) -> bool {
        self.live -= 1;
        self.live == 0
    }

    /// Counts `items` that a worker without items takes.
    pub(super) fn take(&mut self, items: usize) {
        self.busy += usize::from(items > 0);
        self.in_flight += items;
    }

    /// Counts the release of all `items` of a worker.
    pub(super) fn release(&mut self, items: usize) {
        self.busy -= usize::from(items > 0);
        self.in_flight -= items;
        self.rest_unchecked |= items > 0 && self.in_flight == 0;
    }

    /// Counts items that a worker with a waiting job puts back; the item of the waiting job stays.
    pub(super) fn put_back(&mut self, items: usize) {
        self.in_flight -= items;
    }

    /// Records that a worker polls the source for the items that came of the last rest.
    pub(super) fn check_rest(&mut self) {
        self.rest_unchecked = false;
    }

    /// Parks an active worker as the listener. The previous listener becomes idle.
    pub(super) fn listen(&mut self, id: WorkerId, listening: Listening, waker: Waker) {
        self.active -= 1;
        if let Some((before, _, waker)) = self.listener.replace((id, listening, waker)) {
            self.idle.push((before, waker));
        }
    }

    /// Makes the listener idle, since another worker polls the source.
    pub(super) fn retire_listener(&mut self) {
        if let Some((id, _, waker)) = self.listener.take() {
            self.idle.push((id, waker));
        }
    }

    /// Parks an active worker as idle.
    pub(super) fn park(&mut self, id: WorkerId, waker: Waker) {
        self.active -= 1;
        self.idle.push((id, waker));
    }

    /// Stores the waker of an active worker whose job waits; returns the slot.
    pub(super) fn wait(&mut self, waker: Option<Waker>) -> usize {
        self.active -= 1;
        self.has_waited = true;
        if let Some(slot) = self.vacant.pop() {
            self.waiting[slot] = waker;
            slot
        } else {
            self.waiting.push(waker);
            self.waiting.len() - 1
        }
    }

    /// Makes a polled worker active, in any mode; returns the waker that the registry had stored.
    pub(super) fn activate(&mut self, id: WorkerId, mode: Mode) -> Option<Waker> {
        match mode {
            Mode::Active | Mode::Leaving => None,
            Mode::Waiting(slot) => {
                self.active += 1;
                self.vacate(slot)
            }
            Mode::Parked => {
                // A woken worker is no longer parked, and counts as active since the wake-up (I4).
                let waker = self.unpark(id);
                self.active += usize::from(waker.is_some());
                waker
            }
        }
    }

    /// Removes a dropped worker from the count of its mode; returns the waker that the registry had stored.
    pub(super) fn deactivate(&mut self, id: WorkerId, mode: Mode) -> Option<Waker> {
        let waker = match mode {
            Mode::Leaving => return None,
            Mode::Waiting(slot) => return self.vacate(slot),
            Mode::Active => None,
            Mode::Parked => self.unpark(id),
        };
        self.active -= usize::from(waker.is_none());
        waker
    }

    /// Counts out an active worker that will leave: from here on, no other worker relies on the worker.
    pub(super) fn leave(&mut self) {
        self.active -= 1;
    }

    fn vacate(&mut self, slot: usize) -> Option<Waker> {
        self.vacant.push(slot);
        self.waiting[slot].take()
    }

    fn unpark(&mut self, id: WorkerId) -> Option<Waker> {
        if let Some((_, _, waker)) = self.listener.take_if(|listener| listener.0 == id) {
            return Some(waker);
        }
        let at = self.idle.iter().position(|idle| idle.0 == id)?;
        Some(self.idle.swap_remove(at).1)
    }

    /// Wakes an idle worker; returns whether there was an idle worker.
    pub(super) fn notify_idle(&mut self, wakes: &mut WakeList) -> bool {
        let Some(idle) = self.idle.pop() else { return false };
        self.active += 1;
        wakes.push(idle.1);
        true
    }

    /// Wakes the listener if the listener waits for capacity.
    pub(super) fn notify_for_room(&mut self, wakes: &mut WakeList) {
        if let Some((_, _, waker)) = self.listener.take_if(|listener| listener.1 == Listening::Room) {
            self.active += 1;
            wakes.push(waker);
        }
    }

    /// Wakes all parked workers.
    pub(super) fn notify_parked(&mut self, wakes: &mut WakeList) {
        self.active += self.idle.len() + usize::from(self.listener.is_some());
        wakes.extend(self.listener.take().map(|(_, _, waker)| waker));
        wakes.extend(self.idle.drain(..).map(|(_, waker)| waker));
    }

    /// Wakes all parked workers, and all workers whose job waits.
    pub(super) fn notify_all(&mut self, wakes: &mut WakeList) {
        self.notify_parked(wakes);
        wakes.extend(self.waiting.iter_mut().filter_map(Option::take));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waker() -> Waker {
        Waker::noop().clone()
    }

    fn registry(workers: usize) -> WorkerRegistry {
        let mut registry = WorkerRegistry::default();
        (0..workers).for_each(|_| _ = registry.add());
        registry
    }

    #[test]
    fn woken_worker_is_counted_active_once() {
        let mut registry = registry(1);
        registry.park(1, waker());
        assert_eq!(registry.active(), 0);
        assert!(registry.notify_idle(&mut WakeList::default()));
        assert_eq!(registry.active(), 1);
        assert!(registry.activate(1, Mode::Parked).is_none(), "its waker was woken");
        assert_eq!(registry.active(), 1);
    }

    #[test]
    fn parked_worker_that_its_source_wakes_is_active_once_polled() {
        let mut registry = registry(1);
        registry.listen(1, Listening::Source, waker());
        assert!(registry.activate(1, Mode::Parked).is_some(), "its waker is returned");
        assert_eq!((registry.active(), registry.has_listener()), (1, false));
    }

    #[test]
    fn at_most_one_worker_listens() {
        let mut registry = registry(3);
        registry.listen(1, Listening::Source, waker());
        registry.listen(2, Listening::Room, waker());
        assert_eq!((registry.idle(), registry.active()), (1, 1));
        registry.retire_listener();
        assert_eq!((registry.idle(), registry.has_listener()), (2, false));
    }

    #[test]
    fn room_wakes_the_listener_for_room_alone() {
        let mut wakes = WakeList::default();
        let mut registry = registry(2);
        registry.listen(1, Listening::Source, waker());
        registry.notify_for_room(&mut wakes);
        assert!(!wakes.wakes());
        registry.listen(2, Listening::Room, waker());
        registry.notify_for_room(&mut wakes);
        assert!(wakes.wakes());
        assert_eq!(registry.active(), 1);
    }

    #[test]
    fn worker_whose_job_waits_holds_one_item_in_one_slot() {
        let mut registry = registry(2);
        registry.take(5);
        let slot = registry.wait(Some(waker()));
        registry.put_back(4);
        assert_eq!((registry.busy(), registry.in_flight(), registry.active()), (1, 1, 1));
        assert!(registry.has_waited());
        assert!(registry.activate(1, Mode::Waiting(slot)).is_some());
        assert_eq!(registry.active(), 2);
        assert_eq!(registry.wait(Some(waker())), slot, "the slot is reused");
    }

    #[test]
    fn rest_is_unchecked_after_the_last_busy_worker_releases() {
        let mut registry = registry(2);
        registry.take(2);
        registry.take(1);
        registry.release(2);
        registry.release(0);
        assert!(!registry.rest_unchecked());
        registry.release(1);
        assert!(registry.rest_unchecked());
        registry.check_rest();
        assert!(!registry.rest_unchecked());
    }

    #[test]
    fn dropped_worker_leaves_every_count() {
        for mode in [Mode::Active, Mode::Parked, Mode::Leaving, Mode::Waiting(0)] {
            let mut registry = registry(1);
            match mode {
                Mode::Active => {}
                Mode::Parked => registry.park(1, waker()),
                Mode::Leaving => registry.leave(),
                Mode::Waiting(_) => _ = registry.wait(Some(waker())),
            }
            registry.deactivate(1, mode);
            assert!(registry.remove_live());
            assert_eq!((registry.live(), registry.active(), registry.idle()), (0, 0, 0));
        }
    }

    /// I4: a woken worker counts as active before its poll.
    #[test]
    fn worker_dropped_between_wake_and_poll_is_not_active() {
        let mut registry = registry(2);
        registry.park(1, waker());
        registry.listen(2, Listening::Room, waker());
        let mut wakes = WakeList::default();
        assert!(registry.notify_idle(&mut wakes));
        registry.notify_for_room(&mut wakes);
        assert_eq!(registry.active(), 2);
        assert!(
            registry.deactivate(1, Mode::Parked).is_none() && registry.deactivate(2, Mode::Parked).is_none()
        );
        assert_eq!(registry.active(), 0);
    }

    #[test]
    fn stop_wakes_parked_and_waiting_workers_once() {
        let mut registry = registry(4);
        registry.listen(1, Listening::Source, waker());
        registry.park(2, waker());
        let slot = registry.wait(Some(waker()));
        let mut wakes = WakeList::default();
        registry.notify_all(&mut wakes);
        assert_eq!(registry.active(), 3, "a worker whose job waits becomes active when it is polled");
        assert!(registry.activate(3, Mode::Waiting(slot)).is_none());
        assert_eq!(registry.active(), 4);
    }
}
