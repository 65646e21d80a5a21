//! The slots of a stage, and the run queue of the jobs that were woken.
//!
//! The list has every slot that a job may wait in, so a stop finds every job that waits. A worker enlists slots before
//! their first use, and several at once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::slot::Slot;

/// The slots of a stage.
pub(crate) struct Jobs<Out> {
    slots: Vec<Option<Arc<Slot<Out>>>>,
    vacant: Vec<usize>,
    /// The run queue.
    woken: VecDeque<Arc<Slot<Out>>>,
    /// How many places of the list a stopped run has swept.
    swept: usize,
}

impl<Out> Default for Jobs<Out> {
    fn default() -> Self {
        Self { slots: Vec::new(), vacant: Vec::new(), woken: VecDeque::new(), swept: 0 }
    }
}

impl<Out> Jobs<Out> {
    /// Adds slots to the list.
    pub(super) fn enlist(&mut self, slots: impl Iterator<Item = Arc<Slot<Out>>>) {
        for slot in slots {
            let place = self.vacant.pop().unwrap_or(self.slots.len());
            slot.set_place(Some(place));
            if place == self.slots.len() {
                self.slots.push(Some(slot));
            } else {
                self.slots[place] = Some(slot);
            }
        }
    }

    /// Removes a slot without a job from the list.
    pub(super) fn strike(&mut self, slot: &Slot<Out>) {
        if let Some(place) = slot.place() {
            slot.set_place(None);
            self.slots[place] = None;
            // A later slot at a place that the sweep has passed would not be swept.
            if place >= self.swept {
                self.vacant.push(place);
            }
        }
    }

    /// Returns whether the run queue has a job.
    #[inline]
    pub(super) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// Puts the slot of a woken job into the run queue.
    pub(super) fn push_woken(&mut self, slot: Arc<Slot<Out>>) {
        self.woken.push_back(slot);
    }

    /// Takes the first slot out of the run queue; returns the slot and the length of the queue behind the slot.
    pub(super) fn pop_woken(&mut self) -> Option<(Arc<Slot<Out>>, usize)> {
        let slot = self.woken.pop_front()?;
        Some((slot, self.woken.len()))
    }

    /// Moves up to `max` slots of a stopped run into `slots`. Every slot is swept once.
    pub(super) fn sweep(&mut self, max: usize, slots: &mut Vec<Arc<Slot<Out>>>) {
        // The sweep passes the vacant places, so later slots are enlisted behind.
        self.vacant.clear();
        while slots.len() < max
            && let Some(slot) = self.slots.get(self.swept)
        {
            slots.extend(slot.clone());
            self.swept += 1;
        }
    }

    /// Returns all slots.
    pub(super) fn all(&self) -> Vec<Arc<Slot<Out>>> {
        self.slots.iter().flatten().cloned().collect()
    }

    /// Takes all slots out of the list and the run queue.
    pub(super) fn take_all(&mut self) -> Vec<Arc<Slot<Out>>> {
        self.woken.clear();
        self.vacant.clear();
        let slots: Vec<_> = std::mem::take(&mut self.slots).into_iter().flatten().collect();
        for slot in &slots {
            slot.set_place(None);
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::slot::RunQueue;
    use super::*;

    struct NoQueue;

    impl RunQueue<()> for NoQueue {
        fn push(&self, _: Arc<Slot<()>>) {}
    }

    fn slots(count: usize) -> Vec<Arc<Slot<()>>> {
        (0..count).map(|_| Arc::new(Slot::new(Arc::new(NoQueue)))).collect()
    }

    fn places(slots: &[Arc<Slot<()>>]) -> Vec<Option<usize>> {
        slots.iter().map(|slot| slot.place()).collect()
    }

    #[test]
    fn struck_slot_leaves_its_place_to_the_next() {
        let (mut jobs, slots) = (Jobs::default(), slots(3));
        jobs.enlist(slots.iter().take(2).cloned());
        jobs.strike(&slots[0]);
        jobs.strike(&slots[0]);
        jobs.enlist(slots.iter().skip(2).cloned());
        assert_eq!(places(&slots), [None, Some(1), Some(0)]);
    }

    #[test]
    fn sweep_returns_every_slot_once() {
        let (mut jobs, slots) = (Jobs::default(), slots(4));
        jobs.enlist(slots.iter().take(3).cloned());
        jobs.strike(&slots[1]);
        let mut swept = Vec::new();
        jobs.sweep(1, &mut swept);
        assert_eq!(places(&swept), [Some(0)]);
        jobs.strike(&slots[0]);
        jobs.enlist(slots.iter().skip(3).cloned());
        swept.clear();
        jobs.sweep(10, &mut swept);
        assert!(Arc::ptr_eq(&swept[0], &slots[2]) || Arc::ptr_eq(&swept[0], &slots[3]));
        assert_eq!(swept.len(), 2);
        swept.clear();
        jobs.sweep(10, &mut swept);
        assert!(swept.is_empty());
    }

    #[test]
    fn woken_slots_leave_the_queue_in_the_order_of_the_wakes() {
        let (mut jobs, slots) = (Jobs::default(), slots(2));
        slots.iter().rev().for_each(|slot| jobs.push_woken(Arc::clone(slot)));
        assert!(jobs.has_woken());
        assert!(jobs.pop_woken().is_some_and(|(slot, behind)| behind == 1 && Arc::ptr_eq(&slot, &slots[1])));
        assert!(jobs.pop_woken().is_some_and(|(slot, behind)| behind == 0 && Arc::ptr_eq(&slot, &slots[0])));
        assert!(jobs.pop_woken().is_none());
    }
}
