//! What a worker has in its hands, and how it gets the next batch.

mod batch;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tokio::task::coop;
use tokio::time::Instant;

use super::HandOff;
use super::handoff::{Hire, Stop};
use super::intake::{Asking, LARGEST_AHEAD, Next};
use super::roster::WorkerId;
use super::tray::Tray;
use super::worker::{Crew, Work};
use crate::failure::{Cancelled, Cause, Failure};
use crate::item::Output;
use crate::item::Position;

/// How a worker stands with the roster.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Active,
    /// Its job waits; its waker is at that position of the roster.
    Waiting(usize),
    /// It has nothing to do, and is on the roster unless somebody woke it.
    Parked,
    /// It is not needed any more.
    Leaving,
}

/// What a worker has in its hands.
pub(super) struct Hands<In, Out> {
    handoff: Arc<HandOff<In, Out>>,
    /// The same one, which goes through the item in hand and comes back, so that no item costs a
    /// reference count.
    ticket: Option<Arc<HandOff<In, Out>>>,
    id: WorkerId,
    mode: Mode,
    /// A job has failed, and stops the run as its outcome is handed on.
    failed: bool,
    /// It is being polled. The panics of jobs are caught there, so that one which ends it is a waker's, or ours.
    busy: bool,
    /// Its job goes on without its item, which it has dropped.
    gone: bool,
    /// Of the item whose job runs.
    position: Position,
    /// `None` once that job has waited (it is all that is in hand then), and until the worker looks for the next item.
    tray: Option<Box<Tray<In>>>,
    outbox: VecDeque<Output<Out>>,
}

