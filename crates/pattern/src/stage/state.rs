//! The state of a stage: a synchronous state machine that takes no lock, wakes no task and runs no user code.
//!
//! Every part of the state is a file with private fields. The file states the invariant of the part, and has the only
//! writers of the fields. A transition stores the necessary effects in [`Effects`]; `shared.rs` carries the effects
//! out after the unlock. The invariants I1 to I14 are in `README.md` next to this file.

mod admission;
mod input;
mod jobs;
mod outcome;
mod output;
mod schedule;
mod workers;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use super::delivered::Delivered;
use super::slot::Slot;
use super::step::{Another, Mode, NewWorker, Progress, WorkerId};
use crate::failure::{Cancelled, Cause, Failure};
use crate::item::{Item, ItemBatch, Output, Position};
use crate::limit::JobLimit;
use crate::report::Counts;
use crate::scope::ScopeGuard;
use crate::settings::{OnFailure, Settings};
use crate::source::Source;
use crate::util::wake::{WakeList, WakerSlot};

use admission::Admission;
use input::Input;
pub(super) use input::LARGEST_AHEAD;
use jobs::Jobs;
use outcome::Outcome;
pub(super) use outcome::Stop;
use output::OutputQueue;
use workers::WorkerRegistry;

/// The destination of the outputs of the stage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// A receiver takes the outputs.
    Taken,
    /// The outputs are `()`: an output counts as delivered when the job completes.
    Discarded,
}

/// The state of a stage.
pub(super) struct State<In, Out> {
    name: Arc<str>,
    /// The number of jobs at once. Under a limit that changes, perhaps 0, and less than the number of running jobs.
    limit: usize,
    /// The most running jobs of a report. After a change to a lower limit, more jobs than the limit run.
    most_running: usize,
    threads: usize,
    on_failure: OnFailure,
    /// The number of failures that did not stop the run under [`OnFailure::Tolerate`].
    tolerated: usize,
    delivery: Delivery,
    input: Input<In>,
    admission: Admission,
    workers: WorkerRegistry,
    jobs: Jobs<Out>,
    output: OutputQueue<Out>,
    outcome: Outcome,
    /// The supervisor has nothing left to do for the run. If workers are left at the end of the supervisor, the last
    /// worker ends the run. Otherwise the supervisor ends the run, and the supervision ends with [`State::finish`].
    supervision_ended: bool,
    /// Keeps the scope of the run open. The supervisor passes the guard to the last of supervisor and workers.
    guard: Option<ScopeGuard>,
    /// No receiver will take outputs or failures any more.
    abandoned: bool,
    /// The supervisor has seen the end of every upstream stage.
    upstream_finished: bool,
    receiver: WakerSlot,
    supervisor: WakerSlot,
    /// The name of the scope whose deadline may stop the run.
    deadline_of: Option<Arc<str>>,
    /// The waker of the downstream supervisor, which waits for a stop of this stage.
    watcher: WakerSlot,
    effects: Effects,
}

/// Effects of a transition, carried out after the unlock.
#[derive(Default)]
pub(super) struct Effects {
    wakes: WakeList,
    /// The waker of the receiver. The receiver is woken last: the task of the receiver is then the next to run on
    /// this thread.
    receiver: Option<Waker>,
    /// The run has stopped.
    stopped: bool,
    /// The run has stopped by itself: the upstream stages stop as well. A downstream stage that stops this stage stops
    /// the upstream stages, too.
    stop_upstream: bool,
    /// Failures beyond the space of a report, to drop.
    dropped: Vec<Failure>,
}

impl Effects {
    /// Returns whether the run has stopped in this transition.
    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Returns whether this stage stops the upstream stages.
    pub(super) fn stop_upstream(&self) -> bool {
        self.stop_upstream
    }

    /// Splits the effects into the wakers, the waker of the receiver, and the failures to drop.
    pub(super) fn into_parts(self) -> (WakeList, Option<Waker>, Vec<Failure>) {
        (self.wakes, self.receiver, self.dropped)
    }
}

impl<In, Out> State<In, Out> {
    pub(super) fn new(settings: &Settings, source: Source<In>, delivery: Delivery, threads: usize) -> Self {
        Self {
            name: Arc::clone(&settings.name),
            limit: settings.limit.get(),
            most_running: match &settings.limit {
                JobLimit::Fixed(limit) => limit.get(),
                JobLimit::Live(_) => usize::MAX,
            },
            threads,
            on_failure: settings.on_failure,
            tolerated: 0,
            delivery,
            input: Input::new(source),
            admission: Admission::new(settings.bound()),
            workers: WorkerRegistry::default(),
            jobs: Jobs::default(),
            output: OutputQueue::new(settings.order),
            outcome: Outcome::default(),
            supervision_ended: false,
            guard: None,
            abandoned: false,
            upstream_finished: false,
            receiver: WakerSlot::default(),
            supervisor: WakerSlot::default(),
            watcher: WakerSlot::default(),
            deadline_of: None,
            effects: Effects::default(),
        }
    }

