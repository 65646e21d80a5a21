//! The taker's side of a stage: whoever empties its outputs, a [`Run`](crate::Run) or the next stage.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::Stage;
use super::handoff::{HandOff, State};
use super::outputs::Finished;
use crate::failure::{Cancelled, Failure};
use crate::report::StageReport;
use crate::source::{Filled, Inbox, Place};

/// What came of taking outputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Took {
    /// Some outputs; there may be more.
    Some,
    /// The run is over, and everything of it has been taken.
    End,
}

/// Where the outputs of a stage are taken.
pub(crate) trait Outlet<Out>: Stage {
    /// Moves up to `max` outputs that may be taken now to the end of `held`. The first of them is yielded right away
    /// and counts as delivered; so do those that were `yielded` since the last time.
    fn poll_take(
        &self,
        cx: &mut Context<'_>,
        max: usize,
        yielded: Delivered,
        held: &mut VecDeque<Finished<Out>>,
    ) -> Poll<Took>;

    /// Makes room for outputs that were taken, and yielded since.
    fn deliver(&self, delivered: Delivered);

    /// Moves up to `max` outputs that may be taken now into the next stage, where they count from here on; `None`
    /// if there is none, for whatever reason.
    fn pass_on(&self, max: usize, inbox: &mut Inbox<Out>) -> Option<Filled>;

    /// After how many outputs a taker makes room at the latest: later, the workers would wait for it.
    fn largest_portion(&self) -> usize;

    /// What nobody took, of a run that is over.
    fn take_rest(&self) -> VecDeque<Finished<Out>>;

    /// Stops the run.
    fn cancel(&self, by: Cancelled);

    /// Nobody will take anything any more: stops the run. The failure that nobody took, if it is over;
    /// if not, the scope gets it.
    fn abandon(&self) -> Option<Failure>;

    /// Drops outputs that were taken and that nobody wants, and keeps the failures among them.
    fn discard(&self, held: VecDeque<Finished<Out>>);

    /// The first cause and the other failures, as far as nobody took them.
    fn take_failures(&self) -> (Option<Failure>, Vec<Failure>);

    /// These, and those among the outputs, in the order in which they came.
    fn take_untold(&self) -> Vec<Failure>;

    /// Keeps a failure that nobody took.
    fn remember(&self, failure: Failure);

    /// The stage's name.
    fn name(&self) -> &Arc<str>;
}

/// How many outputs were delivered, and how many of them passed through from the stage before.
#[derive(Clone, Copy, Default)]
pub(crate) struct Delivered {
    pub(crate) own: usize,
    pub(crate) passed: usize,
}

impl<In: Send, Out: Send> Outlet<Out> for HandOff<In, Out> {
    fn poll_take(
        &self,
        cx: &mut Context<'_>,
        max: usize,
        yielded: Delivered,
        held: &mut VecDeque<Finished<Out>>,
    ) -> Poll<Took> {
        // Cloned before the lock is taken: a waker's clone may be anybody's code.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if state.is_over() && state.outputs.deliverable() == 0 {
            // Only a runtime that is shut down leaves something of the stages before.
            drop(state);
            ready!(self.poll_over(cx));
            state = self.lock();
        }
        let mut took = Poll::Pending;
        let mut delivered = yielded;
        let ready = state.outputs.deliverable().min(max);
        if ready > 0 {
            state.outputs.take(ready, held);
            took = Poll::Ready(Took::Some);
            let first = held.front().and_then(|finished| finished.result.as_ref().err());
            delivered.count(first, &self.settings.name);
        } else if state.is_over() {
            took = Poll::Ready(match state.first.take() {
                Some(failure) => {
                    let index = failure.index().unwrap_or(usize::MAX);
                    delivered.count(Some(&failure), &self.settings.name);
                    held.push_back(Finished { place: Place { index, seq: u64::MAX }, result: Err(failure) });
                    Took::Some
                }
                None => Took::End,
            });
        }
        let room = state.deliver(delivered);
        let before = if took.is_pending() { state.taker.replace(waker) } else { Some(waker) };
        drop(state);
        if let Some(waker) = room {
            waker.wake();
        }
        drop(before);
        took
    }

    fn deliver(&self, delivered: Delivered) {
        let room = self.lock().deliver(delivered);
        if let Some(waker) = room {
            waker.wake();
        }
    }

    fn pass_on(&self, max: usize, inbox: &mut Inbox<Out>) -> Option<Filled> {
        let mut state = self.lock();
        let (taken, failure) = state.outputs.pass_on(max, inbox);
        if taken == 0 {
            return None;
        }
        let mut delivered = Delivered { own: taken - 1, passed: 0 };
        delivered.count(failure.as_ref(), &self.settings.name);
        let room = state.deliver(delivered);
        drop(state);
        if let Some(waker) = room {
            waker.wake();
        }
        Some(failure.map_or(Filled::Full, Filled::Failed))
    }

    fn largest_portion(&self) -> usize {
        (self.bound / 8).max((self.bound / 2).min(8)).clamp(1, 256)
    }

    fn take_rest(&self) -> VecDeque<Finished<Out>> {
        let mut state = self.lock();
        let mut rest = VecDeque::new();
        let count = state.outputs.deliverable();
        state.outputs.take(count, &mut rest);
        rest
    }

    fn cancel(&self, by: Cancelled) {
        HandOff::cancel(self, by);
    }

    fn abandon(&self) -> Option<Failure> {
        HandOff::abandon(self)
    }

    fn discard(&self, held: VecDeque<Finished<Out>>) {
        HandOff::discard(self, held);
    }

    fn take_failures(&self) -> (Option<Failure>, Vec<Failure>) {
        self.lock().take_failures()
    }

    fn take_untold(&self) -> Vec<Failure> {
        HandOff::take_untold(self)
    }

    fn remember(&self, failure: Failure) {
        HandOff::remember(self, failure);
    }

    fn name(&self) -> &Arc<str> {
        &self.settings.name
    }
}

impl<In: Send, Out: Send> Stage for HandOff<In, Out> {
    fn report(&self) -> StageReport {
        let state = self.lock();
        let mut counts = state.counts;
        // A worker may still have in hand what is already counted as panicked or cancelled.
        counts.running = state.roster.engaged.min(counts.taken.saturating_sub(counts.settled()));
        StageReport::from_settings(&self.settings, counts)
    }

    fn stop(&self) {
        HandOff::cancel(self, Cancelled::Dropped);
        self.lock().unwanted = true;
    }

    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if !state.is_over() {
            let before = state.taker.replace(waker);
            drop(state);
            drop(before);
            return Poll::Pending;
        }
        drop(state);
        self.upstream.as_ref().map_or(Poll::Ready(()), |upstream| upstream.poll_over(cx))
    }

    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if state.stop.is_some() {
            return Poll::Ready(());
        }
        let before = state.watcher.replace(waker);
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<In, Out> State<In, Out> {
    pub(super) fn deliver(&mut self, delivered: Delivered) -> Option<Waker> {
        self.counts.delivered += delivered.own;
        self.occupied = self.occupied.saturating_sub(delivered.own + delivered.passed);
        if delivered.own + delivered.passed == 0 { None } else { self.roster.wake_for_room() }
    }
}

impl Delivered {
    pub(crate) fn count(&mut self, failure: Option<&Failure>, stage: &Arc<str>) {
        match failure {
            Some(failure) if !failure.is_of(stage) => self.passed += 1,
            // It concerns the run, and none of its items.
            Some(failure) if failure.index().is_none() => {}
            _ => self.own += 1,
        }
    }
}
