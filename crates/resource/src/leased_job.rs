//! The work on an item: check a resource out, run the job, and end the lease of the resource.
//!
//! The future is written by hand. An `async` block would keep the memory of the item, of the scope and of the check-out
//! while the job waits, and would move the job once more.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use towpath_pattern::internal::panic::poll_then_drop;
use towpath_pattern::{Cause, Completed, Running, Taken};

use crate::lease::Lease;
use crate::pool::{CheckedOut, Pool};
use crate::resource::Resource;
use crate::shard::{PlaceIndex, Shard};

/// The item after the check-out, or after the attempt.
type CheckedOutItem<'a, S, In, Out> = (anyhow::Result<CheckedOut<'a, S>>, Taken<In, Out>);

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pin_project! {
    /// The work on an item. The steps that a job with an idle resource and without a scope does not take are boxed, so
    /// that the job does not pay for their size.
    #[project = LeasedJobProjection]
    pub(crate) enum LeasedJob<'a, R: Resource, In, Out, F, Start> {
        CheckOut {
            checking_out: BoxFuture<'a, CheckedOutItem<'a, R::State, In, Out>>,
            pool: &'a Arc<Pool<R>>,
            start: Start,
        },
        Job {
            #[pin]
            job: Option<F>,
            // The lease ends before the item: a panic of the job is then the outcome of both. `None` after the end of the job.
            held: Option<(Lease<'a, R>, Running<In, Out>)>,
        },
        End { ending: BoxFuture<'a, Completed<In, Out>> },
    }
}

impl<'a, R, In, Out, F, Start> LeasedJob<'a, R, In, Out, F, Start>
where
    R: Resource,
    In: Send + 'static,
    Out: Send + 'static,
    Start: Fn(&Arc<Shard<R::State>>, PlaceIndex, R::State, In) -> F,
{
    /// Starts the work. `start` calls the job with the guard of a resource.
    #[inline]
    pub(crate) fn new(pool: &'a Arc<Pool<R>>, taken: Taken<In, Out>, start: Start) -> Self {
        if let Some(idle) = pool.check_out_idle() {
            return Self::start(pool, idle, taken, &start);
        }
        let checking_out = Box::pin(taken.wait_for(pool.check_out()));
        Self::CheckOut { checking_out, pool, start }
    }

    #[inline]
    fn start(
        pool: &'a Arc<Pool<R>>,
        checked_out: CheckedOut<'a, R::State>,
        taken: Taken<In, Out>,
        start: &Start,
    ) -> Self {
        let CheckedOut { shard, place, state } = checked_out;
        let (item, running) = taken.start();
        let lease = Lease::new(pool, shard, place);
        let job = start(shard, place, state, item);
        Self::Job { job: Some(job), held: Some((lease, running)) }
    }
}

impl<'a, R, In, Out, F, Start> Future for LeasedJob<'a, R, In, Out, F, Start>
where
    R: Resource,
    In: Send + 'static,
    Out: Send + 'static,
    F: Future<Output = anyhow::Result<Out>>,
    Start: Fn(&Arc<Shard<R::State>>, PlaceIndex, R::State, In) -> F,
{
    type Output = Completed<In, Out>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project() {
                LeasedJobProjection::Job { job, held } => {
                    let result = match poll_then_drop(job, cx, |payload| {
                        if let Some((_, running)) = &held {
                            running.report(Cause::from_panic(payload));
                        }
                    }) {
                        Ok(polled) => ready!(polled),
                        Err(payload) => {
                            let _dropped_during_the_panic = held.take();
                            resume_unwind(payload)
                        }
                    };
                    let (mut lease, running) = held.take().expect("not polled after completion");
                    if result.is_ok() && lease.reuse_after_success() {
                        return Poll::Ready(running.complete(result));
                    }
                    let Some(scope) = lease.complete_without_scope(&result) else {
                        return Poll::Ready(running.complete(result));
                    };
                    let ending =
                        Box::pin(async move { running.complete(lease.complete_after(scope, result).await) });
                    self.set(Self::End { ending });
                }
                LeasedJobProjection::CheckOut { checking_out, pool, start } => {
                    let (checked_out, taken) = ready!(checking_out.as_mut().poll(cx));
                    let next = match checked_out {
                        Ok(checked_out) => Self::start(pool, checked_out, taken, start),
                        Err(error) => return Poll::Ready(taken.start().1.complete(Err(error))),
                    };
                    self.set(next);
                }
                LeasedJobProjection::End { ending } => return ending.as_mut().poll(cx),
            }
        }
    }
}
