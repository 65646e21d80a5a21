//! The answers of the members of a merge.
//!
//! # Invariants
//!
//! - The engine asks a source before or after every item, for example for the number of held items. The answers of all members
//!   are summed here, so a question costs the same for any number of members.
//! - An answer of a member changes only in a call of the member with `&mut`, and is [updated](Answers::update) after the call.

use super::erased::Source;

/// The answers of every member, and their sums.
pub(super) struct Answers {
    members: Vec<Answer>,
    held: usize,
    need_polling: usize,
    compute: usize,
    are_queues: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Answer {
    held: usize,
    needs_polling: bool,
    computes: bool,
    is_queue: bool,
}

impl Answer {
    fn of<T>(source: &Source<T>) -> Self {
        Self {
            held: source.held(),
            needs_polling: source.needs_polling(),
            computes: source.computes(),
            is_queue: source.is_queue(),
        }
    }
}

impl Answers {
    /// Asks all members, by their numbers.
    pub(super) fn of<'a, T: 'a>(sources: impl ExactSizeIterator<Item = &'a Source<T>>) -> Self {
        let members = vec![Answer::default(); sources.len()];
        let mut answers = Self { members, held: 0, need_polling: 0, compute: 0, are_queues: 0 };
        for (number, source) in sources.enumerate() {
            answers.update(number, source);
        }
        answers
    }

    /// Asks a member again.
    pub(super) fn update<T>(&mut self, number: usize, source: &Source<T>) {
        let now = Answer::of(source);
        let before = std::mem::replace(&mut self.members[number], now);
        let update = |sum: &mut usize, before: usize, now: usize| *sum = *sum - before + now;
        update(&mut self.held, before.held, now.held);
        update(&mut self.need_polling, before.needs_polling.into(), now.needs_polling.into());
        update(&mut self.compute, before.computes.into(), now.computes.into());
        update(&mut self.are_queues, before.is_queue.into(), now.is_queue.into());
    }

    /// Returns whether the sources would answer the same now.
    pub(super) fn are_of<'a, T: 'a>(&self, sources: impl Iterator<Item = &'a Source<T>>) -> bool {
        sources.map(Answer::of).eq(self.members.iter().copied())
    }

    /// Returns the number of items that the members hold.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Returns whether a member makes progress only during a poll.
    pub(super) fn needs_polling(&self) -> bool {
        self.need_polling > 0
    }

    /// Returns whether the poll of a member may take long.
    pub(super) fn computes(&self) -> bool {
        self.compute > 0
    }

    /// Returns whether the items of a member wait in a queue with a separate capacity.
    pub(super) fn is_queue(&self) -> bool {
        self.are_queues > 0
    }
}
