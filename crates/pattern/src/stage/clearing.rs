//! What becomes of what is left when a run is over: items never begun, outputs and failures nobody took.
//!
//! Values of the user's are dropped here, each where its panic is caught, and never under the lock.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::closing::Closing;
use super::handoff::{HandOff, State, Stop};
use crate::failure::{Cancelled, Cause, Failure};
use crate::item::Output;
use crate::scope::ScopeGuard;
use crate::settings::OnFailure;
use crate::source::{Closed, Source};
use crate::util::mutex::MutexGuard;

impl<In, Out> HandOff<In, Out> {
    /// What is left to clear up when no worker is left: the source, and the items never begun.
    pub(super) fn remains(&self) -> (Option<Source<In>>, VecDeque<(usize, In)>) {
        let mut state = self.lock();
        let dropped = std::mem::take(&mut state.dropped);
        state.restore(dropped.into_iter());
        let ready = std::mem::take(&mut state.ready);
        state.counts.never_begun += ready.len();
        state.supply.ended = true;
        let source = state.supply.home.take();
        drop(state);
        let ready = ready.into_iter().map(|item| (item.position.index, item.value)).collect();
        (source, ready)
    }

    /// Gives back what was never begun, where a runtime that is shut down left no time to clear up, and drops what
    /// order holds back.
    ///
    /// Called before the last of supervisor and workers is gone, so before anybody can see that the run is over.
    pub(super) fn settle(&self) {
        drop(Closing::new(self));
        self.discard_untakeable();
    }

    /// Drops the outputs that nobody can take any more, when no worker is left.
    pub(super) fn discard_untakeable(&self) {
        let mut state = self.lock();
        if !state.abandoned {
            let outputs = state.outputs.take_held_back();
            drop(state);
            return self.discard(outputs);
        }
        let (failed, succeeded) = split(state.outputs.take_all());
        // They stay where they are, before whatever is told later: `discard_all` comes for them.
        for finished in failed {
            state.outputs.push(finished);
        }
        drop(state);
        self.discard(succeeded);
    }

    /// Counts items that were found on their way here when the run was over.
    pub(super) fn lose_between(&self, items: usize) {
        let mut state = self.lock();
        state.counts.taken += items;
        state.counts.cancelled += items;
    }

    /// Keeps a failure that nobody took.
    pub(super) fn remember(&self, failure: Failure) {
        let mut state = self.lock();
        state.remember(Some(failure));
        self.release(state);
    }

