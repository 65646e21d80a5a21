//! Outputs of a stage that are completed and not delivered, held back where order requires it.

use std::collections::VecDeque;

use crate::failure::Failure;
use crate::item::{ItemBatch, Output};
use crate::settings::Order;

/// Outputs, in the order of delivery.
#[derive(Debug)]
pub(crate) struct OutputQueue<Out>(Kind<Out>);

#[derive(Debug)]
enum Kind<Out> {
    AsCompleted(VecDeque<Output<Out>>),
    Ordered(Reorder<Out>),
}

/// Holds an output back until all earlier outputs are there.
#[derive(Debug)]
struct Reorder<Out> {
    /// The number of the item of the first slot.
    next: u64,
    slots: VecDeque<Option<Output<Out>>>,
    /// How many slots are filled without a gap, from the front on.
    unbroken: usize,
}

impl<Out> OutputQueue<Out> {
    pub(super) fn new(order: Order) -> Self {
        Self(match order {
            Order::AsCompleted => Kind::AsCompleted(VecDeque::new()),
            Order::Ordered => Kind::Ordered(Reorder { next: 0, slots: VecDeque::new(), unbroken: 0 }),
        })
    }

    pub(super) fn push(&mut self, output: Output<Out>) {
        match &mut self.0 {
            Kind::AsCompleted(queue) => queue.push_back(output),
            Kind::Ordered(reorder) => reorder.push(output),
        }
    }

    /// Moves all `outputs` into the queue. Where possible, `outputs` and the queue exchange their buffers.
    pub(super) fn append(&mut self, outputs: &mut VecDeque<Output<Out>>) {
        match &mut self.0 {
            Kind::AsCompleted(queue) if queue.is_empty() => std::mem::swap(queue, outputs),
            Kind::AsCompleted(queue) => queue.append(outputs),
            Kind::Ordered(reorder) => outputs.drain(..).for_each(|output| reorder.push(output)),
        }
    }

    /// Moves up to `max` deliverable outputs into `batch`, and stops at the first failure. Returns how many were moved,
    /// the failure included.
    pub(super) fn pass_on(&mut self, max: usize, batch: &mut ItemBatch<Out>) -> (usize, Option<Failure>) {
        let mut moved = 0;
        while moved < max
            && let Some(Output { position, result }) = self.pop()
        {
            moved += 1;
            match result {
                Ok(value) => batch.push(position.index, value),
                Err(failure) => return (moved, Some(failure)),
            }
        }
        (moved, None)
    }

    /// Takes the next deliverable output.
    fn pop(&mut self) -> Option<Output<Out>> {
        match &mut self.0 {
            Kind::AsCompleted(queue) => queue.pop_front(),
            Kind::Ordered(reorder) => reorder.pop(),
        }
    }

    /// Moves `count` deliverable outputs to the end of `held`.
    pub(super) fn take(&mut self, count: usize, held: &mut VecDeque<Output<Out>>) {
        match &mut self.0 {
            Kind::AsCompleted(queue) if held.is_empty() && queue.len() == count => {
                std::mem::swap(queue, held);
            }
            Kind::AsCompleted(queue) => held.extend(queue.drain(..count)),
            Kind::Ordered(reorder) => held.extend((0..count).filter_map(|_| reorder.pop())),
        }
    }

    /// Returns how many outputs may be delivered now.
    #[inline]
    pub(super) fn deliverable(&self) -> usize {
        match &self.0 {
            Kind::AsCompleted(queue) => queue.len(),
            Kind::Ordered(reorder) => reorder.unbroken,
        }
    }

    /// Takes out all outputs, including the outputs behind a gap.
    pub(super) fn take_all(&mut self) -> VecDeque<Output<Out>> {
        match &mut self.0 {
            Kind::AsCompleted(queue) => std::mem::take(queue),
            Kind::Ordered(reorder) => {
                reorder.unbroken = 0;
                std::mem::take(&mut reorder.slots).into_iter().flatten().collect()
            }
        }
    }

    /// Takes out all outputs that `taken` accepts, including the outputs behind a gap. The other outputs keep their
    /// order.
    pub(super) fn take_all_if(&mut self, taken: impl Fn(&Output<Out>) -> bool) -> VecDeque<Output<Out>> {
        let (taken, kept): (VecDeque<_>, VecDeque<_>) = self.take_all().into_iter().partition(taken);
        for output in kept {
            self.push(output);
        }
        taken
    }

    /// Makes the outputs behind a gap deliverable, in order: no output will fill a gap, and none will follow.
    pub(super) fn close_gaps(&mut self) {
        if let Kind::Ordered(_) = self.0 {
            self.0 = Kind::AsCompleted(self.take_all());
        }
    }

