//! The next step of a worker: take ready items, poll the source, park, or leave. Invariants I2, I3 and I5.

use std::task::Waker;
use std::time::Duration;

use super::super::step::{Another, Lease, Next, Request};
use super::State;
use super::workers::Listening;
use crate::item::ItemBatch;
use crate::source::{PollBatch, Source};

impl<In, Out> State<In, Out> {
    /// Returns the share of a worker in `items`. The share leaves items for the other workers.
    fn share(&self, items: usize) -> usize {
        items.div_ceil(self.threads.min(self.limit))
    }

    /// Returns how many more items workers may hold.
    ///
    /// Once a job of the run has waited, workers hold no more items than the limit. So the running jobs are among the
    /// first uncompleted jobs, and a job may wait for a later job. Until then a worker may hold more items, since a
    /// worker runs one job at a time.
    fn free(&self) -> usize {
        if self.workers.has_waited() {
            self.limit.saturating_sub(self.workers.in_flight())
        } else if self.workers.busy() < self.limit {
            usize::MAX
        } else {
            0
        }
    }

    /// Returns how many workers without items stay for later items: the less work there is, the fewer workers stay.
    fn most_idle(&self) -> usize {
        self.threads + self.workers.busy()
    }

    /// Wakes an idle worker that is not needed any more. The worker leaves, and wakes the next such worker.
    fn retire_excess(&mut self) {
        if self.workers.idle() > self.most_idle() {
            self.workers.notify_idle(&mut self.effects.wakes);
        }
    }

    /// Decides the next step of an active worker without items.
    pub(in super::super) fn next(
        &mut self,
        request: &mut Request<'_>,
        batch: &mut ItemBatch<In>,
    ) -> Next<In> {
        if self.is_stopped() {
            return Next::Leave;
        }
        let free = self.free();
        if free > 0 && self.input.ready() > 0 {
            let count = request.batch.min(self.share(free)).min(self.share(self.input.ready()));
            self.input.take_ready(count, batch);
            self.workers.take(count);
            return Next::Run;
        }
        if self.input.is_ended() {
            return Next::Leave;
        }
        let idle_enough = self.workers.idle() >= self.most_idle();
        // After a rest, a worker must check whether the rest has ended the source.
        if self.workers.has_listener() && idle_enough && !self.workers.rest_unchecked() {
            self.retire_excess();
            return Next::Leave;
        }
        if let Some(source) = self.input.lease(|source| free > 0 || source.needs_polling()) {
            let room = self.admission.room();
            if room == 0 {
                self.input.end_lease(source);
                self.workers.listen(request.id, Listening::Room, take_waker(request));
                return Next::Park;
            }
            let ahead = if source.is_queue() { 1 } else { self.input.ahead() };
            let max = request.batch.max(ahead).min(self.share(room));
            // The poll replaces the waker of the listener in the source.
            self.workers.retire_listener();
            self.workers.check_rest();
            let alone = self.workers.in_flight() == 0;
            return Next::Poll(Lease { source, max, seq: self.input.next_seq(), alone });
        }
        if idle_enough {
            return Next::Leave;
        }
        self.workers.park(request.id, take_waker(request));
        Next::Park
    }

    /// Ends the lease after a poll of duration `took`, and decides the next step of the worker that held the lease.
    pub(in super::super) fn polled(
        &mut self,
        request: &mut Request<'_>,
        lease: Lease<In>,
        (polled, took): (PollBatch, Duration),
        batch: &mut ItemBatch<In>,
    ) -> Next<In> {
        let count = batch.len();
        self.input.adapt_ahead(took);
        self.input.number(count);
        self.admission.take(count);
        let waits = matches!(polled, PollBatch::Pending | PollBatch::Quiescent);
        let alone = lease.alone && count == 0 && self.workers.in_flight() == 0 && self.input.ready() == 0;
        if let PollBatch::Quiescent = polled
            && alone
        {
            return Next::Seal(lease.source);
        }
        self.input.end_lease(lease.source);
        match polled {
            PollBatch::Ready | PollBatch::Pending => {}
            // A worker that holds an item, or gets an item of this batch, polls again after the item.
            PollBatch::Quiescent if count > 0 || self.workers.in_flight() > 0 || self.input.ready() > 0 => {}
            // A worker that held an item may have put a further item between this poll and the completion of the job.
            PollBatch::Quiescent => return Next::Retry,
            PollBatch::Exhausted => self.end_input(),
            PollBatch::Failed(failure) => self.forward(failure),
        }
        if count > 0 {
            let free = if self.is_stopped() { 0 } else { self.free() };
            let own = request.batch.min(self.share(free));
            self.input.restore(batch.drain_after(own));
            if !batch.is_empty() {
                self.workers.take(batch.len());
                return Next::Run;
            }
        } else if waits && !self.is_stopped() && !self.input.is_ended() {
            self.workers.listen(request.id, Listening::Source, take_waker(request));
            self.retire_excess();
            return Next::Park;
        }
        Next::Retry
    }

    /// Ends the lease of a quiescent source; `sealed` says whether the source has ended, without new items.
    pub(in super::super) fn sealed(&mut self, source: Source<In>, sealed: bool) {
        self.input.end_lease(source);
        if sealed {
            self.end_input();
        }
    }

    /// Records that the source has no more items. The parked workers are woken and leave.
    fn end_input(&mut self) {
        self.input.end();
        self.workers.notify_parked(&mut self.effects.wakes);
    }

    /// Wakes or adds another worker, if there are items to take or a source to poll, and a thread for the worker
    /// (I3).
    ///
    /// A source that makes progress only during a poll counts even without capacity: a worker must listen for the
    /// source.
    pub(in super::super) fn wake_another(&mut self) -> Another<In> {
        if self.is_stopped() || self.workers.active() >= self.threads {
            return Another::None;
        }
        let free = self.free() > 0;
        let open = self.input.open_source().is_some_and(|source| free || source.needs_polling())
            && !self.workers.has_listener();
        if !(open || free && self.input.ready() > 0) {
            return Another::None;
        }
        if self.workers.notify_idle(&mut self.effects.wakes) {
            return Another::Woken;
        }
        let mut batch = ItemBatch::default();
        if free {
            let count = self.input.ready().min(1);
            self.input.take_ready(count, &mut batch);
            self.workers.take(count);
        }
        Another::New(self.new_worker(batch))
    }

    /// Completes the decision on the next step of a worker; returns another worker to start, and whether tasks are
    /// woken.
    ///
    /// A worker with items to run first wakes or adds another worker. If there is another worker, the items become
    /// ready for both, so that the first worker to run starts with the first item.
    pub(in super::super) fn settle(
        &mut self,
        next: Next<In>,
        batch: &mut ItemBatch<In>,
    ) -> (Next<In>, Another<In>, bool) {
        match next {
            Next::Run => {
                let another = self.wake_another();
                if matches!(another, Another::None) {
                    return (Next::Run, another, self.wakes());
                }
                self.workers.release(batch.len());
                self.restore(batch);
                (Next::Retry, another, true)
            }
            Next::Leave => {
                // From here on, no other worker relies on this worker.
                self.workers.leave();
                (Next::Leave, Another::None, false)
            }
            next => (next, Another::None, false),
        }
    }
}

fn take_waker(request: &mut Request<'_>) -> Waker {
    request.waker.take().expect("a worker that asks has stored its waker")
}
