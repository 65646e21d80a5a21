//! The loop of a worker, and the look at the state between two batches.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::coop;
use tokio::time::Instant;

use super::super::slot::Slot;
use super::super::state::LARGEST_AHEAD;
use super::super::step::{Mode, Next, Request, Turn};
use super::super::work::{Completed, Taken, Work};
use super::buffer::Batch;
use super::context::WorkerContext;
use super::lifecycle::{Pause, Step, Worker};
use crate::failure::Cause;
use crate::util::panic::catch;

/// The result of a look at the state.
pub(super) enum Fetched<Out> {
    /// Items to run are in the buffer.
    Batch,
    /// A woken job, and the number of woken jobs behind the job.
    Resume(Arc<Slot<Out>>, usize),
    /// Jobs of a stopped run to cancel.
    Sweep(Vec<Arc<Slot<Out>>>),
    /// The worker returns to the runtime until the next wake-up.
    Pending,
    Leave,
}

impl<In, Out> Worker<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Works in a seat. Pending while the worker stays in the seat; ready with a [`Step`] that is stored in the worker.
    pub(super) fn serve<Fut, W>(
        &mut self,
        cx: &mut Context<'_>,
        context: &Arc<WorkerContext<In, Out, W>>,
        mut job: Pin<&mut Option<Fut>>,
        start: impl Fn(Taken<In, Out>) -> Fut,
    ) -> Poll<()>
    where
        Fut: Future<Output = Completed<In, Out>>,
        W: Work<In, Out>,
    {
        // The source and the registry get the waker of the task. The context of the poll belongs to the job.
        let task = self.task.take().expect("there from the first poll on");
        let mut task_cx = Context::from_waker(&task);
        self.in_poll = true;
        let polled = loop {
            match self.fetch(&mut task_cx, context) {
                Fetched::Batch => {
                    if self.poll_batch(cx, context, job.as_mut(), &start).is_pending() {
                        self.step = Step::Wait;
                        break Poll::Ready(());
                    }
                }
                Fetched::Resume(slot, behind) => self.resume_round(slot, behind, context),
                Fetched::Sweep(slots) => self.sweep(slots),
                Fetched::Pending => break Poll::Pending,
                Fetched::Leave => {
                    self.step = Step::Leave;
                    break Poll::Ready(());
                }
            }
        };
        self.task = Some(task);
        self.in_poll = false;
        polled
    }

    /// Moves the outputs into the stage, and fetches the next batch or woken job.
    fn fetch<W>(&mut self, cx: &mut Context<'_>, context: &Arc<WorkerContext<In, Out, W>>) -> Fetched<Out>
    where
        W: Work<In, Out>,
    {
        let stage = &*context.shared;
        if !self.buffer.items.is_empty() && !self.failed && !stage.interrupts(self.buffer.limit_changes) {
            return self.go_on(cx);
        }
        stage.observe_deadline();
        if stage.is_stopping() {
            if !self.outputs.is_empty() {
                // A failure among the outputs came before the stop.
                stage.with(|state| state.flush(&mut self.outputs));
            }
            stage.confirm_stop();
        }
        // The end of a batch and the start of the next batch share a look at the clock.
        let now = self.buffer.batch_started.is_some().then(Instant::now);
        let tired = now.is_some_and(|now| self.buffer.end_batch(now));
        let proceed = coop::poll_proceed(cx);
        let tired = tired || proceed.is_pending() || self.pause == Pause::Due;
        self.pause = Pause::None;
        let progress = self.progress();
        let Self { id, outputs, mode, buffer, struck, turn, .. } = self;
        buffer.store_waker(cx);
        let mut spare = None;
        let previous = std::mem::replace(mode, Mode::Active);
        let (size, light) = (buffer.size(), buffer.is_light());
        let mut bounded = false;
        let looked = stage.with(|state| {
            spare = state.activate(*id, previous, progress);
            state.flush(outputs);
            buffer.limit_changes = stage.limit_changes();
            // A failed job, a stop, the end of taking, or a change of the limit leaves items in the buffer.
            state.make_ready(&mut buffer.items);
            for slot in &*struck {
                state.strike(slot);
            }
            let woke_for_slow = state.wakes_receiver() && !buffer.is_quick();
            if (woke_for_slow || tired) && !state.is_over() {
                return None;
            }
            let mut request = Request { id: *id, waker: &mut buffer.waker, batch: size, light, turn: *turn };
            let next = state.next(&mut request, &mut buffer.items);
            bounded = state.has_waited();
            Some(state.settle(next, light, &mut buffer.items))
        });
        drop(spare);
        struck.clear();
        self.failed = false;
        let Some(step) = looked else {
            buffer.yield_now(cx);
            return Fetched::Pending;
        };
        if let Poll::Ready(proceed) = proceed {
            proceed.made_progress();
        }
        let (next, another, woke) = if let Next::Poll(mut lease) = step.0 {
            let started = now.unwrap_or_else(Instant::now);
            buffer.batch_started = Some(started);
            buffer.items.number_from(lease.seq);
            let polled = lease.source.poll_batch(cx, lease.max, &mut buffer.items);
            // A poll that is not measured counts as quick. The poll of a source that does not compute is quick. A
            // worker of larger batches polls for more items than the largest number ahead in any case, and the
            // duration of its polls counts for the size of its batches.
            let measures = size < LARGEST_AHEAD && lease.source.computes();
            let took = measures.then(|| started.elapsed());
            stage.with(|state| {
                buffer.limit_changes = stage.limit_changes();
                let mut request =
                    Request { id: *id, waker: &mut buffer.waker, batch: size, light, turn: *turn };
                let next = state.polled(&mut request, lease, (polled, took), &mut buffer.items);
                bounded = state.has_waited();
                state.settle(next, light, &mut buffer.items)
            })
        } else {
            step
        };
        context.start(another);
        match next {
            Next::Run => {
                buffer.batch = if bounded { Batch::Bounded } else { Batch::First };
                buffer.start(now);
                buffer.several = buffer.held > 1;
                self.turn = Turn::Jobs;
                if woke {
                    self.pause = Pause::Taken;
                    self.buffer.yield_now(cx);
                    return Fetched::Pending;
                }
                Fetched::Batch
            }
            Next::Resume(slot, behind) => {
                buffer.start(now);
                buffer.several = true;
                self.turn = Turn::Items;
                Fetched::Resume(slot, behind)
            }
            next => self.follow(next, cx),
        }
    }

    /// Continues with a batch after a job of the batch waits, or after a return to the runtime.
    fn go_on(&mut self, cx: &Context<'_>) -> Fetched<Out> {
        if self.pause == Pause::Taken {
            self.pause = Pause::None;
            // The time until the thread polled the worker is no part of the batch.
            self.buffer.batch_started = self.buffer.batch_started.map(|_| Instant::now());
        } else if !coop::has_budget_remaining() {
            self.pause = Pause::Taken;
            self.buffer.yield_now(cx);
            return Fetched::Pending;
        }
        Fetched::Batch
    }

    /// Takes a step other than to run jobs.
    fn follow(&mut self, next: Next<In, Out>, cx: &Context<'_>) -> Fetched<Out> {
        let Self { shared, mode, buffer, .. } = self;
        self.turn = Turn::Jobs;
        match next {
            Next::Sweep(slots) => Fetched::Sweep(slots),
            Next::Seal(mut source) => {
                let sealed = catch(|| source.seal()).unwrap_or_else(|payload| {
                    shared.fail(Cause::from_panic(payload));
                    true
                });
                shared.with(|state| state.sealed(source, sealed));
                buffer.batch_started = None;
                buffer.yield_now(cx);
                Fetched::Pending
            }
            Next::Halt(mut source, mut items) => {
                let panicked = catch(|| source.stop()).err().map(Cause::from_panic);
                source.release_permits(&mut items);
                shared.with(|state| {
                    state.return_halted(source, items);
                    if let Some(cause) = panicked {
                        state.fail_by_policy(cause);
                    }
                });
                buffer.batch_started = None;
                buffer.yield_now(cx);
                Fetched::Pending
            }
            Next::EndPlain(mut source) => {
                let panicked = catch(|| source.end_plain()).err().map(Cause::from_panic);
                shared.with(|state| {
                    state.return_source(source);
                    if let Some(cause) = panicked {
                        state.fail_by_policy(cause);
                    }
                });
                buffer.batch_started = None;
                buffer.yield_now(cx);
                Fetched::Pending
            }
            Next::Park => {
                *mode = Mode::Parked;
                buffer.end_slice();
                buffer.batch_started = None;
                if buffer.is_quick() && buffer.several && !buffer.looked {
                    // The task that next makes items or frees capacity for this worker is often about to run on this
                    // thread. A wake-up would cost more, and would start another thread for the work of a single
                    // batch.
                    buffer.looked = true;
                    cx.waker().wake_by_ref();
                }
                Fetched::Pending
            }
            Next::Leave => {
                *mode = Mode::Leaving;
                Fetched::Leave
            }
            // The worker goes through the queue of the thread: an always ready source must not keep the worker from
            // its end.
            Next::Retry | Next::Poll(_) | Next::Run | Next::Resume(..) => {
                buffer.batch_started = None;
                buffer.yield_now(cx);
                Fetched::Pending
            }
        }
    }
}