    /// Sets the name of the scope whose deadline may stop the run.
    pub(super) fn set_deadline_of(&mut self, scope: Option<Arc<str>>) {
        self.deadline_of = scope;
    }

    #[inline]
    pub(super) fn has_effects(&self) -> bool {
        !self.effects.wakes.is_empty()
            || self.effects.receiver.is_some()
            || self.effects.stopped
            || self.outcome.has_excess()
    }

    /// Takes the effects if the only effects are wake-ups of one worker and of the receiver; the receiver is the
    /// second.
    #[inline]
    pub(super) fn take_only_wakes(&mut self) -> Option<[Option<Waker>; 2]> {
        if self.effects.stopped || self.outcome.has_excess() || !self.effects.wakes.has_one_at_most() {
            return None;
        }
        Some([self.effects.wakes.take_only(), self.effects.receiver.take()])
    }

    pub(super) fn take_effects(&mut self) -> Effects {
        let mut effects = std::mem::take(&mut self.effects);
        effects.dropped = self.outcome.take_excess();
        effects
    }

    /// Returns whether a task is woken after the unlock.
    #[inline]
    fn wakes(&self) -> bool {
        self.wakes_receiver() || self.effects.wakes.wakes()
    }

    /// Returns whether the receiver is woken after the unlock.
    #[inline]
    pub(super) fn wakes_receiver(&self) -> bool {
        self.effects.receiver.is_some()
    }

    /// Returns the counts at this moment.
    pub(super) fn counts(&self) -> Counts {
        // From the first wait on, all jobs of a batch may run at once.
        let jobs = if self.workers.has_waited() { self.workers.in_flight() } else { self.workers.busy() };
        self.admission.counts(jobs.min(self.most_running))
    }

    /// Returns whether the stage is at its bound with nothing but outputs, and waits for a receiver.
    pub(super) fn waits_for_receiver(&self) -> bool {
        let counts = self.counts();
        let only_outputs = counts.running == 0 && counts.waiting() == 0 && counts.not_yielded() > 0;
        only_outputs && self.admission.room() == 0 && !self.is_done()
    }

    /// Returns whether no job will start any more.
    pub(super) fn is_done(&self) -> bool {
        self.outcome.is_stopped() || self.input.is_done()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.outcome.is_stopped()
    }

    /// Returns whether only outputs and failures are left of the run (I10).
    pub(super) fn is_finished(&self) -> bool {
        self.supervision_ended && self.workers.live() == 0
    }

    pub(super) fn has_live_workers(&self) -> bool {
        self.workers.live() > 0
    }

    /// Sets the number of jobs at once, and the bound.
    pub(super) fn adopt_limit(&mut self, limit: usize, bound: usize) {
        self.limit = limit;
        self.admission.set_bound(bound);
    }

    /// Changes the number of jobs at once, and the bound; returns another worker to start.
    pub(super) fn set_limit(&mut self, limit: usize, bound: usize) -> Another<In> {
        self.adopt_limit(limit, bound);
        if self.admission.room() > 0 {
            self.workers.notify_for_room(&mut self.effects.wakes);
        }
        self.wake_another()
    }

    // Transitions of a stop.

    /// Stops the run, with `failure` if the failure is known yet.
    pub(super) fn stop(&mut self, stop: Stop, failure: Option<Failure>) {
        if !self.outcome.stop(stop, failure) {
            return;
        }
        self.input.end();
        self.workers.notify_parked(&mut self.effects.wakes);
        self.watcher.notify(&mut self.effects.wakes);
        self.effects.stopped = true;
        self.effects.stop_upstream = true;
    }

    /// Takes no more items: items that have not started are never started. Returns the slots of all jobs, or `None` if the
    /// run has stopped, all items have completed, or this is not the first call.
    pub(super) fn stop_taking(&mut self) -> Option<Vec<Arc<Slot<Out>>>> {
        if self.is_stopped() || self.is_over() || self.input.is_halted() {
            return None;
        }
        self.input.halt();
        self.workers.notify_parked(&mut self.effects.wakes);
        Some(self.jobs.all())
    }

