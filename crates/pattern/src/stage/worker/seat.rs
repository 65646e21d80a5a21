//! A seat: the future in which a worker runs its jobs, until a job waits.
//!
//! A job may wait, so a job runs where it can stay: in a seat, which is pinned. Jobs that do not wait use the same seat
//! one after the other. If a job waits, the worker leaves the seat and takes another. From here on, the seat is the future
//! of the job alone. After the end of the job, the memory of the seat serves another worker.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::super::shared::StageShared;
use super::super::slot::{JobEnd, Seat, Slot};
use super::super::work::{Completed, Taken, Work};
use super::context::WorkerContext;
use super::lifecycle::{Step, Worker};
use super::tray::Tray;
use crate::failure::Cause;
use crate::util::panic::{catch, drop_caught};

/// A reference to the context, shared by the seats of a worker: all jobs of a stage would otherwise count their references
/// in the same place.
type Shared<In, Out, W> = Arc<Arc<WorkerContext<In, Out, W>>>;

/// The task of a worker. A runtime that shuts down drops the task between two polls.
pub(super) struct WorkerTask<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> {
    stage: Arc<StageShared<In, Out>>,
    /// Present until the worker leaves.
    context: Option<Shared<In, Out, W>>,
    tray: Arc<Tray<Box<Worker<In, Out>>>>,
    place: Place<In, Out>,
}

enum Place<In, Out> {
    /// The worker has no seat.
    Standing(Box<Worker<In, Out>>),
    Seated(OwnSeat<Out>),
    Left,
}

/// The seat of a worker.
struct OwnSeat<Out> {
    seat: Pin<Box<dyn Seat<Out>>>,
    slot: Arc<Slot<Out>>,
    /// The waker of a job that waits in this seat.
    waker: Waker,
}

impl<In, Out, W> WorkerTask<In, Out, W>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    pub(super) fn new(context: &Arc<WorkerContext<In, Out, W>>, worker: Worker<In, Out>) -> Self {
        Self {
            stage: Arc::clone(&context.shared),
            context: Some(Arc::new(Arc::clone(context))),
            tray: Arc::clone(&worker.tray),
            place: Place::Standing(Box::new(worker)),
        }
    }

    fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match std::mem::replace(&mut self.place, Place::Left) {
                Place::Standing(worker) => self.sit(worker, cx),
                Place::Seated(mut own) => {
                    // A seat with a worker is pending.
                    let _ = own.seat.as_mut().poll(&mut Context::from_waker(&own.waker));
                    let Some(worker) = self.tray.take() else {
                        self.place = Place::Seated(own);
                        return Poll::Pending;
                    };
                    self.stand(worker, own);
                }
                Place::Left => return Poll::Ready(()),
            }
        }
    }

    /// Gives the worker a seat.
    fn sit(&mut self, mut worker: Box<Worker<In, Out>>, cx: &Context<'_>) {
        let Some(context) = &self.context else { return };
        // Every waker of a task wakes the task, so the worker keeps the first waker.
        worker.task.get_or_insert_with(|| cx.waker().clone());
        let (slot, seat) = worker.next_place();
        let mut seat = seat.unwrap_or_else(|| new_seat(Arc::clone(context)));
        seat.as_mut().sit(worker);
        let waker = Waker::from(Arc::clone(&slot));
        self.place = Place::Seated(OwnSeat { seat, slot, waker });
    }

    /// Continues after the worker has left its seat.
    fn stand(&mut self, mut worker: Box<Worker<In, Out>>, own: OwnSeat<Out>) {
        if worker.step == Step::Wait
            && let Some(context) = &self.context
        {
            worker.leave_behind(own.slot, own.seat, context);
            self.place = Place::Standing(worker);
            return;
        }
        // The seat refers to the values captured by the work.
        if let Some(payload) = drop_caught(own) {
            self.stage.fail(Cause::from_panic(payload));
        }
        self.leave_context();
        drop(worker);
    }
}

