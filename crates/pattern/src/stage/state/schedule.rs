//! The next step of a worker: take ready items, poll the source, park, or leave. Invariants I2, I3 and I5.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use super::super::step::{Another, Lease, Next, Request, Turn};
use super::State;
use super::workers::Listening;
use crate::item::{Item, ItemBatch};
use crate::source::{PollBatch, Source};

impl<In, Out> State<In, Out> {
    /// Returns the share of a worker in `items`. The share leaves items for the other workers, unless the batches of the
    /// worker are light. With several threads, a share is at most half of the bound: the next stage takes a part of the
    /// outputs while this stage makes the other part.
    fn share(&self, items: usize, light: bool) -> usize {
        let share = items.div_ceil(self.threads.min(self.limit).max(1));
        if light {
            share.max(items.min(LARGEST_LIGHT))
        } else if self.threads > 1 {
            share.min(self.admission.half())
        } else {
            share
        }
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

    /// Returns whether a worker may poll the source now.
    fn is_pollable(&self, free: usize) -> bool {
        let has_room = self.admission.room() > 0;
        let may_poll =
            |source: &Source<In>| (has_room || source.held() > 0) && (free > 0 || source.needs_polling());
        self.input.open_source().is_some_and(may_poll) && !self.workers.has_listener()
    }

    /// Decides the next step of an active worker without items.
    pub(in super::super) fn next(
        &mut self,
        request: &mut Request<'_>,
        batch: &mut ItemBatch<In>,
    ) -> Next<In, Out> {
        if self.is_stopped() {
            return self.next_of_stopped(request);
        }
        if let Some((source, items)) = self.input.take_halted() {
            return Next::Halt(source, items);
        }
        // Without room, too: a job may wait for the drop of a source.
        if let Some(source) = self.input.take_ending() {
            return Next::EndPlain(source);
        }
        if request.turn == Turn::Jobs
            && let Some((slot, behind)) = self.jobs.pop_woken()
        {
            return Next::Resume(slot, behind);
        }
        let free = self.free();
        if free > 0 && self.input.ready() > 0 {
            // A granted item starts before the ready items of higher numbers.
            return match self.input.lease_for_woken() {
                Some(source) => self.poll(source, 0),
                None => self.take_ready(free, request, batch),
            };
        }
        if !self.is_pollable(free)
            && let Some((slot, behind)) = self.jobs.pop_woken()
        {
            return Next::Resume(slot, behind);
        }
        let idle_enough = self.workers.idle() >= self.threads;
        if self.input.is_ended() {
            return self.leave_or_park(request, idle_enough);
        }
        // After a rest, a worker must check whether the rest has ended the source.
        if self.workers.has_listener() && idle_enough && !self.workers.rest_unchecked() {
            return Next::Leave;
        }
        if let Some(source) = self.input.lease(|source| free > 0 || source.needs_polling()) {
            let room = self.admission.room();
            // A full stage polls its source for the items that the source holds.
            if room == 0 && source.held() == 0 {
                self.input.end_lease(source);
                self.workers.listen(request.id, Listening::Room, take_waker(request));
                return Next::Park;
            }
            // From a queue, a worker takes no more items than jobs may start.
            let most = if source.is_queue() {
                request.batch.min(self.share(free, request.light)).max(1)
            } else {
                request.batch.max(self.input.ahead())
            };
            let max = most.min(self.share(room, request.light));
            self.workers.check_rest();
            return self.poll(source, max);
        }
        if idle_enough {
            return Next::Leave;
        }
        self.workers.park(request.id, take_waker(request));
        Next::Park
    }

    /// Lets a worker poll the source for up to `max` new items, and for the items that the source holds.
    fn poll(&mut self, source: Source<In>, max: usize) -> Next<In, Out> {
        // The poll replaces the waker of the listener in the source.
        self.workers.retire_listener();
        let alone = self.workers.in_flight() == 0;
        Next::Poll(Lease { source, max, seq: self.input.next_seq(), alone })
    }

    /// Takes the share of a worker in the ready items. There are ready items, and free jobs.
    fn take_ready(&mut self, free: usize, request: &Request<'_>, batch: &mut ItemBatch<In>) -> Next<In, Out> {
        let count = request
            .batch
            .min(self.share(free, request.light))
            .min(self.share(self.input.ready(), request.light));
        self.input.take_ready(count, batch);
        self.workers.take(count);
        Next::Run
    }

    /// Decides the next step of a worker of a stopped run: cancel the jobs that wait, and wait for the jobs of the other
    /// workers.
    fn next_of_stopped(&mut self, request: &mut Request<'_>) -> Next<In, Out> {
        if let Some((slot, behind)) = self.jobs.pop_woken() {
            return Next::Resume(slot, behind);
        }
        if let Some((source, items)) = self.input.take_permits() {
            return Next::Halt(source, items);
        }
        let mut slots = Vec::new();
        self.jobs.sweep(LARGEST_SWEEP, &mut slots);
        if !slots.is_empty() {
            return Next::Sweep(slots);
        }
        self.leave_or_park(request, false)
    }

    /// Lets a worker of a source without further items leave with the last job. The first worker to leave wakes the others.
    fn leave_or_park(&mut self, request: &mut Request<'_>, idle_enough: bool) -> Next<In, Out> {
        if self.is_over() {
            self.workers.notify_parked(&mut self.effects.wakes);
            return Next::Leave;
        }
        if idle_enough {
            return Next::Leave;
        }
        self.workers.park(request.id, take_waker(request));
        Next::Park
    }

    /// Ends the lease after a poll, and decides the next step of the worker that held the lease. `took` is the duration
    /// of the poll, or `None` if the poll counts as quick.
    pub(in super::super) fn polled(
        &mut self,
        request: &mut Request<'_>,
        lease: Lease<In>,
        (polled, took): (PollBatch, Option<Duration>),
        batch: &mut ItemBatch<In>,
    ) -> Next<In, Out> {
        let count = batch.len();
        self.input.adapt_ahead(took);
        let taken = usize::try_from(batch.next_number() - lease.seq).expect("a batch is in memory");
        self.input.number(taken);
        self.admission.take(taken);
        let waits = matches!(polled, PollBatch::Pending | PollBatch::Quiescent);
        // Without a rest, a worker holds an item or gets an item, and polls again after the item.
        let at_rest = count == 0 && self.workers.in_flight() == 0 && self.input.ready() == 0;
        if let PollBatch::Quiescent = polled
            && at_rest
            && lease.alone
        {
            return Next::Seal(lease.source);
        }
        let takes_new = lease.max > 0;
        self.input.end_lease(lease.source);
        match polled {
            // A worker that held an item may have put a further item between this poll and the completion of the job.
            PollBatch::Quiescent if at_rest => return Next::Retry,
            PollBatch::Ready | PollBatch::Pending | PollBatch::Quiescent => {}
            PollBatch::Exhausted => self.end_input(),
            PollBatch::Failed(failure) => self.forward(failure),
        }
        let free = if self.is_stopped() { 0 } else { self.free() };
        if !takes_new && free > 0 && self.input.ready() > 0 {
            // The granted items and the ready items start in the order of taking.
            self.make_ready(batch);
            return self.take_ready(free, request, batch);
        }
        if count > 0 {
            let own = request.batch.min(self.share(free, request.light));
            self.input.make_ready(batch.drain_after(own));
            if !batch.is_empty() {
                self.workers.take(batch.len());
                return Next::Run;
            }
        } else if !takes_new && self.admission.room() > 0 {
            // The source was polled for held items alone, and wakes this worker for no new item.
            return Next::Retry;
        } else if waits && !self.is_stopped() && !self.input.is_ended() && !self.input.is_ending_plain() {
            if let Some((slot, behind)) = self.jobs.pop_woken() {
                return Next::Resume(slot, behind);
            }
            // Only a full stage whose source holds items polls without room. The source wakes the worker, too.
            let listening = if self.admission.room() == 0 { Listening::Room } else { Listening::Source };
            self.workers.listen(request.id, listening, take_waker(request));
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

    /// Returns the source of a halted input or of a stopped run, and the items whose permits are released.
    pub(in super::super) fn return_halted(&mut self, source: Source<In>, items: VecDeque<Item<In>>) {
        self.input.return_halted(source, items);
    }

    /// Ends the lease of a source whose plain sources have ended.
    pub(in super::super) fn return_source(&mut self, source: Source<In>) {
        self.input.end_lease(source);
    }

    /// Records that the source has no more items.
    fn end_input(&mut self) {
        self.input.end();
    }

    /// Wakes or adds another worker, if there are woken jobs, items to take or a source to poll (I3).
    ///
    /// If every thread has an active worker, one further worker is notified: if the active workers block their threads, the
    /// runtime polls the further worker on another thread.
    ///
    /// A source that makes progress only during a poll counts even without capacity: a worker must listen for the
    /// source.
    pub(in super::super) fn wake_another(&mut self) -> Another<In> {
        let workers = &self.workers;
        if workers.active() >= self.threads && (self.threads == 1 || workers.notified() > 0) {
            return Another::None;
        }
        let free = self.free() > 0 && !self.is_stopped();
        let open = self.input.open_source().is_some_and(|source| free || source.needs_polling())
            && !self.workers.has_listener();
        if !(open || free && self.input.ready() > 0 || self.jobs.has_woken()) || self.workers.live() == 0 {
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
        next: Next<In, Out>,
        light: bool,
        batch: &mut ItemBatch<In>,
    ) -> (Next<In, Out>, Another<In>, bool) {
        match next {
            // A light batch with all ready items is over before another worker could start.
            Next::Run if light && self.input.ready() == 0 => (Next::Run, Another::None, self.wakes()),
            Next::Run => {
                let another = self.wake_another();
                if matches!(another, Another::None) {
                    return (Next::Run, another, self.wakes());
                }
                self.workers.complete(batch.len());
                self.workers.end_batch();
                self.make_ready(batch);
                (Next::Retry, another, true)
            }
            Next::Resume(..) => {
                let another = if self.jobs.has_woken() { self.wake_another() } else { Another::None };
                (next, another, false)
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

/// The largest share that a worker with light batches takes without regard to other workers. A job that suddenly computes
/// holds up no more items.
const LARGEST_LIGHT: usize = 32;

/// The most jobs of a stopped run that a worker cancels between two looks at the state.
const LARGEST_SWEEP: usize = 64;

fn take_waker(request: &mut Request<'_>) -> Waker {
    request.waker.take().expect("a worker that asks has stored its waker")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Context;

    use super::super::super::delivered::Delivered;
    use super::super::super::step::NewWorker;
    use super::super::tests::{TestWorker, state, state_of, wake_all};
    use super::*;
    use crate::source::{PollSource, WokenParts};

    /// A source with a held item that was woken.
    struct Held(Arc<WokenParts>);

    impl PollSource<u64> for Held {
        fn poll_batch(&mut self, _: &mut Context<'_>, _: usize, _: &mut ItemBatch<u64>) -> PollBatch {
            unreachable!("the test answers for the source")
        }

        fn needs_polling(&self) -> bool {
            false
        }

        fn woken(&self) -> Option<Arc<WokenParts>> {
            Some(Arc::clone(&self.0))
        }
    }

    /// I1.
    #[test]
    fn poll_asks_for_no_more_items_than_the_room() {
        let mut state = state(2, 3, 1);
        let mut worker = TestWorker::new(&mut state);
        worker.take(&mut state, 3, 3);
        assert_eq!(worker.lease(&mut state, 100).max, 2);
    }

    /// I1: the job of a full stage is free, and its output has not been delivered.
    #[test]
    fn worker_of_a_full_stage_waits_for_a_delivery() {
        let mut state = state(1, 0, 1);
        let mut worker = TestWorker::new(&mut state);
        worker.take(&mut state, 1, 1);
        assert!(matches!(worker.next(&mut state, 1), Next::Park));
        wake_all(&mut state);
        assert_eq!(worker.wakes.get(), 0);
        state.deliver(Delivered { own: 1, passed: 0 });
        wake_all(&mut state);
        assert_eq!(worker.wakes.get(), 1);
        assert_eq!(worker.lease(&mut state, 1).max, 1);
    }

    /// The next stage takes the outputs of a half while this stage runs the jobs of the other half.
    #[test]
    fn share_is_half_of_the_bound_on_several_threads() {
        for (threads, max) in [(1, 11), (2, 6)] {
            let mut state = state(1, 10, threads);
            let mut worker = TestWorker::new(&mut state);
            assert_eq!(worker.lease(&mut state, 100).max, max);
        }
    }

    /// I3: idle workers do not listen.
    #[test]
    fn worker_polls_without_a_listener_past_idle_workers() {
        let mut state = state(1, 0, 1);
        let [mut worker, mut idle] = [(); 2].map(|()| TestWorker::new(&mut state));
        let lease = worker.lease(&mut state, 1);
        assert!(matches!(idle.next(&mut state, 1), Next::Park));
        assert_eq!(state.workers.idle(), state.threads);
        assert!(matches!(worker.polled(&mut state, lease, PollBatch::Ready, (0, 1)), Next::Retry));
        assert!(matches!(worker.next(&mut state, 1), Next::Poll(_)));
    }

    /// I3 and I12: the source was polled for its held items alone, and another worker has taken the ready item meanwhile.
    #[test]
    fn worker_that_polled_for_held_items_polls_for_new_items() {
        let mut state = state_of(Source::of(Held(WokenParts::with_a_part())), 3, 0, 2);
        let [mut busy, mut worker, mut other] = [(); 3].map(|()| TestWorker::new(&mut state));
        busy.take(&mut state, 2, 1);
        let lease = worker.lease(&mut state, 1);
        assert_eq!(lease.max, 0);
        assert!(matches!(other.next(&mut state, 1), Next::Run));
        assert!(matches!(worker.polled(&mut state, lease, PollBatch::Pending, (0, 1)), Next::Retry));
        assert_eq!(worker.lease(&mut state, 1).max, 1);
    }

    /// I3: only a poll makes progress.
    #[test]
    fn source_that_needs_polling_is_polled_without_a_free_job() {
        for (source, polls) in [(Source::generate(|_| async {}), true), (Source::new([0; 0]), false)] {
            assert_eq!(source.needs_polling(), polls);
            let mut state = state_of(source, 1, 1, 2);
            let mut worker = TestWorker::new(&mut state);
            worker.take(&mut state, 1, 1);
            worker.wait(&mut state);
            let another = state.wake_another();
            assert_eq!(matches!(another, Another::New(NewWorker { batch, .. }) if batch.is_empty()), polls);
        }
    }

    /// I5, before a job has waited.
    #[test]
    fn busy_workers_are_within_the_limit() {
        let mut state = state(1, 2, 2);
        let [mut busy, mut other] = [(); 2].map(|()| TestWorker::new(&mut state));
        busy.take(&mut state, 2, 1);
        assert_eq!(state.input.ready(), 1);
        assert!(matches!(other.next(&mut state, 1), Next::Park));
        assert!(matches!(busy.next(&mut state, 1), Next::Run), "its job has ended");
    }

    /// I5, after a job has waited.
    #[test]
    fn items_in_flight_are_within_the_limit() {
        let mut state = state(4, 4, 2);
        let [mut several, mut waiting, mut other] = [(); 3].map(|()| TestWorker::new(&mut state));
        several.take(&mut state, 5, 3);
        assert!(matches!(waiting.next(&mut state, 1), Next::Run));
        waiting.wait(&mut state);
        assert_eq!((state.workers.busy(), state.workers.in_flight(), state.input.ready()), (2, 4, 1));
        assert!(matches!(other.next(&mut state, 1), Next::Park));
    }

    /// I5.
    #[test]
    fn items_behind_a_waiting_job_are_free_for_others() {
        let mut state = state(3, 3, 2);
        let [mut waiting, mut first, mut second] = [(); 3].map(|()| TestWorker::new(&mut state));
        waiting.take(&mut state, 3, 3);
        waiting.wait(&mut state);
        assert!(matches!(first.next(&mut state, 1), Next::Run));
        assert!(matches!(second.next(&mut state, 1), Next::Run));
        assert_eq!((state.workers.busy(), state.workers.in_flight()), (3, 3));
    }

    #[test]
    fn items_are_ready_for_both_once_there_is_another_worker() {
        let mut state = state(2, 2, 2);
        let mut worker = TestWorker::new(&mut state);
        worker.take(&mut state, 2, 2);
        let (next, another, woke) = state.settle(Next::Run, false, &mut worker.items);
        assert!(matches!((next, another, woke), (Next::Retry, Another::New(_), true)));
        assert_eq!((state.input.ready(), state.workers.busy(), state.workers.in_flight()), (2, 0, 0));
    }

    #[test]
    fn worker_that_leaves_makes_way_for_another() {
        let mut state = state(1, 0, 1);
        let mut worker = TestWorker::new(&mut state);
        assert!(matches!(state.wake_another(), Another::None), "one thread, one active worker");
        assert!(matches!(
            state.settle(Next::Leave, false, &mut worker.items),
            (Next::Leave, Another::None, false)
        ));
        assert!(matches!(state.wake_another(), Another::New(_)));
    }

    #[test]
    fn quiescent_source_has_not_ended_while_a_worker_is_busy() {
        let mut state = state(2, 2, 2);
        let [mut busy, mut other] = [(); 2].map(|()| TestWorker::new(&mut state));
        busy.take(&mut state, 1, 1);
        let lease = other.lease(&mut state, 1);
        assert!(matches!(other.polled(&mut state, lease, PollBatch::Quiescent, (0, 1)), Next::Park));
        assert!(state.workers.has_listener());
        let lease = busy.lease(&mut state, 1);
        assert!(matches!(busy.polled(&mut state, lease, PollBatch::Quiescent, (0, 1)), Next::Seal(_)));
    }

    /// The job may have made an item between the poll and its completion.
    #[test]
    fn quiescent_source_is_polled_again_after_a_completion() {
        let mut state = state(2, 2, 2);
        let [mut busy, mut other] = [(); 2].map(|()| TestWorker::new(&mut state));
        busy.take(&mut state, 1, 1);
        let lease = other.lease(&mut state, 1);
        assert!(matches!(busy.next(&mut state, 1), Next::Park));
        assert!(matches!(other.polled(&mut state, lease, PollBatch::Quiescent, (0, 1)), Next::Retry));
        let lease = other.lease(&mut state, 1);
        assert!(matches!(other.polled(&mut state, lease, PollBatch::Quiescent, (0, 1)), Next::Seal(_)));
    }

    #[test]
    fn quiescent_source_has_not_ended_with_its_last_items() {
        let mut state = state(1, 0, 1);
        let mut worker = TestWorker::new(&mut state);
        let lease = worker.lease(&mut state, 1);
        assert!(matches!(worker.polled(&mut state, lease, PollBatch::Quiescent, (1, 1)), Next::Run));
    }

    /// Another worker starts with the item.
    #[test]
    fn quiescent_source_has_not_ended_while_an_item_is_ready() {
        let mut state = state(1, 1, 2);
        let mut worker = TestWorker::new(&mut state);
        worker.take(&mut state, 1, 1);
        let item = worker.items.pop_front().expect("an item");
        let lease = worker.lease(&mut state, 1);
        state.keep_dropped(item);
        assert!(state.restore_dropped(0));
        assert!(matches!(worker.polled(&mut state, lease, PollBatch::Quiescent, (0, 1)), Next::Park));
        assert!(matches!(state.wake_another(), Another::New(NewWorker { batch, .. }) if batch.len() == 1));
    }

    #[test]
    fn rest_is_checked_past_a_listener_and_idle_workers() {
        let mut state = state(2, 2, 1);
        let [mut busy, mut listening, mut idle] = [(); 3].map(|()| TestWorker::new(&mut state));
        busy.take(&mut state, 1, 1);
        let lease = listening.lease(&mut state, 1);
        assert!(matches!(idle.next(&mut state, 1), Next::Park));
        assert!(matches!(listening.polled(&mut state, lease, PollBatch::Quiescent, (0, 1)), Next::Park));
        assert!(matches!(busy.next(&mut state, 1), Next::Poll(Lease { alone: true, .. })));
    }

    /// I2: the input has the source at the end, and idle workers leave.
    #[test]
    fn sealed_source_ends_the_input_and_stays_there() {
        let mut state = state(1, 0, 1);
        let [mut worker, mut idle] = [(); 2].map(|()| TestWorker::new(&mut state));
        let lease = worker.lease(&mut state, 1);
        assert!(matches!(idle.next(&mut state, 1), Next::Park));
        let Next::Seal(source) = worker.polled(&mut state, lease, PollBatch::Quiescent, (0, 1)) else {
            panic!("no worker is busy")
        };
        state.sealed(source, true);
        assert!(state.is_done());
        assert!(matches!(worker.next(&mut state, 1), Next::Leave));
        wake_all(&mut state);
        assert_eq!(idle.wakes.get(), 1);
        assert!(state.take_input().0.is_some());
    }

    #[test]
    fn source_with_items_at_the_seal_is_polled_again() {
        let mut state = state(1, 0, 1);
        let mut worker = TestWorker::new(&mut state);
        let lease = worker.lease(&mut state, 1);
        let Next::Seal(source) = worker.polled(&mut state, lease, PollBatch::Quiescent, (0, 1)) else {
            panic!("no worker is busy")
        };
        state.sealed(source, false);
        assert!(!state.is_done());
        worker.take(&mut state, 1, 1);
    }
}