    /// Takes no more items from the sources next to an upstream stage: a worker ends these sources.
    pub(super) fn end_plain_sources(&mut self) {
        if !self.is_done() {
            self.input.end_plain();
            self.workers.notify_parked(&mut self.effects.wakes);
        }
    }

    /// Stops the run for a cause that belongs to no item.
    pub(super) fn fail(&mut self, cause: Cause) {
        let failure = self.failure(cause);
        self.stop(Stop::Here, Some(failure));
    }

    /// Stops the run from outside, unless all work of the run is done. `tasks_left` says whether runs or tasks of the
    /// jobs are left.
    pub(super) fn cancel(&mut self, by: Cancelled, tasks_left: bool) {
        if tasks_left || self.workers.live() > 0 || !self.is_done() {
            self.fail(Cause::Cancelled(by));
        }
    }

    /// Stops the run for the downstream stage, which takes no more outputs, and which stops the upstream stages. Returns
    /// `false` if this stage and the upstream stages have stopped or finished before, or are being stopped.
    pub(super) fn stop_unwanted(&mut self, by: Cancelled, tasks_left: bool) -> bool {
        let ran = !self.is_stopped() && !self.is_chain_finished();
        self.cancel(by, tasks_left);
        self.effects.stop_upstream = false;
        self.outcome.set_unwanted();
        ran
    }

    fn failure(&self, cause: Cause) -> Failure {
        Failure::new(None, &self.name, cause).with_deadline_of(self.deadline_of.as_ref())
    }

    /// Records a failure that does not stop the run.
    pub(super) fn record(&mut self, failure: Failure) {
        self.outcome.record(failure);
    }

    /// Records a failure that the source yielded in place of the next item.
    fn forward(&mut self, failure: Failure) {
        if self.failure_stops() {
            if let Some(failure) = self.outcome.forward(failure) {
                self.stop(Stop::Here, Some(failure));
            }
            return;
        }
        let seq = self.input.next_seq();
        self.input.number(1);
        self.admission.pass();
        let index = failure.index().unwrap_or(usize::MAX);
        self.output.push(Output { position: Position { index, seq }, result: Err(failure) });
        self.notify_receiver();
    }

    /// Counts a failure; returns whether the failure stops the run.
    fn failure_stops(&mut self) -> bool {
        match self.on_failure {
            OnFailure::Stop => true,
            OnFailure::Continue => false,
            OnFailure::Tolerate(failures) => {
                let tolerates = self.tolerated < failures;
                self.tolerated += usize::from(tolerates);
                !tolerates
            }
        }
    }

    // Transitions of items dropped before their start.

    pub(super) fn keep_dropped(&mut self, item: Item<In>) {
        self.input.keep_dropped(item);
    }

    pub(super) fn has_dropped(&self) -> bool {
        self.input.has_dropped()
    }

    pub(super) fn take_dropped(&mut self, seq: u64) -> Option<Item<In>> {
        self.input.take_dropped(seq)
    }

    /// Makes item `seq` ready again, if the item was dropped before its start; returns whether there was such an
    /// item.
    pub(super) fn restore_dropped(&mut self, seq: u64) -> bool {
        let item = self.input.take_dropped(seq);
        let dropped = item.is_some();
        self.input.make_ready(item.into_iter());
        dropped
    }

    /// Makes all items of a batch ready again.
    pub(super) fn make_ready(&mut self, batch: &mut ItemBatch<In>) {
        self.input.make_ready(batch.drain_after(0));
    }

    /// Counts an item whose job was dropped after its start, or was ended by a cancellation.
    pub(super) fn lose(&mut self, panicked: bool) {
        if panicked {
            self.admission.panic(1);
        } else {
            self.admission.cancel(1);
        }
    }

    // Transitions of workers.

    /// Adds the first worker, or a worker that a transition asked for.
    fn new_worker(&mut self, batch: ItemBatch<In>) -> NewWorker<In> {
        NewWorker { id: self.workers.add(), batch }
    }

    pub(super) fn first_worker(&mut self) -> NewWorker<In> {
        self.new_worker(ItemBatch::default())
    }

    /// Makes a polled worker active, and counts its progress; returns the waker that the registry had stored.
    pub(super) fn activate(&mut self, id: WorkerId, mode: Mode, progress: Progress) -> Option<Waker> {
        let waker = self.workers.activate(id, mode);
        self.count(progress);
        waker
    }

    /// Removes a dropped worker and its items from the counts; returns the waker that the registry had stored.
    pub(super) fn deactivate(&mut self, id: WorkerId, mode: Mode, progress: Progress) -> Option<Waker> {
        let waker = self.workers.deactivate(id, mode);
        self.count(progress);
        if self.is_over() {
            self.workers.notify_parked(&mut self.effects.wakes);
        }
        waker
    }

