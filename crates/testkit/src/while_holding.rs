//! A job that holds something, without an await of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Runs `job` while it holds `held`, and leaves it to the pattern to drop both: awaited by an `async` block, the job
/// would be dropped there.
pub fn while_holding<F: Future, T>(held: T, job: F) -> impl Future<Output = F::Output> {
    WhileHolding { job, _held: held }
}

pin_project! {
    struct WhileHolding<F, T> {
        #[pin]
        job: F,
        _held: T,
    }
}

impl<F: Future, T> Future for WhileHolding<F, T> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().job.poll(cx)
    }
}
