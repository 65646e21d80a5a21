//! The finished outputs of a stage that nobody has taken yet, held back where order asks for it.

use std::collections::VecDeque;

use crate::failure::Failure;
use crate::item::{ItemBatch, Output};
use crate::settings::Order;

/// Output outputs, in the order in which they may be taken.
pub(super) enum Outputs<Out> {
    AsCompleted(VecDeque<Output<Out>>),
    Ordered(Reorder<Out>),
}

/// Holds each output back until all before it are there.
pub(super) struct Reorder<Out> {
    /// The position of the first slot among the items the stage took.
    next: u64,
    slots: VecDeque<Option<Output<Out>>>,
    /// How many slots from the front on are filled.
    unbroken: usize,
}

impl<Out> Outputs<Out> {
    pub(super) fn new(order: Order) -> Self {
        match order {
            Order::AsCompleted => Self::AsCompleted(VecDeque::new()),
            Order::Ordered => Self::Ordered(Reorder { next: 0, slots: VecDeque::new(), unbroken: 0 }),
        }
    }

    pub(super) fn push(&mut self, finished: Output<Out>) {
        match self {
            Self::AsCompleted(queue) => queue.push_back(finished),
            Self::Ordered(reorder) => reorder.push(finished),
        }
    }

    /// Takes over all of `outbox`, which is left with a buffer that was in use here if it can be.
    pub(super) fn append(&mut self, outbox: &mut VecDeque<Output<Out>>) {
        match self {
            Self::AsCompleted(queue) if queue.is_empty() => std::mem::swap(queue, outbox),
            Self::AsCompleted(queue) => queue.append(outbox),
            Self::Ordered(reorder) => outbox.drain(..).for_each(|finished| reorder.push(finished)),
        }
    }

    /// Moves up to `max` of those that may be taken now into `inbox`, and stops at the first failure. How many
    /// were taken, the failure included.
    pub(super) fn pass_on(&mut self, max: usize, inbox: &mut ItemBatch<Out>) -> (usize, Option<Failure>) {
        let count = self.deliverable().min(max);
        for taken in 1..=count {
            let next = match self {
                Self::AsCompleted(queue) => queue.pop_front(),
                Self::Ordered(reorder) => reorder.pop(),
            };
            let Some(Output { position, result }) = next else { break };
            match result {
                Ok(value) => inbox.push(position.index, value),
                Err(failure) => return (taken, Some(failure)),
            }
        }
        (count, None)
    }

    /// Moves `count` of those that may be taken now to the end of `held`.
    pub(super) fn take(&mut self, count: usize, held: &mut VecDeque<Output<Out>>) {
        match self {
            Self::AsCompleted(queue) if held.is_empty() && queue.len() == count => {
                std::mem::swap(queue, held);
            }
            Self::AsCompleted(queue) => held.extend(queue.drain(..count)),
            Self::Ordered(reorder) => held.extend((0..count).filter_map(|_| reorder.pop())),
        }
    }

    /// How many may be taken now.
    pub(super) fn deliverable(&self) -> usize {
        match self {
            Self::AsCompleted(queue) => queue.len(),
            Self::Ordered(reorder) => reorder.unbroken,
        }
    }

    /// Takes out all that may be taken, and all that is held back.
    pub(super) fn take_all(&mut self) -> VecDeque<Output<Out>> {
        match self {
            Self::AsCompleted(queue) => std::mem::take(queue),
            Self::Ordered(reorder) => {
                reorder.unbroken = 0;
                std::mem::take(&mut reorder.slots).into_iter().flatten().collect()
            }
        }
    }

    /// Takes out what is held back behind a gap.
    pub(super) fn take_held_back(&mut self) -> VecDeque<Output<Out>> {
        match self {
            Self::AsCompleted(_) => VecDeque::new(),
            Self::Ordered(reorder) => reorder.slots.drain(reorder.unbroken..).flatten().collect(),
        }
    }
}

impl<Out> Reorder<Out> {
    fn push(&mut self, finished: Output<Out>) {
        let position =
            usize::try_from(finished.position.seq - self.next).expect("held back within the bound");
        if position >= self.slots.len() {
            self.slots.resize_with(position + 1, || None);
        }
        self.slots[position] = Some(finished);
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