    /// Takes out the outputs behind a gap.
    pub(super) fn take_held_back(&mut self) -> VecDeque<Output<Out>> {
        match &mut self.0 {
            Kind::AsCompleted(_) => VecDeque::new(),
            Kind::Ordered(reorder) => reorder.slots.drain(reorder.unbroken..).flatten().collect(),
        }
    }
}

impl<Out> Reorder<Out> {
    fn push(&mut self, output: Output<Out>) {
        let slot = usize::try_from(output.position.seq - self.next).expect("held back within the bound");
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(output);
        while matches!(self.slots.get(self.unbroken), Some(Some(_))) {
            self.unbroken += 1;
        }
    }

    fn pop(&mut self) -> Option<Output<Out>> {
        if self.unbroken == 0 {
            return None;
        }
        self.unbroken -= 1;
        self.next += 1;
        self.slots.pop_front().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::failure::Cause;
    use crate::item::Position;

    fn output(seq: u64) -> Output<u64> {
        Output { position: Position { index: 0, seq }, result: Ok(seq) }
    }

    fn failure(seq: u64) -> Output<u64> {
        let failure = Failure::new(Some(0), &Arc::from("stage"), Cause::from_panic(Box::new("")));
        Output { position: Position { index: 0, seq }, result: Err(failure) }
    }

    fn values(outputs: VecDeque<Output<u64>>) -> Vec<u64> {
        outputs.into_iter().map(|output| output.position.seq).collect()
    }

    fn take(queue: &mut OutputQueue<u64>, count: usize) -> Vec<u64> {
        let mut held = VecDeque::new();
        queue.take(count, &mut held);
        values(held)
    }

    #[test]
    fn ordered_queue_holds_outputs_back_behind_a_gap() {
        let mut queue = OutputQueue::new(Order::Ordered);
        queue.push(output(2));
        queue.push(output(1));
        assert_eq!(queue.deliverable(), 0, "0 is missing");
        queue.push(output(4));
        queue.push(output(0));
        assert_eq!(queue.deliverable(), 3, "3 is missing");
        assert_eq!(take(&mut queue, 2), [0, 1]);
        queue.push(output(3));
        assert_eq!(queue.deliverable(), 3);
        assert_eq!(take(&mut queue, 3), [2, 3, 4]);
    }

    #[test]
    fn outputs_held_back_are_taken_apart_from_deliverable_ones() {
        let mut queue = OutputQueue::new(Order::Ordered);
        for seq in [0, 1, 3, 5] {
            queue.push(output(seq));
        }
        assert_eq!(values(queue.take_held_back()), [3, 5]);
        assert_eq!(queue.deliverable(), 2);
        queue.push(output(3));
        assert_eq!(values(queue.take_all()), [0, 1, 3]);
        assert_eq!(queue.deliverable(), 0);
    }

    #[test]
    fn failures_are_taken_from_anywhere_and_outputs_stay_in_order() {
        for (order, deliverable) in [(Order::AsCompleted, 3), (Order::Ordered, 1)] {
            let mut queue = OutputQueue::new(order);
            for output in [output(0), failure(1), output(2), failure(4), output(5)] {
                queue.push(output);
            }
            assert_eq!(values(queue.take_all_if(|output| output.result.is_err())), [1, 4]);
            assert_eq!(queue.deliverable(), deliverable);
            assert_eq!(values(queue.take_all()), [0, 2, 5]);
        }
    }

    #[test]
    fn queue_as_completed_delivers_in_the_order_of_completion() {
        let mut queue = OutputQueue::new(Order::AsCompleted);
        queue.push(output(2));
        queue.append(&mut VecDeque::from([output(0), output(1)]));
        assert_eq!(queue.deliverable(), 3);
        assert_eq!(take(&mut queue, 2), [2, 0]);
        assert_eq!(values(queue.take_held_back()), [0_u64; 0]);
        assert_eq!(values(queue.take_all()), [1]);
    }

    #[test]
    fn passing_on_stops_at_a_failure() {
        for order in [Order::AsCompleted, Order::Ordered] {
            let mut queue = OutputQueue::new(order);
            for output in [output(0), failure(1), output(2)] {
                queue.push(output);
            }
            let mut batch = ItemBatch::default();
            let (moved, failed) = queue.pass_on(10, &mut batch);
            assert_eq!((moved, failed.is_some(), batch.len()), (2, true, 1));
            queue.push(output(3));
            let (moved, failed) = queue.pass_on(1, &mut batch);
            assert_eq!((moved, failed.is_some(), batch.len()), (1, false, 2));
            let (moved, failed) = queue.pass_on(10, &mut batch);
            assert_eq!((moved, failed.is_some(), batch.len()), (1, false, 3), "the queue runs dry");
        }
    }
}
