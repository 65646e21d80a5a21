//! The model of a queue, as plain as possible: lists that are searched from one end to the other.

use std::collections::{BTreeMap, VecDeque};

/// The number of a sender, receiver or joiner. The number is the same during the whole list of operations.
pub type Who = usize;

pub struct Model {
    pub capacity: usize,
    pub newest_first: bool,
    /// The items in the queue, in the order of their arrival.
    pub items: VecDeque<u32>,
    /// The senders that wait, in the order of their arrival, each with its deposit.
    pub senders: Vec<(Who, VecDeque<u32>)>,
    /// The receivers that wait.
    pub receivers: Vec<Who>,
    /// The number of items that each receiver has taken and not finished.
    pub in_hand: BTreeMap<Who, usize>,
    pub closed: bool,
    /// The last receiver is gone.
    pub abandoned: bool,
    /// The number of items that were dropped with the last receiver.
    pub discarded: usize,
}

/// The result of a receive.
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
            senders: Vec::new(),
            receivers: Vec::new(),
            in_hand: BTreeMap::new(),
            closed: false,
            abandoned: false,
            discarded: 0,
        }
    }

    /// Returns the capacity that is left. A queue without capacity has capacity for each waiting receiver, and for the
    /// `now` items that a receiver is about to take.
    pub fn room(&self, now: usize) -> usize {
        let most = if self.capacity == 0 { self.receivers.len() + now } else { self.capacity };
        most.saturating_sub(self.items.len())
    }

    /// Returns the largest deposit, which is also the largest number of items that a receiver gets at once.
    pub fn portion(&self) -> usize {
        self.capacity.max(1)
    }

    pub fn deposited(&self) -> usize {
        self.senders.iter().map(|(_, deposited)| deposited.len()).sum()
    }

    /// Returns the number of items that a receiver could take now.
    pub fn to_be_had(&self, now: usize) -> usize {
        if self.closed { self.items.len() } else { self.items.len() + self.room(now).min(self.deposited()) }
    }

    pub fn try_send(&mut self, item: u32) -> Result<(), bool> {
        if self.closed || self.room(0) == 0 {
            return Err(self.closed);
        }
        self.items.push_back(item);
        Ok(())
    }

    /// Polls a send. Returns `None` while the send waits, and then whether all items were sent. The items in `left` are
    /// with their sender.
    pub fn send(&mut self, who: Who, waited: bool, is_batch: bool, left: &mut VecDeque<u32>) -> Option<bool> {
        let first =
            self.senders.first().is_some_and(|(first, deposited)| *first == who && deposited.is_empty());
        if !first {
            self.admit(self.room(0));
        }
        let at = self.senders.iter().position(|(sender, _)| *sender == who);
        let has_deposit = at.is_some_and(|at| !self.senders[at].1.is_empty());
        if !self.closed && !has_deposit && (first || self.deposited() == 0) {
            let count = self.room(0).min(left.len());
            self.items.extend(left.drain(..count));
        }
        let went_in = waited && at.is_none() && left.is_empty();
        let all = !has_deposit && left.is_empty() && (!self.closed || went_in);
        if all || self.closed {
            self.give_up_sending(who, left);
            return Some(all);
        }
        if at.is_none() {
            let deposits = is_batch && !self.newest_first;
            let count = if deposits { self.portion().min(left.len()) } else { 0 };
            self.senders.push((who, left.drain(..count).collect()));
        }
        None
    }

    pub fn give_up_sending(&mut self, who: Who, left: &mut VecDeque<u32>) {
        if let Some(at) = self.senders.iter().position(|(sender, _)| *sender == who) {
            let (_, items) = self.senders.remove(at);
            items.into_iter().rev().for_each(|item| left.push_front(item));
        }
    }

    /// Admits `count` of the deposited items, the oldest deposits first.
    pub fn admit(&mut self, mut count: usize) {
        if self.closed {
            return;
        }
        self.senders.retain_mut(|(_, deposited)| {
            let some = count.min(deposited.len());
            count -= some;
            self.items.extend(deposited.drain(..some));
            some == 0 || !deposited.is_empty()
        });
    }

    /// Receives up to `max` items for a receiver, which has then finished the items that it took before.
    pub fn recv(&mut self, who: Who, max: usize) -> Took {
        self.in_hand.insert(who, 0);
        if self.items.is_empty() {
            let now = if self.receivers.contains(&who) { 0 } else { max };
            self.admit(self.room(now));
        }
        let count = max.min(self.items.len());
        if count == 0 && !self.closed {
            return Took::NoneNow;
        }
        self.receivers.retain(|receiver| *receiver != who);
        self.in_hand.insert(who, count);
        let newest_first = self.newest_first;
        let next = || if newest_first { self.items.pop_back() } else { self.items.pop_front() };
        let taken: Vec<_> = std::iter::from_fn(next).take(count).collect();
        if taken.is_empty() { Took::NoneEver } else { Took::Some(taken) }
    }

    pub fn wait_to_recv(&mut self, who: Who) {
        if !self.receivers.contains(&who) {
            self.receivers.push(who);
        }
    }

    pub fn give_up_receiving(&mut self, who: Who) {
        self.receivers.retain(|receiver| *receiver != who);
    }

    /// Returns whether all items were taken and finished; `None` while the answer is open.
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