impl<In, Out, W> Future for WorkerTask<In, Out, W>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_place(cx)
    }
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> WorkerTask<In, Out, W> {
    /// Drops the reference to the values captured by the work: a run that is over holds no such values, and the drop of the
    /// worker may end the run.
    fn leave_context(&mut self) {
        if let Some(payload) = drop_caught(self.context.take()) {
            self.stage.fail(Cause::from_panic(payload));
        }
    }
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Drop for WorkerTask<In, Out, W> {
    fn drop(&mut self) {
        let seat = std::mem::replace(&mut self.place, Place::Left);
        if let Place::Standing(worker) = seat {
            self.leave_context();
            return drop(worker);
        }
        if let Some(payload) = drop_caught(seat) {
            self.stage.fail(Cause::from_panic(payload));
        }
        self.leave_context();
        // The seat has returned the worker.
        drop(self.tray.take());
    }
}

pin_project! {
    #[project = SeatProjection]
    enum SeatState<C, F> {
        Free { context: Option<C> },
        Used { #[pin] future: F },
    }
}

pin_project! {
    /// A seat that a worker may use again.
    struct ReusedSeat<C, F, S> {
        #[pin]
        state: SeatState<C, F>,
        serve: S,
    }
}

impl<In, Out, W, F, S> Seat<Out> for ReusedSeat<Shared<In, Out, W>, F, S>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
    F: Future<Output = (JobEnd<Out>, Shared<In, Out, W>)> + Send,
    S: Fn(Shared<In, Out, W>, Box<Worker<In, Out>>) -> F + Send,
{
    fn sit(self: Pin<&mut Self>, worker: Box<dyn Any + Send>) {
        let mut this = self.project();
        if let SeatProjection::Free { context } = this.state.as_mut().project()
            && let (Some(context), Ok(worker)) = (context.take(), worker.downcast())
        {
            let future = (this.serve)(context, worker);
            this.state.set(SeatState::Used { future });
        }
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobEnd<Out>> {
        let mut state = self.project().state;
        let SeatProjection::Used { future } = state.as_mut().project() else {
            unreachable!("a free seat is not polled");
        };
        let (end, context) = ready!(future.poll(cx));
        state.set(SeatState::Free { context: Some(context) });
        Poll::Ready(end)
    }
}

/// Creates a free seat.
fn new_seat<In, Out, W>(context: Shared<In, Out, W>) -> Pin<Box<dyn Seat<Out>>>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    // A block and not an `async fn`, since an `async fn` reserves memory for its arguments twice.
    let serve = |context: Shared<In, Out, W>, worker| async move {
        let end =
            Serving::new(&context, worker, |context, taken| context.work.work(taken, &context.jobs)).await;
        (end, context)
    };
    Box::pin(ReusedSeat { state: SeatState::Free { context: Some(context) }, serve })
}

pin_project! {
    /// Serves with a worker until a job waits, and then polls the job alone.
    struct Serving<'a, In, Out, W, Fut, S>
    where
        In: Send,
        In: 'static,
        Out: Send,
        Out: 'static,
        W: Work<In, Out>,
    {
        #[pin]
        job: Option<Fut>,
        context: &'a Arc<WorkerContext<In, Out, W>>,
        worker: Option<Box<Worker<In, Out>>>,
        start: S,
    }

    impl<In, Out, W, Fut, S> PinnedDrop for Serving<'_, In, Out, W, Fut, S>
    where
        In: Send,
        In: 'static,
        Out: Send,
        Out: 'static,
        W: Work<In, Out>,
    {
        /// Returns the worker. The drop of the worker may end the run, so the task drops the worker after its references to
        /// the values captured by the work.
        fn drop(this: Pin<&mut Self>) {
            if let Some(worker) = this.project().worker.take() {
                return_worker(worker);
            }
        }
    }
}

fn return_worker<In, Out>(worker: Box<Worker<In, Out>>) {
    let tray = Arc::clone(&worker.tray);
    tray.put(worker);
}

impl<'a, In, Out, W, Fut, S> Serving<'a, In, Out, W, Fut, S>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
    S: Fn(&'a WorkerContext<In, Out, W>, Taken<In, Out>) -> Fut,
{
    fn new(context: &'a Arc<WorkerContext<In, Out, W>>, worker: Box<Worker<In, Out>>, start: S) -> Self {
        Self { job: None, context, worker: Some(worker), start }
    }
}

impl<'a, In, Out, W, Fut, S> Future for Serving<'a, In, Out, W, Fut, S>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
    Fut: Future<Output = Completed<In, Out>>,
    S: Fn(&'a WorkerContext<In, Out, W>, Taken<In, Out>) -> Fut,
{
    type Output = JobEnd<Out>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobEnd<Out>> {
        let this = self.project();
        let Some(worker) = this.worker else { return poll_job(cx, this.job) };
        let context: &'a Arc<_> = this.context;
        let start = |taken| (this.start)(context, taken);
        if worker.serve(cx, context, this.job, start).is_ready()
            && let Some(worker) = this.worker.take()
        {
            return_worker(worker);
        }
        Poll::Pending
    }
}

/// Polls a job without a worker. The future of the job is dropped with the end of the job.
fn poll_job<In, Out, Fut>(cx: &mut Context<'_>, mut job: Pin<&mut Option<Fut>>) -> Poll<JobEnd<Out>>
where
    Fut: Future<Output = Completed<In, Out>>,
{
    let mut result = None;
    let polled = catch(|| {
        let running = job.as_mut().as_pin_mut().expect("not polled after the end");
        let completed = ready!(running.poll(cx));
        completed.ticket.into_inner();
        result = Some(completed.result);
        job.set(None);
        Poll::Ready(())
    });
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(())) => Poll::Ready(JobEnd { result, panicked: None, again: None }),
        // The rest of the job is dropped separately, since the drop may panic, too.
        Err(payload) => {
            let again = catch(|| job.set(None)).err();
            Poll::Ready(JobEnd { result, panicked: Some(payload), again })
        }
    }
}
