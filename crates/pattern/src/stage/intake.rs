//! What a worker does next: take what waits, poll the source, park, or leave.

use std::task::Waker;
use std::time::Duration;

use super::handoff::{HandOff, Hire, State, Stop};
use super::roster::{Listening, WorkerId};
use super::tray::Tray;
use crate::failure::Failure;
use crate::item::Output;
use crate::item::{ItemBatch, Position};
use crate::settings::OnFailure;
use crate::source::{PollBatch, Source};
use crate::util::batch_size::LONG_BATCH;

/// A worker polls the source for up to so many items even if it works on one at a time: the others wait
/// where any worker finds them, which is cheaper than a poll for each. As with batches, fewer if it took long.
pub(super) const LARGEST_AHEAD: usize = 16;

/// What a worker is to do next.
pub(super) enum Next<In> {
    /// Work on what is in the inbox now.
    Work,
    /// Poll the source, and say what came.
    Poll(Lease<In>),
    /// Ask again.
    Ask,
    /// It is on the roster of the parked.
    Park,
    Leave,
}

/// The source, in the hands of the one worker that polls it.
pub(super) struct Lease<In> {
    pub(super) source: Source<In>,
    /// For at most so many items.
    pub(super) max: usize,
    /// The number of the first of them.
    pub(super) seq: u64,
    /// Nobody had an item in hand when it was taken out, and nobody can have got one since.
    pub(super) alone: bool,
}

/// The worker that asks.
pub(super) struct Asking<'a> {
    pub(super) id: WorkerId,
    pub(super) waker: &'a Waker,
    /// How many items it would like.
    pub(super) batch: usize,
}

impl<In, Out> HandOff<In, Out> {
    /// How many of so many items one worker may take, so that the others find some too.
    fn share(&self, items: usize) -> usize {
        items.div_ceil(self.threads.min(self.settings.limit.get()))
    }

    /// How many more items may be taken in hand.
    ///
    /// Once a job has waited, no more than the limit are in hands: so the jobs that run are among the first
    /// that have not ended, and one may wait for a later one. Until then a worker may have more, since each
    /// runs one job at a time.
    fn free(&self, state: &State<In, Out>) -> usize {
        let limit = self.settings.limit.get();
        if state.roster.has_waited {
            return limit.saturating_sub(state.roster.reserved);
        }
        if state.roster.engaged < limit { usize::MAX } else { 0 }
    }

    /// How many workers stay though they have nothing to do, since there will soon be something: fewer and fewer as
    /// the work becomes less.
    fn most_idle(&self, state: &State<In, Out>) -> usize {
        self.threads + state.roster.engaged
    }

    /// Has one leave that was needed when there was more work; it does the same as it goes.
    fn thin_out(&self, state: &mut State<In, Out>) {
        if state.roster.idle() > self.most_idle(state) {
            let idle = state.roster.wake_idle();
            state.wakes.others.extend(idle);
        }
    }

    /// Decides what a worker does that is active and has nothing in hand.
    pub(super) fn next(
        &self,
        state: &mut State<In, Out>,
        asking: &Asking<'_>,
        inbox: &mut ItemBatch<In>,
    ) -> Next<In> {
        let free = self.free(state);
        if state.stop.is_some() {
            return Next::Leave;
        }
        if free > 0 && !state.ready.is_empty() {
            let some = asking.batch.min(self.share(free)).min(self.share(state.ready.len()));
            state.ready.drain(..some).for_each(|item| inbox.restore(item));
            state.roster.engage(some);
            return Next::Work;
        }
        if state.supply.ended {
            return Next::Leave;
        }
        let idle_enough = state.roster.idle() >= self.most_idle(state);
        // When nobody works any more, somebody has to see whether the source has come to its end with that.
        if state.roster.has_listener() && idle_enough && !state.roster.rests_unasked {
            self.thin_out(state);
            return Next::Leave;
        }
        if let Some(source) = state.supply.home.take_if(|source| free > 0 || source.needs_polling()) {
            let room = self.bound - state.occupied;
            if room > 0 {
                let ahead = if source.is_queue() { 1 } else { state.ahead };
                let max = asking.batch.max(ahead).min(self.share(room));
                // Its poll takes the position of the listener's, whose waker the source may forget.
                state.roster.retire_listener();
                state.roster.rests_unasked = false;
                let alone = state.roster.engaged == 0;
                return Next::Poll(Lease { source, max, seq: state.next_seq, alone });
            }
            state.supply.home = Some(source);
            state.roster.listen(asking.id, Listening::Room, asking.waker.clone());
            return Next::Park;
        }
        if idle_enough {
            return Next::Leave;
        }
        state.roster.park_idle(asking.id, asking.waker.clone());
        Next::Park
    }

