//! The jobs of a batch: the loop of a worker, and the handling of a job that fails, panics or waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::super::work::{Completed, Taken, Work};
use super::buffer::Batch;
use super::context::WorkerContext;
use super::lifecycle::Worker;
use crate::failure::{Cause, Failure};
use crate::item::Output;
use crate::settings::OnFailure;
use crate::util::panic::{Payload, catch, drop_caught};

impl<In, Out> Worker<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Runs the jobs of the batch; pending if a job waits.
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
        loop {
            // The batch has one catch, and not a catch for every job.
            let polled = catch(|| self.run_batch(cx, job.as_mut(), &start));
            match polled {
                Ok(polled) => {
                    if polled.is_pending() {
                        self.wait(context);
                    }
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
        loop {
            // Before the look at the flag: a sweep of a stopped run wakes the slot after the flag is set. Either the flag is
            // seen here, or the wake-up stays for the job that starts.
            if let Some(slot) = &self.slot {
                slot.clear();
            }
            if self.shared.interrupts(self.buffer.limit_changes) {
                return Poll::Ready(());
            }
            let Some(item) = self.buffer.items.pop_front() else { return Poll::Ready(()) };
            let position = item.position;
            self.position = position;
            let stage = self.ticket.take().unwrap_or_else(|| Arc::clone(&self.shared));
            job.set(Some(start(Taken::new(item, stage))));
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
    pub(super) fn failed(&mut self, error: anyhow::Error) {
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
        self.failed = self.shared.settings.on_failure != OnFailure::Continue;
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
    pub(super) fn panicked(&mut self, payload: Payload, again: Option<Payload>) {
        let seq = self.position.seq;
        let own = self.outputs.back().filter(|output| output.position.seq == seq);
        let failed = own.is_some_and(|output| output.result.is_err());
        let output = if own.is_some() && !failed { self.outputs.pop_back() } else { None };
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

    /// Handles the job in the seat, which waits.
    fn wait<W>(&mut self, context: &Arc<WorkerContext<In, Out, W>>)
    where
        W: Work<In, Out>,
    {
        self.buffer.held -= 1;
        self.without_item = false;
        if self.buffer.batch == Batch::First {
            self.wait_first(context);
        } else if self.shared.any_dropped() {
            self.reclaim(context);
        }
    }

    /// Handles a job that waits in a batch from the time before the first wait. The batch may have more items than the limit
    /// allows jobs at once, so the remaining items are ready for every worker again.
    #[cold]
    fn wait_first<W>(&mut self, context: &Arc<WorkerContext<In, Out, W>>)
    where
        W: Work<In, Out>,
    {
        let Self { buffer, outputs, position, .. } = self;
        buffer.held -= buffer.items.len();
        let (without_item, another) = context.shared.with(|state| {
            state.flush(outputs);
            let without_item = context.shared.restore_dropped(state, position.seq);
            state.record_wait(&mut buffer.items);
            (without_item, state.wake_another())
        });
        self.without_item = without_item;
        context.start(another);
    }

    /// Makes the item of a waiting job ready again, for another worker, if the job has dropped the item before its
    /// start.
    #[cold]
    pub(super) fn reclaim<W>(&mut self, context: &Arc<WorkerContext<In, Out, W>>)
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