    fn count(&mut self, progress: Progress) {
        self.workers.complete(progress.completed);
        if progress.ended_batch {
            self.workers.end_batch();
        }
    }

    /// Returns whether no job will start any more, and no job is left.
    pub(super) fn is_over(&self) -> bool {
        self.is_done() && self.workers.in_flight() == 0
    }

    /// Records that a job waits in a batch from the time before the first wait, and makes the rest of the batch ready
    /// again.
    pub(super) fn record_wait(&mut self, rest: &mut ItemBatch<In>) {
        self.workers.record_wait();
        self.workers.complete(rest.len());
        self.make_ready(rest);
    }

    /// Returns whether a job of the run has waited.
    pub(super) fn has_waited(&self) -> bool {
        self.workers.has_waited()
    }

    // Transitions of jobs that wait.

    /// Adds slots, before their first use.
    pub(super) fn enlist(&mut self, slots: impl Iterator<Item = Arc<Slot<Out>>>) {
        self.jobs.enlist(slots);
    }

    /// Removes a slot without a job.
    pub(super) fn strike(&mut self, slot: &Slot<Out>) {
        self.jobs.strike(slot);
    }

    /// Takes all slots out of the state, with the last worker.
    pub(super) fn take_slots(&mut self) -> Vec<Arc<Slot<Out>>> {
        self.jobs.take_all()
    }

    /// Puts a woken job into the run queue; returns another worker to start.
    pub(super) fn wake_job(&mut self, slot: Arc<Slot<Out>>) -> Another<In> {
        self.jobs.push_woken(slot);
        self.wake_another()
    }

    /// Takes the next woken job, and returns another worker to start.
    pub(super) fn next_woken(&mut self) -> (Option<Arc<Slot<Out>>>, Another<In>) {
        let slot = self.jobs.pop_woken().map(|(slot, _)| slot);
        let another = if self.jobs.has_woken() { self.wake_another() } else { Another::None };
        (slot, another)
    }

    /// Returns whether a job runs or waits.
    pub(super) fn has_items_in_flight(&self) -> bool {
        self.workers.in_flight() > 0
    }

    /// Returns whether the worker, during its drop, is the last of supervisor and workers.
    pub(super) fn is_last_worker(&self) -> bool {
        self.supervision_ended && self.workers.live() == 1
    }

    /// Removes a worker from the live workers, unless the worker is the last one; returns whether the worker is the last
    /// one.
    pub(super) fn remove_unless_last(&mut self) -> bool {
        let last = self.workers.live() == 1;
        if !last {
            self.remove_worker();
        }
        last
    }

    /// Removes a worker from the live workers, as the last step of the drop.
    pub(super) fn remove_worker(&mut self) {
        if self.workers.remove_live() {
            self.supervisor.notify(&mut self.effects.wakes);
        }
        self.notify_receiver();
    }

    /// Stores the waker of the supervisor; returns `false` if no worker is left to wait for.
    pub(super) fn await_workers(&mut self, waker: &mut Option<Waker>) -> bool {
        let waits = self.workers.live() > 0;
        if waits {
            self.supervisor.register(waker, &mut self.effects.wakes);
        }
        waits
    }

    /// Stores the waker of the downstream stage; returns `false` if this stage has stopped.
    pub(super) fn await_stop(&mut self, waker: &mut Option<Waker>) -> bool {
        let waits = !self.is_stopped();
        if waits {
            self.watcher.register(waker, &mut self.effects.wakes);
        }
        waits
    }

    // Transitions of outputs.

    /// Moves the outputs of a worker into the queue of outputs, and counts the outputs.
    pub(super) fn flush(&mut self, outputs: &mut VecDeque<Output<Out>>) {
        if outputs.is_empty() {
            return;
        }
        let mut succeeded = outputs.iter().filter(|output| output.result.is_ok()).count();
        self.admission.succeed(succeeded);
        if self.delivery == Delivery::Discarded {
            self.deliver(Delivered { own: succeeded, passed: 0 });
            // A drop of a `()` is no user code (I8): `Run::spawn_discarding` alone asks for this delivery, and its `Out`
            // is `()`.
            if succeeded == outputs.len() {
                outputs.clear();
            } else {
                outputs.retain(|output| output.result.is_err());
            }
            succeeded = 0;
        }
        if succeeded == outputs.len() {
            self.output.append(outputs);
        } else {
            for output in outputs.drain(..) {
                if let Err(failure) = &output.result {
                    self.admission.fail(failure.cause());
                }
                self.put(output);
            }
        }
        self.notify_receiver();
    }