    /// Drops a value of the user's; a panic of it is a failure.
    pub(super) fn dispose<T>(&self, value: T) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            self.fail(Cause::of_panic(payload));
        }
    }

    /// What was found behind the source besides items: the cause, if it lay there.
    pub(super) fn upstream_closed(&self, closed: &mut Closed<In>) {
        let mut state = self.lock();
        // A failure there came before any cancellation here reached it: it is not masked by one.
        let unknown = state.stop == Some(Stop::Upstream) && state.first.is_none();
        let cancelled = state.first.as_ref().is_some_and(Failure::is_cancelled);
        let cause = closed.cause.take();
        if unknown || cancelled && cause.as_ref().is_some_and(|cause| !cause.is_cancelled()) {
            state.first = cause;
        } else {
            state.remember(cause.filter(|cause| !cause.is_cancelled()));
        }
        for failure in closed.failures.drain(..) {
            state.remember(Some(failure));
        }
        self.give_cause(&mut state, Cancelled::Upstream);
        self.release(state);
    }

    /// Whatever became of the cause, a run that was stopped does not end like one that was not.
    fn give_cause(&self, state: &mut State<In, Out>, by: Cancelled) {
        if state.stop == Some(Stop::Upstream) && state.first.is_none() {
            state.first = Some(Failure::new(None, &self.settings.name, Cause::Cancelled(by)));
        }
    }

    /// The supervisor is gone, and may not have come to clear up.
    pub(super) fn end(&self, guard: ScopeGuard, cleared_up: bool) {
        if !cleared_up {
            self.fail(Cause::Cancelled(Cancelled::Runtime));
        }
        let mut state = self.lock();
        // Nobody got to ask the stage before, which keeps its failure for the scope.
        self.give_cause(&mut state, Cancelled::Runtime);
        state.guard = Some(guard);
        if state.roster.live > 0 {
            // A runtime that is shut down has yet to drop them; the last of them is the end of the run.
            state.cleared = true;
            self.release(state);
        } else {
            drop(state);
            self.settle();
            self.conclude(self.lock());
        }
    }

    /// Supervisor and workers are gone: nothing of the run is left but what nobody took yet, and where nobody will,
    /// not that either.
    pub(super) fn conclude(&self, mut state: MutexGuard<'_, State<In, Out>>) {
        state.cleared = true;
        state.wake_taker();
        let guard = state.guard.take();
        let abandoned = state.abandoned;
        self.release(state);
        if abandoned
            && let Some(failure) = self.discard_all()
            && let Some(guard) = guard
        {
            guard.record(failure);
        }
    }

    /// The failures that are there now and nobody took, in the order in which they came.
    pub(super) fn take_untold(&self) -> Vec<Failure> {
        let mut state = self.lock();
        let (failed, succeeded) = split(state.outputs.take_all());
        for finished in succeeded {
            state.outputs.push(finished);
        }
        let (cause, others) = state.take_failures();
        drop(state);
        failed.into_iter().filter_map(|finished| finished.result.err()).chain(cause).chain(others).collect()
    }

    /// Nobody will take anything any more. The failure that nobody took, if the run is over; if not, it is
    /// stopped, and the scope hears of it at the end.
    pub(super) fn abandon(&self) -> Option<Failure> {
        let mut state = self.lock();
        state.abandoned = true;
        let (over, left) = (state.is_over(), state.roster.live == 0);
        drop(state);
        self.cancel(Cancelled::Dropped);
        if over {
            return self.discard_all();
        }
        if !left {
            return None;
        }
        // The supervisor may have looked already, and waits for what they hold. It may also have come to its end
        // meanwhile, and would not hear of a panic.
        self.discard_untakeable();
        if self.lock().is_over() { self.discard_all() } else { None }
    }

    /// Drops every output that nobody took; the first failure that nobody took and that is not only a
    /// cancellation.
    fn discard_all(&self) -> Option<Failure> {
        let mut unheard = None;
        let mut hear = |failure: Failure| {
            if unheard.is_none() && !failure.is_cancelled() {
                unheard = Some(failure);
            } else {
                self.dispose(failure);
            }
        };
        self.take_untold().into_iter().for_each(&mut hear);
        let outputs = self.lock().outputs.take_all();
        self.discard(outputs);
        // What these drops came to.
        self.take_untold().into_iter().for_each(&mut hear);
        unheard
    }

    /// Keeps the failures among outputs, and then drops the others, one by one since each may panic: what comes of
    /// that is later than any of them.
    pub(super) fn discard(&self, outputs: impl IntoIterator<Item = Output<Out>>) {
        let (failed, succeeded) = split(outputs);
        for finished in failed.into_iter().chain(succeeded) {
            match finished.result {
                Ok(output) if self.settings.on_failure == OnFailure::Stop => self.dispose(output),
                Ok(output) => {
                    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(output))) {
                        self.remember(Failure::new(None, &self.settings.name, Cause::of_panic(payload)));
                    }
                }
                Err(failure) => self.remember(failure),
            }
        }
    }
}

/// The failures among outputs, and the others.
fn split<Out>(outputs: impl IntoIterator<Item = Output<Out>>) -> (Vec<Output<Out>>, Vec<Output<Out>>) {
    outputs.into_iter().partition(|finished| finished.result.is_err())
}
