//! The receiving side of a stage, for a [`Run`](crate::Run) or for the next stage.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use super::delivered::Delivered;
use super::shared::StageShared;
use super::shutdown;
use crate::failure::{Cancelled, Failure};
use crate::item::{ItemBatch, Output};
use crate::report::StageReport;
use crate::settings::OnFailure;
use crate::source::PollBatch;
use crate::upstream::{Links, Upstream, Watch, poll_chain_finished};

/// The result of taking outputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Took {
    /// Some outputs. There may be more.
    Some,
    /// The run is over, and all outputs have been taken.
    End,
}

/// A stage as its receiver sees the stage.
pub(crate) trait OutputPort<Out>: Upstream {
    /// Moves up to `max` deliverable outputs to the end of `held`. The receiver yields the first output at once. So
    /// the first output counts as delivered here, together with the outputs that were `yielded` since the last call.
    fn poll_take(
        &self,
        cx: &mut Context<'_>,
        max: usize,
        yielded: Delivered,
        held: &mut VecDeque<Output<Out>>,
    ) -> Poll<Took>;

    /// Counts outputs that were taken before and yielded since as delivered.
    fn deliver(&self, delivered: Delivered);

    /// Moves up to `max` deliverable outputs into the batch of the next stage, where the outputs count from here on.
    /// Returns `None` if there is no output, for any reason.
    fn pass_on(&self, max: usize, batch: &mut ItemBatch<Out>) -> Option<PollBatch>;

    /// Returns the largest number of outputs that a receiver yields before a call of `deliver`: after more outputs,
    /// the workers would wait for the receiver.
    fn largest_portion(&self) -> usize;

    /// Returns the effect of a failure on the rest of the run.
    fn on_failure(&self) -> OnFailure;

    /// Takes the deliverable outputs of a run that is being closed.
    fn take_rest(&self) -> VecDeque<Output<Out>>;

    /// Stops the run.
    fn cancel(&self, by: Cancelled);

    /// Stops the run after the drop of the receiver. Returns the failures that no receiver has taken, if the run is
    /// over; otherwise the scope gets the failures later.
    fn abandon(&self) -> Vec<Failure>;

    /// Drops outputs that were taken and not yielded, and records the failures among the outputs.
    fn discard(&self, held: VecDeque<Output<Out>>);

    /// Takes the first cause and the other failures.
    fn take_failures(&self) -> (Option<Failure>, Vec<Failure>);

    /// Takes all failures: first the failures among the outputs, then the recorded failures, in the order of
    /// recording.
    fn take_unreported(&self) -> Vec<Failure>;

    fn name(&self) -> &Arc<str>;
}

impl<In: Send, Out: Send> OutputPort<Out> for StageShared<In, Out> {
    fn poll_take(
        &self,
        cx: &mut Context<'_>,
        max: usize,
        yielded: Delivered,
        held: &mut VecDeque<Output<Out>>,
    ) -> Poll<Took> {
        // The waker is cloned before the lock and dropped after the unlock: both may be user code.
        let mut waker = Some(cx.waker().clone());
        let taken = self.with(|state| {
            let mut delivered = yielded;
            let taken = state.take_outputs(max, held);
            if taken {
                let first = held.front().and_then(|output| output.result.as_ref().err());
                delivered.count(first, &self.settings.name);
            }
            state.deliver(delivered);
            if taken {
                return Poll::Ready(true);
            }
            if state.is_finished() {
                return Poll::Ready(false);
            }
            state.await_output(&mut waker);
            Poll::Pending
        });
        if ready!(taken) {
            return Poll::Ready(Took::Some);
        }
        // If the runtime shuts down, upstream stages may end later than this stage.
        ready!(poll_chain_finished(self, cx));
        Poll::Ready(self.with(|state| {
            let Some(cause) = state.take_cause() else { return Took::End };
            let mut delivered = Delivered::default();
            delivered.count(cause.result.as_ref().err(), &self.settings.name);
            state.deliver(delivered);
            held.push_back(cause);
            Took::Some
        }))
    }

    fn deliver(&self, delivered: Delivered) {
        self.with(|state| state.deliver(delivered));
    }

    fn pass_on(&self, max: usize, batch: &mut ItemBatch<Out>) -> Option<PollBatch> {
        let (moved, failure) = self.with(|state| state.pass_on(max, batch));
        if moved == 0 {
            return None;
        }
        Some(failure.map_or(PollBatch::Ready, PollBatch::Failed))
    }

    fn largest_portion(&self) -> usize {
        let bound = self.settings.bound();
        (bound / 8).max((bound / 2).min(8)).clamp(1, 256)
    }

    fn on_failure(&self) -> OnFailure {
        self.settings.on_failure
    }

    fn take_rest(&self) -> VecDeque<Output<Out>> {
        self.with(super::state::State::take_deliverable)
    }

    fn cancel(&self, by: Cancelled) {
        StageShared::cancel(self, by);
    }

    fn abandon(&self) -> Vec<Failure> {
        shutdown::abandon(self)
    }

    fn discard(&self, held: VecDeque<Output<Out>>) {
        shutdown::discard(self, held);
    }

    fn take_failures(&self) -> (Option<Failure>, Vec<Failure>) {
        self.with(super::state::State::take_failures)
    }

    fn take_unreported(&self) -> Vec<Failure> {
        self.with(super::state::State::take_unreported)
    }

    fn name(&self) -> &Arc<str> {
        &self.settings.name
    }
}

impl<In: Send, Out: Send> Upstream for StageShared<In, Out> {
    fn report(&self) -> StageReport {
        StageShared::report(self)
    }

    fn watch(&self) -> &OnceLock<Arc<Watch>> {
        StageShared::watch(self)
    }

    fn upstream(&self) -> &Links {
        StageShared::upstream(self)
    }

    fn take_upstream(&mut self) -> Links {
        StageShared::take_upstream(self)
    }

    fn stop(&self) -> bool {
        self.stop_unwanted()
    }

    fn stop_taking(&self) {
        StageShared::stop_taking(self);
    }

    fn end_plain_sources(&self) {
        self.with(super::state::State::end_plain_sources);
    }

    fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            if state.is_finished() {
                return Poll::Ready(state.is_chain_finished());
            }
            state.await_output(&mut waker);
            Poll::Pending
        })
    }

    fn is_finished(&self) -> bool {
        self.with(|state| state.is_finished())
    }

    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        if self.with(|state| state.await_stop(&mut waker)) { Poll::Pending } else { Poll::Ready(()) }
    }
}