    /// Puts a counted output into the queue of outputs. If failures stop the run, a failure stops the run here.
    fn put(&mut self, output: Output<Out>) {
        match output {
            Output { result: Err(failure), .. } if self.failure_stops() => {
                self.stop(Stop::Here, Some(failure));
            }
            output => self.output.push(output),
        }
    }

    /// Counts and records the panic of a job, as the failure of the item at `position`. `uncounted` says whether the
    /// item is in no group of the counts yet.
    pub(super) fn panicked(&mut self, position: Position, failure: Failure, uncounted: bool) {
        self.admission.panic(usize::from(uncounted));
        self.put(Output { position, result: Err(failure) });
        self.notify_receiver();
    }

    /// Records a cause that belongs to no item. The cause stops the run if failures stop the run.
    pub(super) fn fail_by_policy(&mut self, cause: Cause) {
        if self.failure_stops() {
            self.fail(cause);
        } else {
            let failure = self.failure(cause);
            self.record(failure);
        }
    }

    /// Wakes the receiver if an output is deliverable or the run has finished.
    fn notify_receiver(&mut self) {
        if (self.is_finished() || self.output.deliverable() > 0)
            && let Some(waker) = self.receiver.take()
        {
            self.effects.wakes.extend(self.effects.receiver.replace(waker));
        }
    }

    /// Counts outputs as delivered, and frees capacity.
    pub(super) fn deliver(&mut self, delivered: Delivered) {
        self.admission.deliver(delivered);
        if delivered.total() > 0 {
            self.workers.notify_for_room(&mut self.effects.wakes);
        }
    }

    /// Moves up to `max` deliverable outputs to the end of `held`; returns whether there were any.
    pub(super) fn take_outputs(&mut self, max: usize, held: &mut VecDeque<Output<Out>>) -> bool {
        let ready = self.output.deliverable().min(max);
        if ready > 0 {
            self.output.take(ready, held);
        }
        ready > 0
    }

    /// Takes the first cause as the last output of a finished run.
    pub(super) fn take_cause(&mut self) -> Option<Output<Out>> {
        // The failure has the index of its item.
        Some(Output { position: Position::NONE, result: Err(self.outcome.take_first()?) })
    }

    /// Moves up to `max` outputs into the batch of the next stage, where the outputs count from here on; stops at a
    /// failure. Returns how many were moved, the failure included.
    pub(super) fn pass_on(&mut self, max: usize, batch: &mut ItemBatch<Out>) -> (usize, Option<Failure>) {
        let (moved, failure) = self.output.pass_on(max, batch);
        if moved > 0 {
            let mut delivered = Delivered { own: moved - 1, passed: 0 };
            delivered.count(failure.as_ref(), &self.name);
            self.deliver(delivered);
        }
        (moved, failure)
    }

    /// Stores the waker of the receiver.
    pub(super) fn await_output(&mut self, waker: &mut Option<Waker>) {
        self.receiver.register(waker, &mut self.effects.wakes);
    }

    // Transitions of the end.

    /// Ends the input when no worker is left; returns the source, and the items that were never started besides the items
    /// that the source holds.
    pub(super) fn take_input(&mut self) -> (Option<Source<In>>, VecDeque<Item<In>>) {
        let (source, items) = self.input.take_rest();
        let held = source.as_ref().map_or(0, Source::held);
        self.admission.never_start(items.len() + held);
        (source, items)
    }

    /// Counts items found between the upstream stage and this stage.
    pub(super) fn lose_between(&mut self, items: usize) {
        self.admission.lose_between(items);
    }

    /// Takes the first cause and the failures that were found during the close of the source.
    pub(super) fn adopt(&mut self, cause: Option<Failure>, failures: Vec<Failure>) {
        self.outcome.adopt(cause);
        for failure in failures {
            self.outcome.record(failure);
        }
        self.outcome.ensure_cause(&self.name, Cancelled::Upstream);
        self.upstream_finished = true;
    }

    /// Returns whether all upstream stages have finished, and this stage as well, as far as this stage knows.
    pub(super) fn is_chain_finished(&self) -> bool {
        self.is_finished() && self.upstream_finished
    }

    /// Records the end of the supervisor; returns whether workers are left. If the supervisor had no time to shut the
    /// stage down, the shutdown of the runtime is the cause.
    pub(super) fn end_supervision(&mut self, guard: ScopeGuard, shut_down: bool) -> bool {
        if !shut_down {
            self.fail(Cause::Cancelled(Cancelled::Runtime));
        }
        // The first cause of the upstream stage was not taken, and stays in the upstream stage for the scope.
        self.outcome.ensure_cause(&self.name, Cancelled::Runtime);
        self.guard = Some(guard);
        // A runtime that shuts down drops the workers later: the end of the last worker is the end of the run.
        let workers_left = self.has_live_workers();
        self.supervision_ended = workers_left;
        workers_left
    }

