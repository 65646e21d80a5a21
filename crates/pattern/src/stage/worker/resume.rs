//! Jobs that wait: how a worker leaves a job behind, resumes a job, and cancels a job.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::task::coop;

use super::super::slot::{JobEnd, Seat, Slot, WaitingJob};
use super::super::state::State;
use super::super::work::Work;
use super::context::WorkerContext;
use super::lifecycle::{Pause, Worker};
use crate::item::Output;
use crate::util::panic::drop_caught;

/// The most jobs that a worker resumes before the next look at the state.
const LARGEST_ROUND: usize = 32;

impl<In, Out> Worker<In, Out>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Leaves the job of a seat behind, where any worker finds the job.
    pub(super) fn leave_behind<W>(
        &mut self,
        slot: Arc<Slot<Out>>,
        seat: Pin<Box<dyn Seat<Out>>>,
        context: &Arc<WorkerContext<In, Out, W>>,
    ) where
        W: Work<In, Out>,
    {
        self.slot = None;
        let without_item = std::mem::take(&mut self.without_item);
        self.store(slot, WaitingJob { seat, position: self.position, without_item }, context);
    }

    /// Stores a job that waits. If the job was woken meanwhile, the job goes into the run queue.
    fn store<W>(
        &mut self,
        slot: Arc<Slot<Out>>,
        job: WaitingJob<Out>,
        context: &Arc<WorkerContext<In, Out, W>>,
    ) where
        W: Work<In, Out>,
    {
        if slot.store(job) {
            // The other tasks of the thread run before the next poll of a job that has woken itself.
            self.pause = Pause::Due;
            let another = context.shared.with(|state| state.wake_job(slot));
            context.start(another);
        }
    }

    /// Resumes a woken job, and further woken jobs. The worker takes the jobs from the run queue one at a time, so a job that
    /// computes holds up no other job.
    ///
    /// The round ends before a job that was woken during the round.
    pub(super) fn resume_round<W>(
        &mut self,
        first: Arc<Slot<Out>>,
        behind: usize,
        context: &Arc<WorkerContext<In, Out, W>>,
    ) where
        W: Work<In, Out>,
    {
        let mut round = self.buffer.size().min(LARGEST_ROUND).min(1 + behind);
        let mut next = Some(first);
        while let Some(slot) = next {
            self.resume(slot, context);
            round -= 1;
            if round == 0 || self.failed || self.shared.is_stopping() || !coop::has_budget_remaining() {
                return;
            }
            let (slot, another) = self.shared.with(State::next_woken);
            context.start(another);
            next = slot;
        }
    }

    fn resume<W>(&mut self, slot: Arc<Slot<Out>>, context: &Arc<WorkerContext<In, Out, W>>)
    where
        W: Work<In, Out>,
    {
        slot.own();
        let Some(mut job) = slot.take() else { return self.keep_place(slot, None) };
        self.position = job.position;
        self.without_item = job.without_item;
        // The item counts as completed if a panic of a waker ends this worker.
        self.resumed += 1;
        if self.shared.is_stopping() || job.without_item && self.shared.is_halted() {
            self.cancel(job);
            return self.keep_place(slot, None);
        }
        let waker = Waker::from(Arc::clone(&slot));
        match job.seat.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(end) => {
                self.keep_place(slot, Some(job.seat));
                self.end(end);
            }
            Poll::Pending => {
                if self.shared.any_dropped() {
                    self.reclaim(context);
                    job.without_item = self.without_item;
                }
                if job.without_item && self.shared.is_halted() {
                    self.cancel(job);
                    return self.keep_place(slot, None);
                }
                self.resumed -= 1;
                self.store(slot, job, context);
            }
        }
        self.without_item = false;
    }

    /// Records the end of a job that had waited.
    fn end(&mut self, end: JobEnd<Out>) {
        let JobEnd { result, panicked, again } = end;
        match result {
            Some(Ok(output)) => {
                self.outputs.push_back(Output { position: self.position, result: Ok(output) });
            }
            Some(Err(error)) => self.failed(error),
            None => {}
        }
        if let Some(payload) = panicked {
            self.panicked(payload, again);
        }
    }

    /// Cancels the waiting jobs of a stopped run. The owner of a running job cancels the job after the poll.
    pub(super) fn sweep(&mut self, slots: Vec<Arc<Slot<Out>>>) {
        for slot in slots {
            if slot.notify() {
                slot.own();
                if let Some(job) = slot.take() {
                    self.position = job.position;
                    self.resumed += 1;
                    self.cancel(job);
                }
            }
        }
    }

    fn cancel(&mut self, job: WaitingJob<Out>) {
        self.without_item = job.without_item;
        if let Some(payload) = drop_caught(job.seat) {
            self.panicked(payload, None);
        }
        self.without_item = false;
    }
}
