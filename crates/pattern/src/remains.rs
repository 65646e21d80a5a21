//! What is left of a job that has come to its end: its future, which is dropped, and may panic in that.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::failure::Cause;

/// Runs a job, a future, and drops it before its result is there, so that a panic in that masks nothing: an error of the
/// job's is returned all the same, and `tell` gets the panic. With an output, the panic is the job's own.
///
/// For a [`Work`](crate::Work) that awaits a job and has something to do after it, with
/// [`Begun::tell`](crate::Begun::tell): with a plain `await` the panic takes the error with it, or, behind another one,
/// ends the process. [`Taken::run`](crate::Taken::run) has it built in.
///
/// # Errors
///
/// The job's.
///
/// # Panics
///
/// As the job does, while it is polled, or where it ends with an output and panics in its drop.
///
/// # Cancel-safety
///
/// That of the job.
pub fn result_of<F, Out>(job: F, tell: impl Fn(Cause)) -> impl Future<Output = anyhow::Result<Out>>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    ResultOf { job: Some(job), tell }
}

pin_project! {
    /// An `async fn` would keep room for the job twice.
    struct ResultOf<F, Tell> {
        #[pin]
        job: Option<F>,
        tell: Tell,
    }
}

impl<F, Out, Tell> Future for ResultOf<F, Tell>
where
    F: Future<Output = anyhow::Result<Out>>,
    Tell: Fn(Cause),
{
    type Output = anyhow::Result<Out>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        poll_apart(this.job, cx, &*this.tell).unwrap_or_else(|payload| resume_unwind(payload))
    }
}

/// Polls a job, and drops it where it ends or panics. The panic is the job's own if it is returned.
#[inline]
pub(crate) fn poll_apart<F, Out>(
    mut job: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
    tell: impl Fn(Cause),
) -> Result<Poll<anyhow::Result<Out>>, Payload>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    let mut ended = None;
    // Once for both, and not once each: a job may be nothing.
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let running = job.as_mut().as_pin_mut().expect("polled again after its end");
        ended = Some(ready!(running.poll(cx)));
        job.set(None);
        Poll::Ready(())
    }));
    match (polled, ended) {
        (Ok(_), Some(result)) => Ok(Poll::Ready(result)),
        (Ok(_), None) => Ok(Poll::Pending),
        (Err(payload), ended) => panicked(job, ended, payload, tell),
    }
}

type Payload = Box<dyn Any + Send>;

#[cold]
fn panicked<F, Out>(
    mut job: Pin<&mut Option<F>>,
    ended: Option<anyhow::Result<Out>>,
    payload: Payload,
    tell: impl Fn(Cause),
) -> Result<Poll<anyhow::Result<Out>>, Payload> {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| job.set(None))) {
        tell(Cause::of_panic(again));
    }
    match ended {
        Some(Err(error)) => {
            tell(Cause::of_panic(payload));
            Ok(Poll::Ready(Err(error)))
        }
        Some(Ok(output)) => {
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(output))) {
                tell(Cause::of_panic(again));
            }
            Err(payload)
        }
        None => Err(payload),
    }
}
