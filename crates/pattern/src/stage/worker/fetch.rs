//! The fetch of the next batch by a worker.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::coop;
use tokio::time::Instant;

use super::super::state::LARGEST_AHEAD;
use super::super::step::{Mode, Next, Request};
use super::super::work::Work;
use super::context::WorkerContext;
use super::lifecycle::Worker;
use crate::failure::Cause;
use crate::util::panic::catch;

impl<In, Out> Worker<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Moves the outputs into the stage and fetches the next batch; ready with `false` when the worker leaves.
    pub(super) fn poll_fetch<W>(
        &mut self,
        cx: &mut Context<'_>,
        context: &Arc<WorkerContext<In, Out, W>>,
    ) -> Poll<bool>
    where
        W: Work<In, Out>,
    {
        self.in_poll = true;
        let polled = self.fetch(cx, context);
        self.in_poll = false;
        polled
    }

    fn fetch<W>(&mut self, cx: &mut Context<'_>, context: &Arc<WorkerContext<In, Out, W>>) -> Poll<bool>
    where
        W: Work<In, Out>,
    {
        let stage = &*context.shared;
        if stage.is_stopping() {
            if !self.outputs.is_empty() {
                // A failure among the outputs came before the stop.
                stage.with(|state| state.flush(&mut self.outputs));
            }
            stage.confirm_stop();
            // Without the lock, if possible: thousands of workers want the lock now, and all of them need the lock once
            // more for their drop.
            return Poll::Ready(false);
        }
        let mut now = None;
        let mut tired = false;
        if let Some(buffer) = &mut self.buffer {
            if !buffer.items.is_empty() && !self.failed {
                // The time until the thread polled the worker is no part of the batch.
                buffer.batch_started = buffer.batch_started.map(|_| Instant::now());
                return Poll::Ready(true);
            }
            // The end of a batch and the start of the next batch share a look at the clock.
            now = buffer.batch_started.is_some().then(Instant::now);
            tired = now.is_some_and(|now| buffer.end_batch(now));
        }
        let proceed = coop::poll_proceed(cx);
        let tired = tired || proceed.is_pending();
        let released = self.release();
        let Self { id, outputs, mode, buffer, .. } = self;
        let buffer = buffer.get_or_insert_default();
        buffer.store_waker(cx);
        let mut spare = None;
        let previous = std::mem::replace(mode, Mode::Active);
        let size = buffer.size();
        let looked = stage.with(|state| {
            spare = state.activate(*id, previous, released);
            state.flush(outputs);
            let woke_for_slow = state.wakes_receiver() && !buffer.is_quick();
            if (woke_for_slow || tired) && !state.is_done() {
                return None;
            }
            let mut request = Request { id: *id, waker: &mut buffer.waker, batch: size };
            let next = state.next(&mut request, &mut buffer.items);
            Some(state.settle(next, &mut buffer.items))
        });
        drop(spare);
        let Some(step) = looked else { return buffer.yield_now(cx) };
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
                let mut request = Request { id: *id, waker: &mut buffer.waker, batch: size };
                let next = state.polled(&mut request, lease, (polled, took), &mut buffer.items);
                state.settle(next, &mut buffer.items)
            })
        } else {
            step
        };
        context.start(another);
        match next {
            Next::Run => {
                buffer.held = buffer.items.len();
                buffer.several = buffer.held > 1;
                buffer.looked = false;
                buffer.batch_started.get_or_insert_with(|| now.unwrap_or_else(Instant::now));
                if woke { buffer.yield_now(cx) } else { Poll::Ready(true) }
            }
            Next::Seal(mut source) => {
                let sealed = catch(|| source.seal()).unwrap_or_else(|payload| {
                    stage.fail(Cause::from_panic(payload));
                    true
                });
                stage.with(|state| state.sealed(source, sealed));
                buffer.batch_started = None;
                buffer.yield_now(cx)
            }
            // The worker goes through the queue of the thread: an always ready source must not keep the worker from
            // its end.
            Next::Retry | Next::Poll(_) => {
                buffer.batch_started = None;
                buffer.yield_now(cx)
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
                Poll::Pending
            }
            Next::Leave => {
                *mode = Mode::Leaving;
                Poll::Ready(false)
            }
        }
    }
}