    /// Takes the source back after a poll that took so long, with what came of it.
    pub(super) fn polled(
        &self,
        state: &mut State<In, Out>,
        asking: &Asking<'_>,
        lease: Lease<In>,
        (filled, took): (PollBatch, Duration),
        inbox: &mut ItemBatch<In>,
    ) -> Next<In> {
        let count = inbox.len();
        state.ahead =
            if took > LONG_BATCH { (state.ahead / 2).max(1) } else { (state.ahead * 2).min(LARGEST_AHEAD) };
        state.next_seq += count as u64;
        state.occupied += count;
        state.counts.taken += count;
        state.supply.home = Some(lease.source);
        let waiting = matches!(filled, PollBatch::Pending | PollBatch::Quiescent);
        match filled {
            PollBatch::Ready | PollBatch::Pending => {}
            // Whoever has an item in hand, or gets one of these, comes by here once more when it is done.
            PollBatch::Quiescent if count > 0 || state.roster.engaged > 0 || !state.ready.is_empty() => {}
            // Who had one may have put something between this poll and its end.
            PollBatch::Quiescent if !lease.alone => return Next::Ask,
            PollBatch::Quiescent | PollBatch::Exhausted => state.end_supply(),
            PollBatch::Failed(failure) => self.forward(state, failure),
        }
        if count > 0 {
            let free = if state.stop.is_none() { self.free(state) } else { 0 };
            let some = asking.batch.min(self.share(free));
            state.restore(inbox.drain_after(some));
            if !inbox.is_empty() {
                state.roster.engage(inbox.len());
                return Next::Work;
            }
        } else if waiting && state.stop.is_none() && !state.supply.ended {
            state.roster.listen(asking.id, Listening::Source, asking.waker.clone());
            self.thin_out(state);
            return Next::Park;
        }
        Next::Ask
    }

    /// A failure that came from the source.
    fn forward(&self, state: &mut State<In, Out>, failure: Failure) {
        match self.settings.on_failure {
            // Stopped because of just this failure, before a worker came upon it.
            OnFailure::Stop if state.stop == Some(Stop::Upstream) && state.first.is_none() => {
                state.first = Some(failure);
            }
            OnFailure::Stop => self.stop(state, Stop::Here, Some(failure)),
            OnFailure::Continue => {
                let seq = state.next_seq;
                state.next_seq += 1;
                state.occupied += 1;
                let index = failure.index().unwrap_or(usize::MAX);
                state.outputs.push(Output { position: Position { index, seq }, result: Err(failure) });
                state.wake_taker();
            }
        }
    }

    /// Gets one more worker going if there is something for it to do and a thread to do it on; says whether.
    ///
    /// A source at home counts even when there is no room: somebody has to listen for it.
    pub(super) fn reinforce(&self, state: &mut State<In, Out>) -> bool {
        if state.stop.is_some() || state.roster.active >= self.threads {
            return false;
        }
        let free = self.free(state) > 0;
        let source = state.supply.home.as_ref().filter(|_| !state.supply.ended);
        let open =
            source.is_some_and(|source| free || source.needs_polling()) && !state.roster.has_listener();
        if !(open || free && !state.ready.is_empty()) {
            return false;
        }
        if let Some(waker) = state.roster.wake_idle() {
            state.wakes.others.push(waker);
            return true;
        }
        let item = if free { state.ready.pop_front() } else { None };
        state.roster.engage(usize::from(item.is_some()));
        let mut tray = Box::<Tray<In>>::default();
        if let Some(item) = item {
            tray.inbox.restore(item);
            tray.reserved = 1;
        }
        state.hire = Some(Hire { id: state.roster.hire(), tray });
        true
    }
}
