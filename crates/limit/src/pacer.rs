//! A meter with the tasks that wait for its starts, first come, first served.
//!
//! # Invariants
//!
//! 1. While a waiter is in the list, no newcomer is granted a start: starts are granted in the order of the first polls.
//! 2. Only the first waiter has a timer. If the first waiter can be granted a start at a known moment, then its timer is set to
//!    that moment or earlier, or the first waiter was woken since its last poll and sets the timer in its next poll.
//! 3. A waiter that is granted a start is out of the list before its wake-up. The drop of the waiter gives the start
//!    back.
//! 4. No waker is cloned, woken or dropped under the lock.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::time::{Instant, Sleep, sleep_until};
use towpath_pattern::anyhow;

use crate::meter::Meter;
use crate::quota::Quota;
use crate::sync::{Mutex, Ticket, TicketList, WakeList, panic};

pub(crate) struct Pacer(Mutex<State>);

struct State {
    meter: Meter,
    waiters: TicketList<Waiter>,
}

struct Waiter {
    /// `None` from a wake-up until the next poll.
    waker: Option<Waker>,
    /// The moment of the timer.
    timer: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(quota: Quota, now: Instant) -> Self {
        Self(Mutex::new(State { meter: Meter::new(quota, now), waiters: TicketList::default() }))
    }

    /// Changes the quota, and adds the waiter that is to be woken to `woken`.
    pub(crate) fn set(&self, quota: Quota, now: Instant, woken: &mut WakeList) {
        let mut state = self.0.lock();
        state.meter.set(quota, now);
        state.wake_first(woken);
    }

    /// Returns the moment at which the bucket of the meter is empty, or `None` if the bucket is empty now. The pacer is
    /// then like a new pacer. Waiters and granted starts are not considered.
    pub(crate) fn rests_until(&self) -> Option<Instant> {
        self.0.lock().meter.empty_at()
    }

    pub(crate) fn quota(&self) -> Quota {
        self.0.lock().meter.quota()
    }

    fn change(&self, change: impl FnOnce(&mut State, &mut WakeList)) {
        let mut woken = WakeList::default();
        change(&mut self.0.lock(), &mut woken);
        panic::resume(woken.wake_all());
    }
}

impl State {
    /// Grants starts to the waiters in order, as many as the moment allows.
    fn serve(&mut self, now: Instant, woken: &mut WakeList) {
        while !self.waiters.is_empty() && self.meter.grant(now) {
            woken.extend(self.waiters.pop_first().and_then(|waiter| waiter.waker));
        }
    }

    /// Wakes the first waiter if it has to set its timer to an earlier moment (invariant 2).
    fn wake_if_early(&mut self, now: Instant, woken: &mut WakeList) {
        let Some((_, first)) = self.waiters.first() else { return };
        let Some(due) = self.meter.due(now) else { return };
        if first.timer.is_none_or(|timer| timer > due) {
            self.wake_first(woken);
        }
    }

    /// Takes back a granted start. The current time is not known here, so the first waiter is woken and reads the
    /// meter.
    fn give_back(&mut self, woken: &mut WakeList) {
        self.meter.give_back();
        self.wake_first(woken);
    }

    /// Wakes the first waiter after an event without a known moment. The first waiter then reads the meter.
    fn wake_first(&mut self, woken: &mut WakeList) {
        woken.extend(self.waiters.first_mut().and_then(|(_, first)| first.waker.take()));
    }
}

impl fmt::Debug for Pacer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacer").finish_non_exhaustive()
    }
}

/// A wait for a start, with a permit `T` as its output. The drop leaves the list, or gives back the granted start.
pub(crate) struct Wait<P: Deref<Target = Pacer>, T> {
    /// `None` once the permit was returned.
    pacer: Option<P>,
    step: Step,
    timer: Option<Pin<Box<Sleep>>>,
    permit: PhantomData<fn() -> T>,
}