    /// Ends the run after the end of the supervisor and the workers. Returns the guard of the scope, and whether the
    /// run is abandoned.
    pub(super) fn finish(&mut self) -> (Option<ScopeGuard>, bool) {
        self.supervision_ended = true;
        self.notify_receiver();
        (self.guard.take(), self.abandoned)
    }

    /// Records that no receiver will take outputs or failures any more.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// Takes out the outputs that no receiver can take any more, when no worker is left: the outputs behind a gap, or
    /// all outputs of an abandoned run. Failures of an abandoned run stay in the queue, ahead of later failures.
    pub(super) fn take_undeliverable(&mut self) -> VecDeque<Output<Out>> {
        if !self.abandoned {
            if self.input.is_halted() && !self.is_stopped() {
                // The items of the gaps were never started.
                self.output.close_gaps();
                self.notify_receiver();
            }
            return self.output.take_held_back();
        }
        self.output.take_all_if(|output| output.result.is_ok())
    }

    /// Takes out all outputs.
    pub(super) fn take_all_outputs(&mut self) -> VecDeque<Output<Out>> {
        self.output.take_all()
    }

    /// Takes out the deliverable outputs.
    pub(super) fn take_deliverable(&mut self) -> VecDeque<Output<Out>> {
        let mut rest = VecDeque::new();
        self.output.take(self.output.deliverable(), &mut rest);
        rest
    }

    pub(super) fn take_failures(&mut self) -> (Option<Failure>, Vec<Failure>) {
        self.outcome.take_failures()
    }

