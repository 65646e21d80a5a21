//! What a queue should do, said as plainly as can be: lists that are looked through from one end to the other.

use std::collections::{BTreeMap, VecDeque};

/// Somebody with a place in line, as long as the list of operations goes on.
pub type Who = usize;

pub struct Model {
    pub capacity: usize,
    pub newest_first: bool,
    /// What is in the queue, in the order in which it came.
    pub items: VecDeque<u32>,
    /// Who waits for room, in the order of their coming, with the items that each has lent.
    pub givers: Vec<(Who, VecDeque<u32>)>,
    /// Who waits for an item.
    pub takers: Vec<Who>,
    /// How many items each consumer has taken and not finished.
    pub in_hand: BTreeMap<Who, usize>,
    pub closed: bool,
    /// The last consumer is gone.
    pub abandoned: bool,
    /// How many items were dropped with it.
    pub discarded: usize,
}

/// What a look into the queue brings a consumer.
#[derive(Debug, PartialEq, Eq)]
pub enum Took {
    Some(Vec<u32>),
    NoneNow,
    NoneEver,
}

impl Model {
    pub fn new(capacity: usize, newest_first: bool) -> Self {
        Self {
            capacity,
            newest_first,
            items: VecDeque::new(),
            givers: Vec::new(),
            takers: Vec::new(),
            in_hand: BTreeMap::new(),
            closed: false,
            abandoned: false,
            discarded: 0,
        }
    }

    /// Room for so many items; without any capacity, one for each consumer that waits and the `now` that one is about
    /// to take.
    pub fn room(&self, now: usize) -> usize {
        let most = if self.capacity == 0 { self.takers.len() + now } else { self.capacity };
        most.saturating_sub(self.items.len())
    }

    /// How much of a batch may wait in the queue's line, and how much a consumer can take at once.
    pub fn portion(&self) -> usize {
        self.capacity.max(1)
    }

    pub fn lent(&self) -> usize {
        self.givers.iter().map(|(_, lent)| lent.len()).sum()
    }

    /// What a consumer that comes now could take.
    pub fn to_be_had(&self, now: usize) -> usize {
        if self.closed { self.items.len() } else { self.items.len() + self.room(now).min(self.lent()) }
    }

    pub fn try_put(&mut self, item: u32) -> Result<(), bool> {
        if self.closed || self.room(0) == 0 {
            return Err(self.closed);
        }
        self.items.push_back(item);
        Ok(())
    }

    /// A poll of a put: `Some` with whether all was put when it is over. What is still `left` is with its owner.
    pub fn put(&mut self, who: Who, waited: bool, is_batch: bool, left: &mut VecDeque<u32>) -> Option<bool> {
        let first = self.givers.first().is_some_and(|(first, lent)| *first == who && lent.is_empty());
        if !first {
            self.admit(self.room(0));
        }
        let at = self.givers.iter().position(|(giver, _)| *giver == who);
        let has_lent = at.is_some_and(|at| !self.givers[at].1.is_empty());
        if !self.closed && !has_lent && (first || self.lent() == 0) {
            let count = self.room(0).min(left.len());
            self.items.extend(left.drain(..count));
        }
        let went_in = waited && at.is_none() && left.is_empty();
        let all = !has_lent && left.is_empty() && (!self.closed || went_in);
        if all || self.closed {
            self.give_up_putting(who, left);
            return Some(all);
        }
        if at.is_none() {
            let lends = is_batch && !self.newest_first;
            let count = if lends { self.portion().min(left.len()) } else { 0 };
            self.givers.push((who, left.drain(..count).collect()));
        }
        None
    }

    pub fn give_up_putting(&mut self, who: Who, left: &mut VecDeque<u32>) {
        if let Some(at) = self.givers.iter().position(|(giver, _)| *giver == who) {
            let (_, items) = self.givers.remove(at);
            items.into_iter().rev().for_each(|item| left.push_front(item));
        }
    }

    /// Lets in so many of the items that are lent, whoever's come first.
    pub fn admit(&mut self, mut count: usize) {
        if self.closed {
            return;
        }
        self.givers.retain_mut(|(_, lent)| {
            let some = count.min(lent.len());
            count -= some;
            self.items.extend(lent.drain(..some));
            some == 0 || !lent.is_empty()
        });
    }

    /// A look into the queue by a consumer, which has then finished what it had taken before.
    pub fn take(&mut self, who: Who, max: usize) -> Took {
        self.in_hand.insert(who, 0);
        if self.items.is_empty() {
            let now = if self.takers.contains(&who) { 0 } else { max };
            self.admit(self.room(now));
        }
        let count = max.min(self.items.len());
        if count == 0 && !self.closed {
            return Took::NoneNow;
        }
        self.takers.retain(|taker| *taker != who);
        self.in_hand.insert(who, count);
        let newest_first = self.newest_first;
        let next = || if newest_first { self.items.pop_back() } else { self.items.pop_front() };
        let taken: Vec<_> = std::iter::from_fn(next).take(count).collect();
        if taken.is_empty() { Took::NoneEver } else { Took::Some(taken) }
    }

    pub fn wait_to_take(&mut self, who: Who) {
        if !self.takers.contains(&who) {
            self.takers.push(who);
        }
    }

    pub fn give_up_taking(&mut self, who: Who) {
        self.takers.retain(|taker| *taker != who);
    }

    /// Whether all was taken and finished; `None` while it may still be.
    pub fn joined(&self) -> Option<bool> {
        let all =
            self.items.is_empty() && self.discarded == 0 && self.in_hand.values().all(|taken| *taken == 0);
        (all || self.abandoned).then_some(all)
    }

    pub fn abandon(&mut self) {
        self.closed = true;
        self.abandoned = true;
        self.discarded += self.items.len();
        self.items.clear();
    }
}