enum Step {
    New,
    Waiting(Ticket),
    Granted,
}

enum Look {
    Granted,
    /// The moment of the next look, unless the pacer wakes the task earlier.
    Wait(Option<Instant>),
}

impl<P: Deref<Target = Pacer>, T> Wait<P, T> {
    pub(crate) fn new(pacer: P) -> Self {
        Self { pacer: Some(pacer), step: Step::New, timer: None, permit: PhantomData }
    }

    fn look(&mut self, waker: &Waker) -> Look {
        let Some(pacer) = &self.pacer else { panic!("the future of a rate was polled after its end") };
        let mut waker = Some(waker.clone());
        let mut woken = WakeList::default();
        let now = Instant::now();
        // The guard is declared last, and so is dropped first.
        let mut state = pacer.0.lock();
        let ticket = match self.step {
            Step::Granted => return Look::Granted,
            Step::New if state.waiters.is_empty() && state.meter.grant(now) => {
                self.step = Step::Granted;
                return Look::Granted;
            }
            Step::New => state.waiters.push(Waiter { waker: None, timer: None }),
            Step::Waiting(ticket) => ticket,
        };
        self.step = Step::Waiting(ticket);
        state.serve(now, &mut woken);
        let is_first = state.waiters.first().is_some_and(|(first, _)| first == ticket);
        let due = if is_first { state.meter.due(now) } else { None };
        let look = if let Some(waiter) = state.waiters.get_mut(ticket) {
            waiter.timer = due;
            mem::swap(&mut waiter.waker, &mut waker);
            Look::Wait(due)
        } else {
            self.step = Step::Granted;
            Look::Granted
        };
        if !is_first {
            state.wake_if_early(now, &mut woken);
        }
        drop(state);
        woken.discard(waker);
        panic::resume(woken.wake_all());
        look
    }
}

impl<P: Deref<Target = Pacer> + Unpin, T: From<Grant<P>>> Future for Wait<P, T> {
    type Output = anyhow::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.look(cx.waker()) {
                Look::Granted => {
                    self.timer = None;
                    return Poll::Ready(Ok(Grant { pacer: self.pacer.take() }.into()));
                }
                Look::Wait(None) => {
                    self.timer = None;
                    return Poll::Pending;
                }
                Look::Wait(Some(due)) => {
                    let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
                    timer.as_mut().reset(due);
                    ready!(timer.as_mut().poll(cx));
                }
            }
        }
    }
}

impl<P: Deref<Target = Pacer>, T> Drop for Wait<P, T> {
    fn drop(&mut self) {
        let Some(pacer) = &self.pacer else { return };
        pacer.change(|state, woken| match self.step {
            Step::New => {}
            Step::Granted => state.give_back(woken),
            Step::Waiting(ticket) => {
                let was_first = state.waiters.first().is_some_and(|(first, _)| first == ticket);
                match state.waiters.remove(ticket) {
                    Some(waiter) => woken.discard(waiter.waker),
                    // The start was granted since the last poll.
                    None => return state.give_back(woken),
                }
                if was_first {
                    state.wake_first(woken);
                }
            }
        });
    }
}

/// A granted start. The drop gives the start back, unless started.
#[derive(Debug)]
pub(crate) struct Grant<P: Deref<Target = Pacer>> {
    /// `None` once started.
    pacer: Option<P>,
}

impl<P: Deref<Target = Pacer>> Grant<P> {
    /// Counts the start; only the first call counts.
    pub(crate) fn start(&mut self) {
        let Some(pacer) = self.pacer.take() else { return };
        let now = Instant::now();
        pacer.change(|state, woken| {
            state.meter.start(now);
            state.serve(now, woken);
            state.wake_if_early(now, woken);
        });
    }
}

impl<P: Deref<Target = Pacer>> Drop for Grant<P> {
    fn drop(&mut self) {
        if let Some(pacer) = &self.pacer {
            pacer.change(State::give_back);
        }
    }
}