    /// Takes the failures that no receiver has taken: first the failures among the outputs, then the recorded
    /// failures, in the order of recording.
    pub(super) fn take_unreported(&mut self) -> Vec<Failure> {
        let failed = self.output.take_all_if(|output| output.result.is_err());
        let (cause, others) = self.outcome.take_failures();
        failed.into_iter().filter_map(|output| output.result.err()).chain(cause).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::super::step::{Lease, Next, Request, Turn};
    use super::*;
    use crate::scope::Scope;
    use crate::source::PollBatch;

    #[derive(Default)]
    pub(super) struct WakeCount(AtomicUsize);

    impl Wake for WakeCount {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl WakeCount {
        pub(super) fn waker(self: &Arc<Self>) -> Waker {
            Arc::clone(self).into()
        }

        pub(super) fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    pub(super) fn state(limit: usize, capacity: usize, threads: usize) -> State<u64, u64> {
        state_of(Source::new([0; 0]), limit, capacity, threads)
    }

    pub(super) fn state_of(
        source: Source<u64>,
        limit: usize,
        capacity: usize,
        threads: usize,
    ) -> State<u64, u64> {
        let settings = Settings::new("stage", limit).capacity(capacity);
        State::new(&settings, source, Delivery::Taken, threads)
    }

    pub(super) fn errored(text: &'static str) -> Cause {
        Cause::Errored(anyhow::anyhow!(text))
    }

    /// Wakes the tasks that the state wakes after the unlock.
    pub(super) fn wake_all(state: &mut State<u64, u64>) {
        let (mut wakes, receiver, _) = state.take_effects().into_parts();
        assert!(wakes.wake_all().is_none());
        receiver.into_iter().for_each(Waker::wake);
    }

    /// A worker without a task. The test answers for the source.
    pub(super) struct TestWorker {
        id: WorkerId,
        mode: Mode,
        held: usize,
        counted: bool,
        pub(super) items: ItemBatch<u64>,
        pub(super) wakes: Arc<WakeCount>,
    }

    impl TestWorker {
        pub(super) fn new(state: &mut State<u64, u64>) -> Self {
            let NewWorker { id, batch } = state.first_worker();
            Self { id, mode: Mode::New, held: 0, counted: false, items: batch, wakes: Arc::default() }
        }

        /// Completes the items of the last batch, and asks for `batch` items.
        pub(super) fn next(&mut self, state: &mut State<u64, u64>, batch: usize) -> Next<u64, u64> {
            let mut outputs = std::iter::from_fn(|| self.items.pop_front())
                .map(|Item { position, value }| Output { position, result: Ok(value) })
                .collect();
            let progress = self.progress();
            drop(state.activate(self.id, self.mode, progress));
            self.mode = Mode::Active;
            state.flush(&mut outputs);
            let mut waker = Some(self.wakes.waker());
            let next = state.next(
                &mut Request { id: self.id, waker: &mut waker, batch, light: false, turn: Turn::Jobs },
                &mut self.items,
            );
            self.follow(next)
        }

        /// Asks for `batch` items, and expects the lease of the source.
        pub(super) fn lease(&mut self, state: &mut State<u64, u64>, batch: usize) -> Lease<u64> {
            let Next::Poll(lease) = self.next(state, batch) else { panic!("the worker polls the source") };
            lease
        }

        /// Returns the lease after a poll that found `items` items, of which the worker takes `batch` at most.
        pub(super) fn polled(
            &mut self,
            state: &mut State<u64, u64>,
            lease: Lease<u64>,
            polled: PollBatch,
            (items, batch): (u64, usize),
        ) -> Next<u64, u64> {
            self.items.number_from(lease.seq);
            (0..items).for_each(|value| self.items.push(0, value));
            let mut waker = Some(self.wakes.waker());
            let mut request =
                Request { id: self.id, waker: &mut waker, batch, light: false, turn: Turn::Jobs };
            let next = state.polled(&mut request, lease, (polled, None), &mut self.items);
            self.follow(next)
        }

        /// Takes `items` items from the source, and returns as many to the ready items as exceed `batch`.
        pub(super) fn take(&mut self, state: &mut State<u64, u64>, items: u64, batch: usize) {
            let lease = self.lease(state, batch);
            let next = self.polled(state, lease, PollBatch::Ready, (items, batch));
            assert!(matches!(next, Next::Run));
        }

        fn follow(&mut self, next: Next<u64, u64>) -> Next<u64, u64> {
            match next {
                Next::Run => (self.held, self.counted) = (self.items.len(), true),
                Next::Park => self.mode = Mode::Parked,
                Next::Leave => self.mode = Mode::Leaving,
                Next::Poll(_)
                | Next::Seal(_)
                | Next::Halt(..)
                | Next::EndPlain(_)
                | Next::Retry
                | Next::Resume(..)
                | Next::Sweep(_) => {}
            }
            next
        }

        /// Lets the job of the first item wait.
        pub(super) fn wait(&mut self, state: &mut State<u64, u64>) {
            assert!(self.items.pop_front().is_some(), "the worker holds an item");
            self.held = 0;
            state.record_wait(&mut self.items);
        }

        /// Returns the progress since the last look. The batch has ended.
        fn progress(&mut self) -> Progress {
            Progress {
                completed: std::mem::take(&mut self.held),
                ended_batch: std::mem::take(&mut self.counted),
            }
        }

        /// Removes the worker from the state.
        pub(super) fn remove(mut self, state: &mut State<u64, u64>) {
            let progress = self.progress();
            drop(state.deactivate(self.id, self.mode, progress));
            state.remove_worker();
        }
    }

    /// I6.
    #[test]
    fn item_dropped_before_its_start_is_ready_again() {
        let mut state = state(1, 0, 1);
        let mut worker = TestWorker::new(&mut state);
        worker.take(&mut state, 1, 1);
        state.keep_dropped(worker.items.pop_front().expect("an item"));
        assert!(!state.restore_dropped(7), "of another number");
        assert!(state.restore_dropped(0) && !state.has_dropped());
        assert!(matches!(worker.next(&mut state, 1), Next::Run));
        assert_eq!(worker.items.pop_front().map(|item| item.position.seq), Some(0));
    }

    /// I7: a stage that is done when the downstream stage stops has no first cause later.
    #[test]
    fn unwanted_stage_that_is_done_has_no_first_cause() {
        let mut state = state(1, 0, 1);
        drop(state.take_input());
        assert!(state.stop_unwanted(Cancelled::Dropped, false), "the stage has not finished");
        state.fail(errored("late"));
        let (first, others) = state.take_failures();
        assert!(!state.is_stopped() && first.is_none() && others.len() == 1);
    }

    /// I7: the failure for which a stage has stopped arrives later, as a failure of the source.
    #[test]
    fn forwarded_failure_is_the_cause_of_a_stop_for_upstream() {
        let mut state = state(1, 0, 1);
        let mut worker = TestWorker::new(&mut state);
        let lease = worker.lease(&mut state, 1);
        state.stop(Stop::Upstream, None);
        let failure = Failure::new(Some(3), &Arc::from("upstream"), errored("no"));
        let next = worker.polled(&mut state, lease, PollBatch::Failed(failure), (0, 1));
        assert!(matches!(next, Next::Retry));
        let (first, others) = state.take_failures();
        assert!(first.is_some_and(|failure| failure.stage() == "upstream") && others.is_empty());
    }

    /// I10.
    #[test]
    fn stage_without_workers_is_finished_by_its_supervisor() {
        let mut state = state(1, 0, 1);
        let worker = TestWorker::new(&mut state);
        assert!(!state.is_last_worker(), "the supervisor is the last");
        worker.remove(&mut state);
        assert!(!state.is_finished(), "the supervisor is left");
        assert!(!state.end_supervision(Scope::new("scope").enter(), true), "no worker is left");
        assert!(!state.is_finished(), "the supervisor settles the rest first");
        let (guard, abandoned) = state.finish();
        assert!(state.is_finished() && guard.is_some() && !abandoned);
    }

    /// I10.
    #[test]
    fn stage_without_supervisor_is_finished_by_its_last_worker() {
        let mut state = state(1, 0, 1);
        let (first, last) = (TestWorker::new(&mut state), TestWorker::new(&mut state));
        assert!(state.end_supervision(Scope::new("scope").enter(), false), "workers are left");
        assert!(!state.is_finished() && !state.is_last_worker());
        first.remove(&mut state);
        assert!(!state.is_finished() && state.is_last_worker());
        last.remove(&mut state);
        assert!(state.finish().0.is_some() && state.is_finished());
        let (first, _) = state.take_failures();
        assert!(first.is_some_and(|failure| failure.is_cancelled()), "the supervisor had no time");
    }

    #[test]
    fn stop_wakes_parked_workers_and_the_watcher_once() {
        let mut state = state(4, 4, 2);
        let [mut listening, mut idle] = [(); 2].map(|()| TestWorker::new(&mut state));
        let lease = listening.lease(&mut state, 1);
        assert!(matches!(idle.next(&mut state, 1), Next::Park));
        assert!(matches!(listening.polled(&mut state, lease, PollBatch::Pending, (0, 1)), Next::Park));
        let watcher = Arc::<WakeCount>::default();
        assert!(state.await_stop(&mut Some(watcher.waker())));
        state.fail(errored("first"));
        state.fail(errored("second"));
        wake_all(&mut state);
        let woken = [&listening.wakes, &idle.wakes, &watcher].map(|wakes| wakes.get());
        assert_eq!(woken, [1; 3]);
        assert!(!state.await_stop(&mut Some(watcher.waker())), "the stage has stopped");
        assert!(matches!(idle.next(&mut state, 1), Next::Leave));
        assert!(matches!(listening.next(&mut state, 1), Next::Leave));
    }

    #[test]
    fn workers_of_a_stopped_run_leave_with_the_last_job() {
        let mut state = state(2, 0, 2);
        let [mut busy, mut other] = [(); 2].map(|()| TestWorker::new(&mut state));
        busy.take(&mut state, 1, 1);
        state.fail(errored("no"));
        assert!(matches!(other.next(&mut state, 1), Next::Park));
        wake_all(&mut state);
        assert_eq!(other.wakes.get(), 0);
        assert!(matches!(busy.next(&mut state, 1), Next::Leave));
        wake_all(&mut state);
        assert_eq!(other.wakes.get(), 1);
        assert!(matches!(other.next(&mut state, 1), Next::Leave));
    }

    #[test]
    fn job_of_a_dropped_worker_keeps_no_worker_parked() {
        let mut state = state(2, 0, 2);
        let [mut busy, mut other] = [(); 2].map(|()| TestWorker::new(&mut state));
        busy.take(&mut state, 1, 1);
        state.fail(errored("no"));
        assert!(matches!(other.next(&mut state, 1), Next::Park));
        busy.remove(&mut state);
        wake_all(&mut state);
        assert_eq!(other.wakes.get(), 1);
    }

    /// I7 and I10.
    #[test]
    fn first_cause_is_delivered_once_after_the_finish() {
        let mut state = state(1, 0, 1);
        let worker = TestWorker::new(&mut state);
        let receiver = Arc::<WakeCount>::default();
        state.await_output(&mut Some(receiver.waker()));
        state.fail(errored("no"));
        worker.remove(&mut state);
        wake_all(&mut state);
        assert_eq!((receiver.get(), state.is_finished()), (0, false));
        drop(state.finish());
        wake_all(&mut state);
        assert_eq!((receiver.get(), state.is_finished()), (1, true));
        let cause = state.take_cause().and_then(|output| output.result.err());
        assert!(cause.is_some_and(|failure| failure.cause().to_string() == "no"));
        assert!(state.take_cause().is_none());
    }
}
