//! The turns of the members of a merge.
//!
//! # Invariants
//!
//! - A member is in the queue at most once.
//! - All turns of a round have the same size, and a member has one turn in a round. A turn that the end of a poll cuts short
//!   goes on in the next poll. So two members that always have items differ by at most one turn, whatever the polls ask for.

use std::collections::VecDeque;
use std::mem;

/// The most items of a turn.
const LARGEST_TURN: usize = 16;

/// The members that may have an item, in the order of their turns.
pub(super) struct Turns {
    queue: VecDeque<usize>,
    /// Of every member: the member is in the queue.
    queued: Vec<bool>,
    /// The turns of the round that have not begun. A member that joins has its first turn in the next round.
    left: usize,
    /// The items of every turn of the round.
    size: usize,
    /// Of every member: the rest of a turn that was cut short, or zero.
    rest: Vec<usize>,
}

/// A turn of a member.
pub(super) struct Turn {
    number: usize,
    /// The items that the poll asks of the member.
    pub(super) max: usize,
    /// The items that the turn has beyond `max`.
    rest: usize,
}

impl Turns {
    /// Gives a turn to each of the members, by their numbers.
    pub(super) fn new(members: usize) -> Self {
        let (queued, rest) = (vec![true; members], vec![0; members]);
        Self { queue: (0..members).collect(), queued, left: 0, size: 0, rest }
    }

    /// Adds a member at the end of the queue, unless the member is in the queue.
    pub(super) fn add(&mut self, number: usize) {
        if !self.queued[number] {
            self.queued[number] = true;
            self.queue.push_back(number);
        }
    }

    /// Takes the next member out of the queue.
    pub(super) fn next(&mut self) -> Option<usize> {
        let number = self.queue.pop_front()?;
        self.queued[number] = false;
        Some(number)
    }

    /// Begins the turn of the [next](Self::next) member, or goes on with it, in a poll that still asks for `wanted` items.
    pub(super) fn begin(&mut self, number: usize, wanted: usize) -> Turn {
        let size = match mem::take(&mut self.rest[number]) {
            0 => self.begin_new(wanted),
            rest => rest,
        };
        let max = size.min(wanted);
        Turn { number, max, rest: size - max }
    }

    fn begin_new(&mut self, wanted: usize) -> usize {
        if self.left == 0 {
            self.left = self.queue.len() + 1;
            self.size = (wanted / self.left).clamp(1, LARGEST_TURN);
        }
        self.left -= 1;
        self.size
    }

    /// Ends a turn in which the member has yielded `items`, and may have more: adds the member at the end of the queue, or
    /// at the start if the poll has cut the turn short.
    pub(super) fn end(&mut self, turn: &Turn, items: usize) {
        if items < turn.max || turn.rest == 0 {
            self.add(turn.number);
        } else if !self.queued[turn.number] {
            self.queued[turn.number] = true;
            self.queue.push_front(turn.number);
            self.rest[turn.number] = turn.rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a poll for `wanted` items of members that always have items.
    fn poll(turns: &mut Turns, mut wanted: usize, taken: &mut [usize]) {
        while wanted > 0 {
            let number = turns.next().expect("every member has items");
            let turn = turns.begin(number, wanted);
            let items = turn.max;
            assert!((1..=LARGEST_TURN.min(wanted)).contains(&items));
            taken[number] += items;
            wanted -= items;
            turns.end(&turn, items);
            let (least, most) = (taken.iter().min().expect("one"), taken.iter().max().expect("one"));
            assert!(most - least <= LARGEST_TURN, "{taken:?}");
        }
    }

    #[test]
    fn members_with_items_differ_by_one_turn_at_most() {
        for members in [1, 2, 3, 7, 50] {
            for seed in 0..20 {
                let (mut turns, mut taken) = (Turns::new(members), vec![0; members]);
                let mut wanted: usize = seed;
                for _ in 0..100 {
                    wanted = (wanted * 7 + seed + 3) % 131;
                    poll(&mut turns, 1 + wanted, &mut taken);
                }
            }
        }
    }

    #[test]
    fn polls_for_one_item_take_one_item_of_each_member() {
        let (mut turns, mut taken) = (Turns::new(3), [0; 3]);
        for polls in 1..=12 {
            poll(&mut turns, 1, &mut taken);
            assert_eq!(taken.iter().sum::<usize>(), polls);
            assert_eq!(
                taken.iter().max().map(|most| most - taken.iter().min().unwrap_or(most)),
                Some(usize::from(polls % 3 != 0))
            );
        }
    }

    /// A turn of a second member is cut short before the turn of the first member goes on.
    #[test]
    fn turns_of_two_members_cut_short_both_go_on() {
        let mut turns = Turns::new(3);
        let mut play = |member, wanted| {
            let number = turns.next();
            assert_eq!(number, Some(member));
            let turn = turns.begin(member, wanted);
            turns.end(&turn, turn.max);
            turn.max
        };
        assert_eq!(play(0, 48), 16);
        assert_eq!(play(1, 10), 10);
        assert_eq!(turns.next(), Some(1));
        assert_eq!(turns.next(), Some(2));
        let cut = turns.begin(2, 7);
        turns.end(&cut, 7);
        assert_eq!(turns.begin(1, 100).max, 6);
        assert_eq!(turns.begin(2, 100).max, 9);
    }

    #[test]
    fn member_that_joins_has_a_turn_in_the_next_round() {
        let mut turns = Turns::new(3);
        let absent = turns.next().expect("a member");
        let mut taken = [0; 3];
        poll(&mut turns, 1, &mut taken[..]);
        turns.add(absent);
        turns.add(absent);
        let order: Vec<_> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(order, [2, 1, 0]);
    }
}
