//! A job with a held value, without a further await.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Runs `job` while the future holds `held`. The pattern drops both: after an await in an `async` block, the block would
/// drop the job.
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
