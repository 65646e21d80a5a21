//! The number of items in the stage, and the counts of all items. Invariant I1.
//!
//! This file alone writes the counts and the number of items in the stage.

use super::super::delivered::Delivered;
use crate::failure::Cause;
use crate::report::Counts;

/// Counts items from taking to delivery.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The limit plus the capacity.
    bound: usize,
    /// Items taken and not delivered, at any place: ready, held by a worker, completed, held back by order.
    in_stage: usize,
    counts: Counts,
}

impl Admission {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, in_stage: 0, counts: Counts::default() }
    }

    /// Changes the bound. A stage that has more items than the bound takes no items until enough items are delivered.
    pub(super) fn set_bound(&mut self, bound: usize) {
        self.bound = bound;
    }

    /// Returns how many more items the stage may take.
    pub(super) fn room(&self) -> usize {
        self.bound.saturating_sub(self.in_stage)
    }

    /// Returns half of the bound.
    pub(super) fn half(&self) -> usize {
        self.bound.div_ceil(2)
    }

    /// Counts items that the holder of the lease has taken from the source.
    pub(super) fn take(&mut self, items: usize) {
        self.counts.taken += items;
        self.in_stage += items;
    }

    /// Counts a failure of an upstream stage. The failure passes through this stage and occupies a place until its
    /// delivery.
    pub(super) fn pass(&mut self) {
        self.in_stage += 1;
    }

    pub(super) fn succeed(&mut self, items: usize) {
        self.counts.succeeded += items;
    }

    pub(super) fn fail(&mut self, cause: &Cause) {
        self.counts.count(cause);
    }

    pub(super) fn panic(&mut self, items: usize) {
        self.counts.panicked += items;
    }

    pub(super) fn cancel(&mut self, items: usize) {
        self.counts.cancelled += items;
    }

    pub(super) fn never_start(&mut self, items: usize) {
        self.counts.never_started += items;
    }

    /// Counts items found between two stages when the run was over.
    pub(super) fn lose_between(&mut self, items: usize) {
        self.counts.taken += items;
        self.counts.cancelled += items;
    }

    pub(super) fn deliver(&mut self, delivered: Delivered) {
        self.counts.delivered += delivered.own;
        // The first cause occupies no place if the failure belongs to another stage, or to a task of the jobs. Its
        // delivery counts all the same.
        self.in_stage = self.in_stage.saturating_sub(delivered.total());
    }

    /// Returns the counts while `busy` workers run a job.
    pub(super) fn counts(&self, busy: usize) -> Counts {
        let mut counts = self.counts;
        // A worker may still hold an item that is already counted as panicked or cancelled.
        counts.running = busy.min(counts.taken.saturating_sub(counts.settled()));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_the_bound_less_items_taken_and_not_delivered() {
        let mut admission = Admission::new(5);
        admission.take(3);
        admission.pass();
        assert_eq!(admission.room(), 1);
        admission.deliver(Delivered { own: 2, passed: 1 });
        assert_eq!(admission.room(), 4);
    }

    #[test]
    fn room_with_more_items_than_the_bound_is_none() {
        let mut admission = Admission::new(1);
        admission.take(3);
        assert_eq!(admission.room(), 0);
    }

    #[test]
    fn every_counter_is_in_the_group_of_its_name() {
        let mut admission = Admission::new(100);
        admission.take(21);
        admission.succeed(1);
        admission.fail(&Cause::Errored(anyhow::anyhow!("no")));
        admission.fail(&Cause::Errored(anyhow::anyhow!("no")));
        admission.fail(&Cause::TimedOut(anyhow::anyhow!("late")));
        admission.panic(4);
        admission.cancel(5);
        admission.never_start(6);
        admission.lose_between(1);
        admission.deliver(Delivered { own: 7, passed: 8 });
        let counts = admission.counts(100);
        let expected = Counts {
            taken: 22,
            succeeded: 1,
            errored: 2,
            timed_out: 1,
            panicked: 4,
            cancelled: 6,
            never_started: 6,
            delivered: 7,
            // Bounded by the items whose fate is unknown.
            running: 2,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
    }
}
