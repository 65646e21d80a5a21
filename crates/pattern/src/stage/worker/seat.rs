//! A seat: the future in which a worker runs its jobs, until a job waits.
//!
//! A job may wait, so a job runs where it can stay: in a seat, which is pinned. Jobs that do not wait use the same seat
//! one after the other. If a job waits, the worker leaves the seat and takes another. From here on, the seat is the future
//! of the job alone.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::super::shared::StageShared;
use super::super::slot::{JobEnd, JobFuture};
use super::super::work::{Completed, Work};
use super::context::WorkerContext;
use super::desk::Desk;
use super::lifecycle::{Step, Worker};
use crate::failure::Cause;
use crate::util::panic::{catch, drop_caught};

/// The task of a worker. A runtime that shuts down drops the task between two polls.
pub(super) struct WorkerTask<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> {
    shared: Arc<StageShared<In, Out>>,
    /// Present until the worker leaves.
    desk: Option<Arc<Desk<In, Out, W>>>,
    place: Place<In, Out>,
}

enum Place<In, Out> {
    /// The worker has no seat.
    Standing(Box<Worker<In, Out>>),
    Seated(Seat<Out>),
    Left,
}

/// A seat with a worker.
struct Seat<Out> {
    future: JobFuture<Out>,
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
            shared: Arc::clone(&context.shared),
            desk: Some(Arc::new(Desk::new(Arc::clone(context)))),
            place: Place::Standing(Box::new(worker)),
        }
    }

    fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(desk) = &self.desk else { return Poll::Ready(()) };
            match std::mem::replace(&mut self.place, Place::Left) {
                Place::Standing(mut worker) => {
                    // Every waker of a task wakes the task, so the worker keeps the first waker.
                    worker.task.get_or_insert_with(|| cx.waker().clone());
                    let waker = Waker::from(worker.next_slot());
                    self.place = Place::Seated(Seat { future: seat(Arc::clone(desk), worker), waker });
                }
                Place::Seated(mut seat) => {
                    // A seat with a worker is pending.
                    let _ = seat.future.as_mut().poll(&mut Context::from_waker(&seat.waker));
                    let Some(mut worker) = desk.take() else {
                        self.place = Place::Seated(seat);
                        return Poll::Pending;
                    };
                    match worker.step {
                        Step::Wait => {
                            worker.leave_behind(seat.future, &desk.context);
                            self.place = Place::Standing(worker);
                        }
                        Step::Leave => {
                            drop(seat);
                            self.leave_desk();
                            drop(worker);
                        }
                    }
                }
                Place::Left => return Poll::Ready(()),
            }
        }
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
    fn leave_desk(&mut self) {
        if let Some(payload) = drop_caught(self.desk.take()) {
            self.shared.fail(Cause::from_panic(payload));
        }
    }
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Drop for WorkerTask<In, Out, W> {
    fn drop(&mut self) {
        self.leave_desk();
    }
}

/// Creates a seat for a worker.
fn seat<In, Out, W>(desk: Arc<Desk<In, Out, W>>, worker: Box<Worker<In, Out>>) -> JobFuture<Out>
where
    In: Send + 'static,
    Out: Send + 'static,
    W: Work<In, Out>,
{
    // A block and not an `async fn`, since an `async fn` reserves memory for its arguments twice.
    let mut seated = Seated { desk: Some(desk), worker: Some(worker) };
    Box::pin(async move {
        let Seated { desk, worker } = &mut seated;
        let context = &desk.as_ref().expect("there until dropped").context;
        let mut job = pin!(None);
        poll_fn(|cx| {
            let Some(mut seated) = worker.take() else { return poll_job(cx, job.as_mut()) };
            let start = |taken| context.work.work(taken, &context.jobs);
            if seated.serve(cx, context, job.as_mut(), start).is_pending() {
                *worker = Some(seated);
            } else {
                desk.as_ref().expect("there until dropped").put(seated);
            }
            Poll::Pending
        })
        .await
    })
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

/// The values of a seat. A runtime that shuts down drops a seat with its worker.
struct Seated<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> {
    desk: Option<Arc<Desk<In, Out, W>>>,
    worker: Option<Box<Worker<In, Out>>>,
}

impl<In: Send + 'static, Out: Send + 'static, W: Work<In, Out>> Drop for Seated<In, Out, W> {
    /// Drops the values captured by the work before the worker, as the task does.
    fn drop(&mut self) {
        let desk = self.desk.take();
        // Without a worker, this is the drop of a job, which has a catch of its own.
        let Some(worker) = &self.worker else { return drop(desk) };
        if let Some(payload) = drop_caught(desk) {
            worker.shared.fail(Cause::from_panic(payload));
        }
    }
}
