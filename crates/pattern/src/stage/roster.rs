//! Who works at a stage: how many are alive, how many are active, and who is parked where.
//!
//! # Invariants
//!
//! - `active` counts the workers that look for items or work on them without waiting, those woken or hired
//!   and not yet polled included. Who wakes a parked worker takes it off the roster and counts it active.
//! - At most one worker listens; it polled the source last, or waits for room.

use std::task::Waker;

pub(super) type WorkerId = u64;

/// Whom to wake, decided under the lock and carried out after it.
#[derive(Default)]
pub(super) struct Wakes {
    pub(super) taker: Option<Waker>,
    pub(super) others: Vec<Waker>,
    /// The stage before is to stop, too.
    pub(super) upstream: bool,
}

/// What the one listening worker waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Listening {
    /// The source, whose last poll registered the worker's waker.
    Source,
    /// Room for one more item.
    Room,
}

#[derive(Default)]
pub(super) struct Roster {
    pub(super) live: usize,
    pub(super) active: usize,
    /// How many workers have an item in hand: each runs one job at a time.
    pub(super) engaged: usize,
    /// How many items they have in hand.
    pub(super) reserved: usize,
    /// Since the last of them was let go of, the source was not asked.
    pub(super) rests_unasked: bool,
    /// Some job of the run has waited.
    pub(super) has_waited: bool,
    listener: Option<(WorkerId, Listening, Waker)>,
    idle: Vec<(WorkerId, Waker)>,
    /// The workers whose jobs wait, each at its position until it is polled for the next item.
    waiting: Vec<Option<Waker>>,
    vacant: Vec<usize>,
    next_id: WorkerId,
}

impl Roster {
    /// A worker takes so many items in hand.
    pub(super) fn engage(&mut self, items: usize) {
        self.engaged += usize::from(items > 0);
        self.reserved += items;
    }

    /// A worker with so many items in hand has none any more.
    pub(super) fn disengage(&mut self, items: usize) {
        self.engaged -= usize::from(items > 0);
        self.reserved -= items;
        self.rests_unasked |= items > 0 && self.engaged == 0;
    }

    pub(super) fn has_listener(&self) -> bool {
        self.listener.is_some()
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Counts a worker that is about to be spawned.
    pub(super) fn hire(&mut self) -> WorkerId {
        self.live += 1;
        self.active += 1;
        self.next_id += 1;
        self.next_id
    }

    /// Makes `id` the listener; the one before, if any, goes idle.
    pub(super) fn listen(&mut self, id: WorkerId, what: Listening, waker: Waker) {
        self.active -= 1;
        if let Some((before, _, waker)) = self.listener.replace((id, what, waker)) {
            self.idle.push((before, waker));
        }
    }

    /// The listener, if any, is idle from here on: another worker polls the source.
    pub(super) fn retire_listener(&mut self) {
        if let Some((id, _, waker)) = self.listener.take() {
            self.idle.push((id, waker));
        }
    }

    pub(super) fn park_idle(&mut self, id: WorkerId, waker: Waker) {
        self.active -= 1;
        self.idle.push((id, waker));
    }

    /// An active worker's job waits; says at which position its waker is.
    pub(super) fn wait(&mut self, waker: Waker) -> usize {
        self.active -= 1;
        self.has_waited = true;
        if let Some(position) = self.vacant.pop() {
            self.waiting[position] = Some(waker);
            position
        } else {
            self.waiting.push(Some(waker));
            self.waiting.len() - 1
        }
    }

    /// The worker whose waker is at `position` is active again.
    pub(super) fn resume(&mut self, position: usize) {
        self.forget(position);
        self.active += 1;
    }

    /// The worker whose waker is at `position` is gone.
    pub(super) fn forget(&mut self, position: usize) {
        self.waiting[position] = None;
        self.vacant.push(position);
    }

    /// A parked worker is polled: whoever woke it may have counted it active already.
    pub(super) fn unpark(&mut self, id: WorkerId) {
        if self.remove(id) {
            self.active += 1;
        }
    }

    /// Takes a parked worker off; false if it was not there any more.
    pub(super) fn remove(&mut self, id: WorkerId) -> bool {
        if self.listener.as_ref().is_some_and(|listener| listener.0 == id) {
            self.listener = None;
            return true;
        }
        match self.idle.iter().position(|idle| idle.0 == id) {
            Some(position) => {
                self.idle.swap_remove(position);
                true
            }
            None => false,
        }
    }

    pub(super) fn wake_idle(&mut self) -> Option<Waker> {
        let (_, waker) = self.idle.pop()?;
        self.active += 1;
        Some(waker)
    }

    /// Wakes the listener if it waits for room.
    pub(super) fn wake_for_room(&mut self) -> Option<Waker> {
        let (_, _, waker) = self.listener.take_if(|listener| listener.1 == Listening::Room)?;
        self.active += 1;
        Some(waker)
    }

    /// Those to wake so that every worker looks at the state again, parked or waiting for its job.
    pub(super) fn wake_everybody(&mut self) -> impl Iterator<Item = Waker> + use<> {
        let waiting: Vec<_> = self.waiting.iter_mut().filter_map(Option::take).collect();
        self.wake_parked().chain(waiting)
    }

    pub(super) fn wake_parked(&mut self) -> impl Iterator<Item = Waker> + use<> {
        let listener = self.listener.take().map(|(_, _, waker)| waker);
        let idle = std::mem::take(&mut self.idle);
        self.active += idle.len() + usize::from(listener.is_some());
        listener.into_iter().chain(idle.into_iter().map(|(_, waker)| waker))
    }
}
