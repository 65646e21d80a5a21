//! What is left of a job that has come to its end: its future, which is dropped, and may panic in that.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::failure::Cause;

/// Runs a job, a future, and drops it before its result is there. Where that panics, the result is an error that says
/// so, and nothing is masked: an error of the job's is told before it.
///
/// For a [`Work`](crate::Work) that awaits a job, as a rule with `begun.end(result_of(job.call(item)).await)`: with a
/// plain `await` the panic takes the result with it. [`Taken::run`](crate::Taken::run) has it built in.
///
/// # Errors
///
/// The job's own, or [`RemainsPanicked`].
///
/// # Panics
///
/// As the job does, while it is polled.
///
/// # Cancel-safety
///
/// That of the job.
pub fn result_of<F, Out>(job: F) -> impl Future<Output = anyhow::Result<Out>>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    ResultOf { job: Some(job) }
}

pin_project! {
    /// An `async fn` would keep room for the job twice.
    struct ResultOf<F> {
        #[pin]
        job: Option<F>,
    }
}

impl<F, Out> Future for ResultOf<F>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    type Output = anyhow::Result<Out>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut job = self.project().job;
        let running = job.as_mut().as_pin_mut().expect("polled again after its end");
        let result = ready!(running.poll(cx));
        Poll::Ready(match catch_unwind(AssertUnwindSafe(|| job.set(None))) {
            Ok(()) => result,
            Err(payload) => Err(with_panic(result, payload)),
        })
    }
}

#[cold]
fn with_panic<Out>(result: anyhow::Result<Out>, payload: Box<dyn Any + Send>) -> anyhow::Error {
    let panicked = Cause::of_panic(payload);
    let (first, later) = match result {
        Err(error) => (Cause::of_error(error), Some(panicked)),
        Ok(output) => {
            let again = catch_unwind(AssertUnwindSafe(|| drop(output))).err();
            (panicked, again.map(Cause::of_panic))
        }
    };
    anyhow::Error::new(RemainsPanicked { first, later })
}

/// What [`result_of`] returns where the remains of a job have panicked.
#[derive(Debug)]
pub struct RemainsPanicked {
    /// What the job's error was, or else that panic.
    pub(crate) first: Cause,
    /// The panic if it was the second, or that of an output.
    pub(crate) later: Option<Cause>,
}

impl RemainsPanicked {
    /// Whether that is what an error says.
    #[must_use]
    pub fn is_in(error: &anyhow::Error) -> bool {
        error.is::<Self>()
    }
}

impl fmt::Display for RemainsPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)
    }
}

impl Error for RemainsPanicked {}
