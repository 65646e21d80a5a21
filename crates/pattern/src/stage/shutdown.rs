//! The end of a stage: the source, and the remaining values.
//!
//! Values of the user are dropped here separately, with a catch for every panic, and never under the lock. The
//! supervisor shuts the stage down. A runtime that shuts down may leave the supervisor no time; the last of
//! supervisor and workers then does the rest.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use super::shared::StageShared;
use super::state::State;
use super::step::{Mode, NewWorker, Progress};
use crate::failure::{Cancelled, Cause, Failure};
use crate::item::Output;
use crate::source::{Closed, Source};
use crate::util::panic::{catch, drop_caught};

/// Ends a run after the end of the supervisor and the workers; `last` is the last step of the last of these tasks.
/// The failures of an abandoned run are recorded in the scope.
pub(super) fn finish<In, Out>(stage: &StageShared<In, Out>, last: impl FnOnce(&mut State<In, Out>)) {
    let (guard, abandoned) = stage.with(|state| {
        last(state);
        state.finish()
    });
    if abandoned {
        for failure in discard_all(stage) {
            if let Some(guard) = &guard {
                guard.record(failure);
            }
        }
    }
}

/// Ends the last worker of a stage.
pub(super) fn end_last_worker<In, Out>(stage: &StageShared<In, Out>) {
    drop_jobs(stage);
    let last = stage.with(|state| {
        let last = state.is_last_worker();
        if !last {
            state.remove_worker();
        }
        last
    });
    if last {
        settle(stage);
        finish(stage, State::remove_worker);
    }
}

/// Removes a worker that no task can run: the runtime is shut down.
pub(super) fn refuse<In, Out>(stage: &StageShared<In, Out>, mut new: NewWorker<In>) {
    let items = new.batch.len();
    let progress = Progress { completed: items, ended_batch: items > 0 };
    let last = stage.with(|state| {
        state.fail(Cause::Cancelled(Cancelled::Runtime));
        state.make_ready(&mut new.batch);
        // The registry has no waker of a new worker.
        let _ = state.deactivate(new.id, Mode::New, progress);
        state.remove_unless_last()
    });
    if last {
        end_last_worker(stage);
    }
}

/// Drops the jobs that no worker will resume. Only a runtime that shuts down leaves such jobs.
fn drop_jobs<In, Out>(stage: &StageShared<In, Out>) {
    let slots = stage.with(|state| {
        if state.has_items_in_flight() && !state.is_stopped() {
            state.fail(Cause::Cancelled(Cancelled::Runtime));
        }
        state.take_slots()
    });
    for slot in slots {
        // From here on, a waker of the job has no effect.
        slot.own();
        dispose(stage, slot.take());
    }
}

/// Gives back the items that were never started, and drops the outputs behind a gap, for a supervisor without time:
/// the runtime shuts down. The caller is the last of supervisor and workers, so the run is not over yet.
pub(super) fn settle<In, Out>(stage: &StageShared<In, Out>) {
    drop(Closing::new(stage));
    discard_undeliverable(stage);
}

/// The source of a stage, closed after the end of all workers.
///
/// A value found in the source or in the upstream stage goes back at once, and not when the whole chain is closed:
/// the upstream stage may wait for the drop of the value, and a runtime that shuts down leaves no time for more. A
/// panic at a step is a failure, and the next step follows. A drop before completion gives back the values found so
/// far.
pub(super) struct Closing<'a, In, Out> {
    stage: &'a StageShared<In, Out>,
    /// `None` once the source is closed.
    source: Option<Source<In>>,
    closed: Closed<In>,
}

impl<'a, In, Out> Closing<'a, In, Out> {
    pub(super) fn new(stage: &'a StageShared<In, Out>) -> Self {
        let (mut source, mut never_started) = stage.with(State::take_input);
        if let Some(source) = &mut source
            && source.held() > 0
        {
            never_started.extend(source.take_held());
            never_started.make_contiguous().sort_unstable_by_key(|item| item.position.seq);
        }
        let mut closing = Self { stage, source, closed: Closed::default() };
        closing.give_back(never_started.into_iter().map(|item| (item.position.index, item.value)).collect());
        closing
    }

    /// Ready when nothing of the upstream stages is left.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { stage, source: Some(source), closed } = self else { return Poll::Ready(()) };
        let stage = *stage;
        let polled = catch(|| source.poll_close(cx, closed)).unwrap_or_else(|payload| {
            stage.fail(Cause::from_panic(payload));
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
            // The first cause of the upstream stage is not taken later; the first cause would come before the other
            // failures.
            for failure in self.closed.failures.drain(..) {
                self.stage.record(failure);
            }
            let Self { stage, source, closed } = self;
            if let Some(source) = source
                && let Err(payload) = catch(|| source.close_now(closed))
            {
                stage.fail(Cause::from_panic(payload));
            }
            for failure in self.closed.failures.drain(..) {
                self.stage.record(failure);
            }
            self.give_back_between();
            dispose(self.stage, self.source.take());
        }
    }
}

/// Drops a value of the user; a panic of the drop is a failure of the run.
pub(super) fn dispose<In, Out, T>(stage: &StageShared<In, Out>, value: T) {
    if let Some(payload) = drop_caught(value) {
        stage.fail(Cause::from_panic(payload));
    }
}

/// Drops the outputs that no receiver can take any more. No worker is left.
pub(super) fn discard_undeliverable<In, Out>(stage: &StageShared<In, Out>) {
    let outputs = stage.with(State::take_undeliverable);
    discard(stage, outputs);
}

/// Records the failures among outputs, and then drops the values separately: a panic of a drop is later than any
/// failure.
pub(super) fn discard<In, Out>(stage: &StageShared<In, Out>, outputs: impl IntoIterator<Item = Output<Out>>) {
    let (failed, succeeded): (Vec<_>, Vec<_>) =
        outputs.into_iter().partition(|output| output.result.is_err());
    for output in failed.into_iter().chain(succeeded) {
        match output.result {
            Ok(output) => {
                if let Some(payload) = drop_caught(output) {
                    stage.with(|state| state.fail_by_policy(Cause::from_panic(payload)));
                }
            }
            Err(failure) => stage.record(failure),
        }
    }
}

/// Stops a run after the drop of the receiver. Returns the failures that no receiver has taken, if the run is over.
pub(super) fn abandon<In, Out>(stage: &StageShared<In, Out>) -> Vec<Failure> {
    let (finished, workers) = stage.with(|state| {
        state.abandon();
        (state.is_finished(), state.has_live_workers())
    });
    stage.cancel(Cancelled::Dropped);
    if finished {
        return discard_all(stage);
    }
    if workers {
        return Vec::new();
    }
    // The supervisor may have discarded outputs already, and may wait for a value that the outputs hold. The
    // supervisor may also have ended meanwhile, and would not report a panic.
    discard_undeliverable(stage);
    if stage.with(|state| state.is_finished()) { discard_all(stage) } else { Vec::new() }
}

/// Drops all outputs that no receiver has taken; returns the failures that are more than a cancellation.
fn discard_all<In, Out>(stage: &StageShared<In, Out>) -> Vec<Failure> {
    let mut unreported = stage.with(State::take_unreported);
    let outputs = stage.with(State::take_all_outputs);
    discard(stage, outputs);
    // The drops may have panicked.
    unreported.append(&mut stage.with(State::take_unreported));
    unreported.retain(|failure| !failure.is_cancelled());
    unreported
}
