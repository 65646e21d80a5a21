//! The workers of a stage: how many workers are live, active and busy, and the wakers of the parked workers. Invariants
//! I4 and I5.
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
    /// Capacity for one more item. A source that holds items may wake the worker as well.
    Room,
}

/// The workers of a stage.
#[derive(Debug, Default)]
pub(crate) struct WorkerRegistry {
    live: usize,
    /// Workers that look for work or run jobs, including workers that were woken or spawned and not yet polled.
    active: usize,
    /// Active workers that were woken or spawned by the state, and not polled since.
    notified: usize,
    /// Workers with a batch. A busy worker runs one job at a time.
    busy: usize,
    /// Items that workers have taken and not completed, wherever the jobs are.
    in_flight: usize,
    /// A job of this run has waited.
    has_waited: bool,
    /// The last item in flight was completed, and the source was not polled since.
    rest_unchecked: bool,
    listener: Option<(WorkerId, Listening, Waker)>,
    idle: Vec<(WorkerId, Waker)>,
    last_id: WorkerId,
}

impl WorkerRegistry {
    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn active(&self) -> usize {
        self.active
    }

    pub(super) fn notified(&self) -> usize {
        self.notified
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

    /// Adds a worker as a notified worker, just before the spawn.
    pub(super) fn add(&mut self) -> WorkerId {
        self.live += 1;
        self.active += 1;
        self.notified += 1;
        self.last_id += 1;
        self.last_id
    }

    /// Removes a worker from the live workers, as the last step of the drop; returns whether no worker is left.
    pub(super) fn remove_live(&mut self) -> bool {
        self.live -= 1;
        self.live == 0
    }

    /// Counts the batch of a worker without a batch.
    pub(super) fn take(&mut self, items: usize) {
        self.busy += usize::from(items > 0);
        self.in_flight += items;
    }

    /// Counts the end of a batch.
    pub(super) fn end_batch(&mut self) {
        self.busy -= 1;
    }

    /// Counts completed items, or items that return to the ready items.
    pub(super) fn complete(&mut self, items: usize) {
        self.in_flight -= items;
        self.rest_unchecked |= items > 0 && self.in_flight == 0;
    }

    /// Records that a job has waited. From here on, workers take no more items than the limit leaves.
    pub(super) fn record_wait(&mut self) {
        self.has_waited = true;
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

    /// Makes a polled worker active, in any mode; returns the waker that the registry had stored.
    pub(super) fn activate(&mut self, id: WorkerId, mode: Mode) -> Option<Waker> {
        match mode {
            Mode::Active | Mode::Leaving => None,
            Mode::New => {
                self.notified -= 1;
                None
            }
            Mode::Parked => {
                let waker = self.unpark(id);
                if waker.is_some() {
                    self.active += 1;
                } else {
                    // A woken worker is no longer parked, and counts as active since the wake-up (I4).
                    self.notified -= 1;
                }
                waker
            }
        }
    }

    /// Removes a dropped worker from the count of its mode; returns the waker that the registry had stored.
    pub(super) fn deactivate(&mut self, id: WorkerId, mode: Mode) -> Option<Waker> {
        if mode == Mode::Leaving {
            return None;
        }
        let waker = self.activate(id, mode);
        self.active -= 1;
        waker
    }

    /// Counts out an active worker that will leave: from here on, no other worker relies on the worker.
    pub(super) fn leave(&mut self) {
        self.active -= 1;
    }

    fn unpark(&mut self, id: WorkerId) -> Option<Waker> {
        if let Some((_, _, waker)) = self.listener.take_if(|listener| listener.0 == id) {
            return Some(waker);
        }
        let at = self.idle.iter().position(|idle| idle.0 == id)?;
        Some(self.idle.swap_remove(at).1)
    }

    fn notify(&mut self, waker: Waker, list: &mut WakeList) {
        self.active += 1;
        self.notified += 1;
        list.push(waker);
    }

    /// Wakes an idle worker; returns whether there was an idle worker.
    pub(super) fn notify_idle(&mut self, wakes: &mut WakeList) -> bool {
        let idle = self.idle.pop().map(|(_, waker)| self.notify(waker, wakes));
        idle.is_some()
    }

    fn notify_listener(&mut self, wakes: &mut WakeList) {
        if let Some((_, _, waker)) = self.listener.take() {
            self.notify(waker, wakes);
        }
    }

    /// Wakes the listener if the listener waits for capacity.
    pub(super) fn notify_for_room(&mut self, wakes: &mut WakeList) {
        if self.listener.as_ref().is_some_and(|listener| listener.1 == Listening::Room) {
            self.notify_listener(wakes);
        }
    }

    /// Wakes all parked workers.
    pub(super) fn notify_parked(&mut self, wakes: &mut WakeList) {
        self.notify_listener(wakes);
        while self.notify_idle(wakes) {}
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
        for _ in 0..workers {
            let id = registry.add();
            registry.activate(id, Mode::New);
        }
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

    /// The item of a job that waits is in flight after the end of the batch.
    #[test]
    fn item_is_in_flight_until_its_completion() {
        let mut registry = registry(2);
        registry.take(5);
        registry.complete(4);
        registry.end_batch();
        assert_eq!((registry.busy(), registry.in_flight()), (0, 1));
        registry.complete(1);
        assert_eq!(registry.in_flight(), 0);
    }

    #[test]
    fn rest_is_unchecked_after_the_last_completion() {
        let mut registry = registry(2);
        registry.take(2);
        registry.take(1);
        registry.complete(2);
        registry.complete(0);
        assert!(!registry.rest_unchecked());
        registry.complete(1);
        assert!(registry.rest_unchecked());
        registry.check_rest();
        assert!(!registry.rest_unchecked());
    }

    #[test]
    fn dropped_worker_leaves_every_count() {
        for mode in [Mode::New, Mode::Active, Mode::Parked, Mode::Leaving] {
            let mut registry = WorkerRegistry::default();
            let id = registry.add();
            if mode != Mode::New {
                registry.activate(id, Mode::New);
            }
            match mode {
                Mode::New | Mode::Active => {}
                Mode::Parked => registry.park(id, waker()),
                Mode::Leaving => registry.leave(),
            }
            registry.deactivate(id, mode);
            assert!(registry.remove_live());
            assert_eq!((registry.live(), registry.active(), registry.notified()), (0, 0, 0));
            assert_eq!(registry.idle(), 0);
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
    fn parked_workers_are_notified_once() {
        let mut registry = registry(4);
        registry.listen(1, Listening::Source, waker());
        registry.park(2, waker());
        let mut wakes = WakeList::default();
        registry.notify_parked(&mut wakes);
        registry.notify_parked(&mut wakes);
        assert_eq!((registry.active(), registry.notified()), (4, 2));
        assert!(registry.activate(1, Mode::Parked).is_none());
        assert_eq!((registry.active(), registry.notified()), (4, 1));
    }
}
