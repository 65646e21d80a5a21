//! What a worker has in its hands, and how it polls a batch of jobs.
//!
//! Batches grow while jobs end without waiting, shrink to one when a job waits, and one that took over
//! [`LONG_BATCH`] halves the next.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::coop;

use super::HandOff;
use super::handoff::{Hire, Stop};
use super::intake::{Asking, LARGEST_AHEAD, Next};
use super::outputs::Finished;
use super::roster::WorkerId;
use super::taken::{Ended, Taken};
use super::worker::{Crew, Work};
use crate::failure::{Cause, Failure};
use crate::settings::OnFailure;
use crate::source::{Inbox, Place};

/// A batch that took longer is followed by one of half its size.
pub(crate) const LONG_BATCH: Duration = Duration::from_micros(50);

/// The most items in a batch: with more, the lock taken once a batch costs nothing that can be measured.
const LARGEST_BATCH: usize = 128;

/// A worker that never waited for this long lets the other tasks of its thread run.
const LONG_SLICE: Duration = Duration::from_micros(500);

/// How many outputs a worker whose job waits keeps memory for: thousands may be waiting.
const KEPT_OUTBOX: usize = 4;

/// How a worker stands with the roster.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Active,
    /// Its job waits; its waker is at that place of the roster.
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
    /// How many items it took in hand, the one whose job runs included.
    reserved: usize,
    /// A job has failed, and stops the run as its outcome is handed on.
    failed: bool,
    /// It is being polled for its next batch, where no code of the user's runs but wakers.
    busy: bool,
    /// How often it has looked in vain since its last batch.
    looks: u8,
    batch: usize,
    /// The last batch took so little that whom it wakes may wait for the next.
    quick: bool,
    batch_began: Option<Instant>,
    /// How long it has worked since others of its thread could.
    slice: Duration,
    /// Of the item whose job runs.
    place: Place,
    inbox: Inbox<In>,
    outbox: VecDeque<Finished<Out>>,
}

