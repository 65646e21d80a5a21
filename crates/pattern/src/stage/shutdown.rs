//! The end of a stage: its source, and the values that are left.
//!
//! Values of the user are dropped here one by one, each where its panic is caught, and never under the lock. The supervisor
//! shuts the stage down; where a runtime that shuts down leaves the supervisor no time, the last of supervisor and workers
//! does what is left.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use super::shared::StageShared;
use super::state::State;
use crate::failure::{Cancelled, Cause, Failure};
use crate::item::Output;
use crate::source::{Closed, Source};
use crate::util::panic::{catch, drop_caught};

/// Ends a run whose supervisor and workers are gone; `last` is the last step of the last of them. An abandoned run reports
/// its failure to its scope.
pub(super) fn finish<In, Out>(stage: &StageShared<In, Out>, last: impl FnOnce(&mut State<In, Out>)) {
    let (guard, abandoned) = stage.with(|state| {
        last(state);
        state.finish()
    });
    if abandoned
        && let Some(failure) = discard_all(stage)
        && let Some(guard) = &guard
    {
        guard.record(failure);
    }
}

/// Gives back the items that were never started, and drops the outputs behind a gap, where a runtime that shuts down left
/// the supervisor no time. Called before the last of supervisor and workers is gone, so before the run is over.
pub(super) fn settle<In, Out>(stage: &StageShared<In, Out>) {
    drop(Closing::new(stage));
    discard_undeliverable(stage);
}

/// The source of a stage that no worker is left of.
///
/// A value that is found in the source or behind it goes back at once, and not when all is closed: the upstream stage may
/// wait for its drop, and a runtime that shuts down leaves no time for more. A panic at any step is a failure, and the next
/// step follows. A drop before completion takes the values that are there by then.
pub(super) struct Closing<'a, In, Out> {
    stage: &'a StageShared<In, Out>,
    /// `None` once it is closed.
    source: Option<Source<In>>,
    closed: Closed<In>,
}

impl<'a, In, Out> Closing<'a, In, Out> {
    pub(super) fn new(stage: &'a StageShared<In, Out>) -> Self {
        let (source, never_started) = stage.with(|state| state.take_input());
        let mut closing = Self { stage, source, closed: Closed::default() };
        closing.give_back(never_started);
        closing
    }

    /// Ready when nothing is left behind the source.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { stage, source: Some(source), closed } = self else { return Poll::Ready(()) };
        let stage = *stage;
        let polled = catch(|| source.poll_close(cx, closed)).unwrap_or_else(|payload| {
            stage.fail(Cause::of_panic(payload));
            Poll::Ready(())
        });
        self.give_back_between();
        if polled.is_ready() {
            let (cause, failures) = (self.closed.cause.take(), mem::take(&mut self.closed.failures));
            stage.with(|state| state.adopt(cause, failures));
            dispose(stage, self.source.take());
        }
        polled
    }

    /// Counts the items that were found behind the source, and gives them back.
    fn give_back_between(&mut self) {
        let between = mem::take(&mut self.closed.between);
        self.stage.with(|state| state.lose_between(between.len()));
        self.give_back(between);
    }

    fn give_back(&mut self, items: VecDeque<(usize, In)>) {
        let returned = match &mut self.source {
            Some(source) => source.give_back(items),
            None => items,
        };
        for item in returned {
            dispose(self.stage, item);
        }
    }
}

impl<In, Out> Drop for Closing<'_, In, Out> {
    fn drop(&mut self) {
        if self.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            // No later poll takes the first cause of the upstream stage, which would stand before these.
            for failure in self.closed.failures.drain(..) {
                self.stage.record(failure);
            }
            let Self { stage, source, closed } = self;
            if let Some(source) = source
                && let Err(payload) = catch(|| source.close_now(closed))
            {
                stage.fail(Cause::of_panic(payload));
            }
            self.give_back_between();
            dispose(self.stage, self.source.take());
        }
    }
}

/// Drops a value of the user; a panic of the drop is a failure of the run.
pub(super) fn dispose<In, Out, T>(stage: &StageShared<In, Out>, value: T) {
    if let Some(payload) = drop_caught(value) {
        stage.fail(Cause::of_panic(payload));
    }
}

/// Drops the outputs that no receiver can take any more, when no worker is left.
pub(super) fn discard_undeliverable<In, Out>(stage: &StageShared<In, Out>) {
    let outputs = stage.with(|state| state.take_undeliverable());
    discard(stage, outputs);
}

/// Records the failures among outputs, and then drops the others one by one: a panic of a drop is later than any of them.
pub(super) fn discard<In, Out>(stage: &StageShared<In, Out>, outputs: impl IntoIterator<Item = Output<Out>>) {
    let (failed, succeeded): (Vec<_>, Vec<_>) =
        outputs.into_iter().partition(|output| output.result.is_err());
    for output in failed.into_iter().chain(succeeded) {
        match output.result {
            Ok(output) => {
                if let Some(payload) = drop_caught(output) {
                    stage.with(|state| state.fail_by_policy(Cause::of_panic(payload)));
                }
            }
            Err(failure) => stage.record(failure),
        }
    }
}

/// Stops a run whose receiver is gone. Returns the failure that no receiver has taken, if the run is over.
pub(super) fn abandon<In, Out>(stage: &StageShared<In, Out>) -> Option<Failure> {
    let (finished, workers) = stage.with(|state| {
        state.abandon();
        (state.is_finished(), state.has_live_workers())
    });
    stage.cancel(Cancelled::Dropped);
    if finished {
        return discard_all(stage);
    }
    if workers {
        return None;
    }
    // The supervisor may have looked already, and may wait for what the outputs hold. It may also have ended meanwhile,
    // and would not report a panic.
    discard_undeliverable(stage);
    if stage.with(|state| state.is_finished()) { discard_all(stage) } else { None }
}

/// Drops every output that no receiver has taken; returns the first failure that is more than a cancellation.
fn discard_all<In, Out>(stage: &StageShared<In, Out>) -> Option<Failure> {
    let mut unreported = None;
    let mut keep_first = |failures: Vec<Failure>| {
        for failure in failures {
            if unreported.is_none() && !failure.is_cancelled() {
                unreported = Some(failure);
            } else {
                dispose(stage, failure);
            }
        }
    };
    keep_first(stage.with(|state| state.take_unreported()));
    let outputs = stage.with(|state| state.take_all_outputs());
    discard(stage, outputs);
    // The panics of these drops.
    keep_first(stage.with(|state| state.take_unreported()));
    unreported
}
