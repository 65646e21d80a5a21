//! The jobs of a batch: the loop of a worker, and the handling of a job that fails, panics or waits.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::super::step::Mode;
use super::super::work::{Completed, Taken, Work};
use super::context::WorkerContext;
use super::lifecycle::Worker;
use crate::failure::{Cause, Failure};
use crate::item::Output;
use crate::settings::OnFailure;
use crate::util::panic::{Payload, catch, drop_caught};

/// The most outputs for which a worker keeps memory while its job waits, since thousands of jobs may wait.
const KEPT_OUTPUTS: usize = 4;

impl<In, Out> Worker<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Runs the jobs of the batch; pending while a job waits.
    pub(super) fn poll_batch<Fut, W>(
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
        self.in_poll = true;
        loop {
            // The batch has one catch, and not a catch for every job.
            let polled = catch(|| self.run_batch(cx, job.as_mut(), &start));
            match polled {
                Ok(polled) => {
                    if polled.is_pending() {
                        self.wait(cx, context);
                    }
                    self.in_poll = false;
                    return polled;
                }
                Err(payload) => {
                    // The rest of the job is dropped separately, since the drop may panic, too.
                    let again = catch(|| job.set(None)).err();
                    self.panicked(payload, again);
                }
            }
        }
    }

    #[inline]
    fn run_batch<Fut>(
        &mut self,
        cx: &mut Context<'_>,
        mut job: Pin<&mut Option<Fut>>,
        start: &impl Fn(Taken<In, Out>) -> Fut,
    ) -> Poll<()>
    where
        Fut: Future<Output = Completed<In, Out>>,
    {
        // The position is read from this variable: a load of the field, stored a moment ago, costs more.
        let mut position = self.position;
        loop {
            if self.shared.is_stopping() {
                job.set(None);
                return Poll::Ready(());
            }
            if job.is_none() {
                let next = self.buffer.as_mut().and_then(|buffer| buffer.items.pop_front());
                let Some(item) = next else { return Poll::Ready(()) };
                position = item.position;
                self.position = position;
                let stage = self.ticket.take().unwrap_or_else(|| Arc::clone(&self.shared));
                job.set(Some(start(Taken::new(item, stage))));
            }
            let Some(running) = job.as_mut().as_pin_mut() else { return Poll::Ready(()) };
            // The result is matched in place: a move of the result would cost more than the rest of the hand-over.
            match ready!(running.poll(cx)) {
                Completed { ticket, result: Ok(output) } => {
                    self.outputs.push_back(Output { position, result: Ok(output) });
                    self.ticket = ticket.into_inner();
                }
                Completed { ticket, result: Err(error) } => {
                    self.failed(error);
                    self.ticket = ticket.into_inner();
                }
            }
            job.set(None);
            if self.failed {
                return Poll::Ready(());
            }
        }
    }

    #[cold]
    fn failed(&mut self, error: anyhow::Error) {
        if let Some(by) = self.shared.cancellation_of(&error) {
            let dropped = drop_caught(error).map(|payload| self.failure(Cause::from_panic(payload)));
            self.shared.with(|state| {
                state.lose(false);
                if let Some(failure) = dropped {
                    state.record(failure);
                }
            });
            self.shared.stop_for_scope(by);
            self.failed = true;
            return;
        }
        self.failed = self.shared.settings.on_failure == OnFailure::Stop;
        let result = Err(self.failure(Cause::from_error(error)));
        self.outputs.push_back(Output { position: self.position, result });
    }

    #[cold]
    fn failure(&self, cause: Cause) -> Failure {
        Failure::new(Some(self.position.index), &self.shared.settings.name, cause)
    }

    /// Records the panic of a job, or of the drop of its future. If the item was started and not completed, the drop of its
    /// ticket has counted the item.
    #[cold]
    fn panicked(&mut self, payload: Payload, again: Option<Payload>) {
        let ended = self.ticket.is_some();
        let failed = ended && self.outputs.back().is_some_and(|output| output.result.is_err());
        let output = if ended && !failed { self.outputs.pop_back() } else { None };
        let unstarted = self.shared.take_dropped(self.position.seq);
        let uncounted = output.is_some() || unstarted.is_some();
        // The drops may panic, too.
        let later = [again, drop_caught(output), drop_caught(unstarted)];
        let later = later.map(|payload| payload.map(|payload| self.failure(Cause::from_panic(payload))));
        let failure = self.failure(Cause::from_panic(payload));
        let without_item = std::mem::take(&mut self.without_item);
        let (outputs, position) = (&mut self.outputs, self.position);
        self.shared.with(|state| {
            state.flush(outputs);
            if failed {
                // The error of the job comes first.
                state.record(failure);
            } else if without_item {
                // Another worker has the item or has ended the item: the panic does not belong to the item.
                state.fail_by_policy(failure.into_cause());
            } else {
                state.panicked(position, failure, uncounted);
            }
            later.into_iter().flatten().for_each(|failure| state.record(failure));
        });
    }

    /// Handles a job that waits: no other item may wait behind the job.
    fn wait<W>(&mut self, cx: &Context<'_>, context: &Arc<WorkerContext<In, Out, W>>)
    where
        W: Work<In, Out>,
    {
        if let Mode::Waiting(_) = self.mode {
            if self.shared.any_dropped() {
                self.reclaim(context);
            }
            return;
        }
        let held = self.release();
        let mut buffer = self.buffer.take();
        let stored = buffer.as_mut().and_then(|buffer| buffer.waker.take());
        let waker = stored.filter(|waker| waker.will_wake(cx.waker())).unwrap_or_else(|| cx.waker().clone());
        let (outputs, seq) = (&mut self.outputs, self.position.seq);
        let (mode, without_item, another) = context.shared.with(|state| {
            state.flush(outputs);
            let without_item = context.shared.restore_dropped(state, seq);
            if let Some(buffer) = &mut buffer {
                state.make_ready(&mut buffer.items);
            }
            (state.wait(held, waker), without_item, state.wake_another())
        });
        self.mode = mode;
        self.without_item = without_item;
        context.start(another);
        if self.outputs.capacity() > KEPT_OUTPUTS {
            self.outputs = VecDeque::new();
        }
    }

    /// Makes the item of a waiting job ready again, for another worker, if the job has dropped the item before its
    /// start.
    #[cold]
    fn reclaim<W>(&mut self, context: &Arc<WorkerContext<In, Out, W>>)
    where
        W: Work<In, Out>,
    {
        let seq = self.position.seq;
        let (without_item, another) =
            context.shared.with(|state| (context.shared.restore_dropped(state, seq), state.wake_another()));
        self.without_item |= without_item;
        context.start(another);
    }
}