impl<In, Out> Hands<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    pub(super) fn new(handoff: Arc<HandOff<In, Out>>, hire: Hire<In>) -> Self {
        let Hire { id, item } = hire;
        let reserved = usize::from(item.is_some());
        let mut inbox = Inbox::default();
        if let Some(item) = item {
            inbox.restore(item);
        }
        Self {
            handoff,
            ticket: None,
            id,
            mode: Mode::Active,
            reserved,
            failed: false,
            busy: false,
            looks: 0,
            batch: 1,
            quick: false,
            batch_began: None,
            slice: Duration::ZERO,
            place: Place { index: 0, seq: 0 },
            inbox,
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
        if !self.inbox.is_empty() && !self.failed && !self.handoff.is_stopping() {
            // The time it stood in line is none of the batch's.
            self.batch_began = self.batch_began.map(|_| Instant::now());
            return Poll::Ready(true);
        }
        // One look at the clock is the end of a batch and the beginning of the next.
        let now = self.batch_began.is_some().then(Instant::now);
        let tired = now.is_some_and(|now| self.adapt(now));
        let proceed = coop::poll_proceed(cx);
        let handoff = &*crew.handoff;
        let mut state = handoff.lock();
        match self.mode {
            Mode::Active | Mode::Leaving => {}
            Mode::Waiting(place) => state.roster.resume(place),
            Mode::Parked => state.roster.unpark(self.id),
        }
        self.mode = Mode::Active;
        state.roster.disengage(std::mem::take(&mut self.reserved));
        handoff.flush(&mut state, &mut self.outbox);
        let woke_for_slow = state.wakes.taker.is_some() && !self.quick;
        if (woke_for_slow || tired || proceed.is_pending()) && !state.is_done() {
            crew.release(state);
            return self.give_way(cx);
        }
        let asking = Asking { id: self.id, waker: cx.waker(), batch: self.batch };
        let mut next = handoff.next(&mut state, &asking, &mut self.inbox);
        if let Next::Poll(mut lease) = next {
            // Nobody waits for the source who was to be woken.
            crew.release(state);
            let began = now.unwrap_or_else(Instant::now);
            self.batch_began = Some(began);
            self.inbox.number_from(lease.seq);
            let fill_cx = &mut Context::from_waker(asking.waker);
            let filled = lease.source.poll_fill(fill_cx, lease.max, &mut self.inbox);
            // How far to reach ahead is of no interest to a worker that takes more at once anyway.
            let looks = self.batch < LARGEST_AHEAD && lease.source.computes();
            let took = if looks { began.elapsed() } else { Duration::ZERO };
            state = handoff.lock();
            next = handoff.polled(&mut state, &asking, lease, (filled, took), &mut self.inbox);
        }
        match next {
            Next::Work => {
                if handoff.reinforce(&mut state) {
                    // The other one may run first, and then begins with what is first.
                    state.roster.disengage(self.inbox.len());
                    state.restore(self.inbox.keep(0));
                    self.batch_began = None;
                    crew.release(state);
                    return self.give_way(cx);
                }
                self.reserved = self.inbox.len();
                self.looks = 0;
                self.batch_began.get_or_insert_with(|| now.unwrap_or_else(Instant::now));
                if crew.release(state) { self.give_way(cx) } else { Poll::Ready(true) }
            }
            // Through the queue of the thread: a source that is always ready is no reason never to end.
            Next::Ask | Next::Poll(_) => {
                self.batch_began = None;
                crew.release(state);
                self.give_way(cx)
            }
            Next::Park => {
                self.mode = Mode::Parked;
                self.slice = Duration::ZERO;
                crew.release(state);
                if self.quick && self.looks == 0 {
                    // Whoever has room or items for it next is often about to run on this very thread; to be
                    // woken would cost more, and start another thread for a batch's worth of work.
                    self.looks = 1;
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

    /// Sets the size of the next batch by the time the last one took; says whether it is time to let
    /// other tasks run.
    fn adapt(&mut self, now: Instant) -> bool {
        let Some(began) = self.batch_began.take() else { return false };
        let took = now.duration_since(began);
        self.quick = took < LONG_BATCH / 2;
        if took > LONG_BATCH {
            self.batch = (self.batch / 2).max(1);
        } else if took < LONG_BATCH / 2 {
            self.batch = (self.batch * 2).min(LARGEST_BATCH);
        }
        self.slice += took;
        self.slice > LONG_SLICE
    }

    /// Lets the others on this thread run first: whom this worker has just woken stands in a slot of the
    /// thread that no other thread takes from.
    fn give_way(&mut self, cx: &Context<'_>) -> Poll<bool> {
        self.slice = Duration::ZERO;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Runs the jobs of the batch; pending while one of them waits.
    pub(super) fn poll_batch<Fut, W>(
        &mut self,
        cx: &mut Context<'_>,
        crew: &Arc<Crew<In, Out, W>>,
        mut job: Pin<&mut Option<Fut>>,
        begin: impl Fn(Taken<In, Out>) -> Fut,
    ) -> Poll<()>
    where
        Fut: Future<Output = Ended<In, Out>>,
        W: Work<In, Out>,
    {
        loop {
            // Once a batch, not once a job: a panic is the only way out of it but these two.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                // Read from here: to load what was stored a moment ago costs more than to keep it.
                let mut place = self.place;
                loop {
                    if self.handoff.is_stopping() {
                        job.set(None);
                        return Poll::Ready(());
                    }
                    if job.is_none() {
                        let Some(item) = self.inbox.pop_front() else { return Poll::Ready(()) };
                        place = item.place;
                        self.place = place;
                        let handoff = self.ticket.take().unwrap_or_else(|| Arc::clone(&self.handoff));
                        job.set(Some(begin(Taken::new(item, handoff))));
                    }
                    let Some(running) = job.as_mut().as_pin_mut() else { return Poll::Ready(()) };
                    // In one step: to move the result first would cost more than the rest of the hand-over.
                    match ready!(running.poll(cx)) {
                        Ended { ticket, result: Ok(output) } => {
                            self.outbox.push_back(Finished { place, result: Ok(output) });
                            self.ticket = ticket.into_inner();
                        }
                        Ended { ticket, result: Err(error) } => {
                            self.failed(error);
                            self.ticket = ticket.into_inner();
                        }
                    }
                    job.set(None);
                    if self.failed {
                        return Poll::Ready(());
                    }
                }
            }));
            match polled {
                Ok(Poll::Ready(())) => return Poll::Ready(()),
                Ok(Poll::Pending) => {
                    self.wait(cx, crew);
                    return Poll::Pending;
                }
                Err(payload) => {
                    // What the panic left of the job is dropped apart: it may panic once more.
                    let rest = catch_unwind(AssertUnwindSafe(|| job.set(None)));
                    self.panicked(crew, payload, rest.err());
                }
            }
        }
    }

    #[cold]
    fn failed(&mut self, error: anyhow::Error) {
        self.failed = self.handoff.settings.on_failure == OnFailure::Stop;
        let result = Err(self.failure(Cause::of_error(error)));
        self.outbox.push_back(Finished { place: self.place, result });
    }

    #[cold]
    fn failure(&self, cause: Cause) -> Failure {
        Failure::new(Some(self.place.index), &self.handoff.settings.name, cause)
    }

    /// A job panicked, or its remains did. An item that had not ended was counted as its ticket was dropped.
    fn panicked<W>(
        &mut self,
        crew: &Arc<Crew<In, Out, W>>,
        payload: Box<dyn Any + Send>,
        again: Option<Box<dyn Any + Send>>,
    ) where
        W: Work<In, Out>,
    {
        let failure = self.failure(Cause::of_panic(payload));
        let finished = Finished { place: self.place, result: Err(failure) };
        let again = again.map(|payload| self.failure(Cause::of_panic(payload)));
        let ended = self.ticket.is_some();
        if ended {
            self.outbox.pop_back();
        }
        let mut state = self.handoff.lock();
        self.handoff.flush(&mut state, &mut self.outbox);
        state.counts.panicked += usize::from(ended);
        self.handoff.put(&mut state, finished);
        state.remember(again);
        state.wake_taker();
        crew.release(state);
    }

    /// The job waits: nothing else may wait with it.
    fn wait<W>(&mut self, cx: &Context<'_>, crew: &Arc<Crew<In, Out, W>>)
    where
        W: Work<In, Out>,
    {
        if let Mode::Waiting(_) = self.mode {
            return;
        }
        self.batch = 1;
        self.quick = false;
        self.batch_began = None;
        self.slice = Duration::ZERO;
        let waker = cx.waker().clone();
        let mut state = self.handoff.lock();
        self.handoff.flush(&mut state, &mut self.outbox);
        state.restore(self.inbox.keep(0));
        state.roster.reserved -= std::mem::replace(&mut self.reserved, 1) - 1;
        self.mode = Mode::Waiting(state.roster.wait(waker));
        if state.stop.is_some() {
            // Stopped before it was on the roster, where it would have been woken.
            state.wakes.others.push(cx.waker().clone());
        }
        self.handoff.reinforce(&mut state);
        crew.release(state);
        if self.outbox.capacity() > KEPT_OUTBOX {
            self.outbox = VecDeque::new();
        }
    }
}

impl<In, Out> Drop for Hands<In, Out> {
    /// Takes the worker off the roster, and whatever it still has out of its hands.
    fn drop(&mut self) {
        let broken = self.busy && thread::panicking();
        let mut state = self.handoff.lock();
        match self.mode {
            Mode::Waiting(place) => state.roster.forget(place),
            Mode::Leaving => {}
            Mode::Parked if state.roster.remove(self.id) => {}
            // Who took a parked worker off the roster, to wake it, counted it active.
            Mode::Active | Mode::Parked => state.roster.active -= 1,
        }
        state.roster.disengage(self.reserved);
        self.handoff.flush(&mut state, &mut self.outbox);
        state.restore(self.inbox.keep(0));
        if broken {
            let cause = Cause::Panicked("a worker was ended by a panic, of a waker perhaps".to_owned());
            let failure = Failure::new(None, &self.handoff.settings.name, cause);
            self.handoff.stop(&mut state, Stop::Here, Some(failure));
        }
        if state.cleared && state.roster.live == 1 {
            drop(state);
            self.handoff.settle();
            state = self.handoff.lock();
        }
        state.leave();
        self.handoff.release(state);
    }
}