impl<In, Out> Hands<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    pub(super) fn new(handoff: Arc<HandOff<In, Out>>, hire: Hire<In>) -> Self {
        let Hire { id, tray } = hire;
        Self {
            handoff,
            ticket: None,
            id,
            mode: Mode::Active,
            failed: false,
            busy: false,
            gone: false,
            position: Position { index: usize::MAX, seq: u64::MAX },
            tray: Some(tray),
            outbox: VecDeque::new(),
        }
    }

    /// Hands on what is finished and gets the next batch; ready with `false` when there is none.
    pub(super) fn poll_fill<W>(&mut self, cx: &mut Context<'_>, crew: &Arc<Crew<In, Out, W>>) -> Poll<bool>
    where
        W: Work<In, Out>,
    {
        self.busy = true;
        let polled = self.fill(cx, crew);
        self.busy = false;
        polled
    }

    fn fill<W>(&mut self, cx: &mut Context<'_>, crew: &Arc<Crew<In, Out, W>>) -> Poll<bool>
    where
        W: Work<In, Out>,
    {
        let handoff = &*crew.handoff;
        if handoff.is_stopping() && self.outbox.is_empty() {
            // With thousands of others, of whom each must get the lock once more to be gone.
            return Poll::Ready(false);
        }
        let mut now = None;
        let mut tired = false;
        if let Some(tray) = &mut self.tray {
            if !tray.inbox.is_empty() && !self.failed && !handoff.is_stopping() {
                // The time it stood in line is none of the batch's.
                tray.batch_began = tray.batch_began.map(|_| Instant::now());
                return Poll::Ready(true);
            }
            // One look at the clock is the end of a batch and the beginning of the next.
            now = tray.batch_began.is_some().then(Instant::now);
            tired = now.is_some_and(|now| tray.adapt(now));
        }
        let proceed = coop::poll_proceed(cx);
        let mut state = handoff.lock();
        match self.mode {
            Mode::Active | Mode::Leaving => {}
            Mode::Waiting(position) => state.roster.resume(position),
            Mode::Parked => state.roster.unpark(self.id),
        }
        self.mode = Mode::Active;
        state.roster.disengage(self.let_go());
        handoff.flush(&mut state, &mut self.outbox);
        let tray = self.tray.get_or_insert_default();
        let woke_for_slow = state.wakes.taker.is_some() && !tray.quick;
        if (woke_for_slow || tired || proceed.is_pending()) && !state.is_done() {
            crew.release(state);
            return tray.give_way(cx);
        }
        if let Poll::Ready(proceed) = proceed {
            proceed.made_progress();
        }
        let asking = Asking { id: self.id, waker: cx.waker(), batch: tray.batch };
        let mut next = handoff.next(&mut state, &asking, &mut tray.inbox);
        if let Next::Poll(mut lease) = next {
            // Nobody waits for the source who was to be woken.
            crew.release(state);
            let began = now.unwrap_or_else(Instant::now);
            tray.batch_began = Some(began);
            tray.inbox.number_from(lease.seq);
            let fill_cx = &mut Context::from_waker(asking.waker);
            let filled = lease.source.poll_batch(fill_cx, lease.max, &mut tray.inbox);
            // How far to reach ahead is of no interest to a worker that takes more at once anyway.
            let looks = tray.batch < LARGEST_AHEAD && lease.source.computes();
            let took = if looks { began.elapsed() } else { Duration::ZERO };
            state = handoff.lock();
            next = handoff.polled(&mut state, &asking, lease, (filled, took), &mut tray.inbox);
        }
        match next {
            Next::Work => {
                if handoff.reinforce(&mut state) {
                    // The other one may run first, and then begins with what is first.
                    state.roster.disengage(tray.inbox.len());
                    state.restore(tray.inbox.drain_after(0));
                    tray.batch_began = None;
                    crew.release(state);
                    return tray.give_way(cx);
                }
                tray.reserved = tray.inbox.len();
                tray.several = tray.reserved > 1;
                tray.looked = false;
                tray.batch_began.get_or_insert_with(|| now.unwrap_or_else(Instant::now));
                if crew.release(state) { tray.give_way(cx) } else { Poll::Ready(true) }
            }
            // Through the queue of the thread: a source that is always ready is no reason never to end.
            Next::Ask | Next::Poll(_) => {
                tray.batch_began = None;
                crew.release(state);
                tray.give_way(cx)
            }
            Next::Park => {
                self.mode = Mode::Parked;
                tray.rest();
                tray.batch_began = None;
                crew.release(state);
                if tray.quick && tray.several && !tray.looked {
                    // Whoever has room or items for it next is often about to run on this very thread; to be
                    // woken would cost more, and start another thread for a batch's worth of work.
                    tray.looked = true;
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
            Next::Leave => {
                // Not active from here on: whoever counted on this one to go on would wait for ever.
                self.mode = Mode::Leaving;
                state.roster.active -= 1;
                crew.release(state);
                Poll::Ready(false)
            }
        }
    }

    /// Fails the run for what is no job's fault.
    pub(super) fn fail(&self, cause: Cause) {
        self.handoff.fail(cause);
    }
}

impl<In, Out> Hands<In, Out> {
    /// How many items it had in hand, the one whose job ran included.
    fn let_go(&mut self) -> usize {
        self.tray.as_mut().map_or(1, |tray| std::mem::take(&mut tray.reserved))
    }
}

impl<In, Out> Drop for Hands<In, Out> {
    /// Takes the worker off the roster, and whatever it still has out of its hands.
    fn drop(&mut self) {
        let broken = self.busy && thread::panicking();
        let reserved = self.let_go();
        let mut state = self.handoff.lock();
        match self.mode {
            Mode::Waiting(position) => state.roster.forget(position),
            Mode::Leaving => {}
            Mode::Parked if state.roster.remove(self.id) => {}
            // Who took a parked worker off the roster, to wake it, counted it active.
            Mode::Active | Mode::Parked => state.roster.active -= 1,
        }
        state.roster.disengage(reserved);
        self.handoff.flush(&mut state, &mut self.outbox);
        self.handoff.put_back(&mut state, self.position.seq);
        if let Some(mut tray) = self.tray.take() {
            state.restore(tray.inbox.drain_after(0));
        }
        if broken {
            let cause = Cause::Panicked("a worker was ended by a panic, of a waker perhaps".to_owned());
            let failure = Failure::new(None, &self.handoff.settings.name, cause);
            self.handoff.stop(&mut state, Stop::Here, Some(failure));
        } else if state.stop.is_none() && (reserved > 0 || self.mode != Mode::Leaving && !state.is_done()) {
            // Nothing but a runtime that is shut down drops a worker that has not come to its end.
            let cause = Cause::Cancelled(Cancelled::Runtime);
            let failure = Failure::new(None, &self.handoff.settings.name, cause);
            self.handoff.stop(&mut state, Stop::Here, Some(failure));
        }
        if state.cleared && state.roster.live == 1 {
            drop(state);
            self.handoff.settle();
            state = self.handoff.lock();
            state.leave();
            self.handoff.conclude(state);
        } else {
            state.leave();
            self.handoff.release(state);
        }
    }
}
