//! A job and a held value in a single future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Returns a future that runs `job` and holds `held` until the drop of the future.
///
/// Not for jobs outside of tests: an `async` block with a variable is enough. After an await, such a block drops the
/// completed job itself. A test of the order of drops needs the pattern to drop `job` and `held`.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use tokio::sync::Semaphore;
/// use towpath_testkit::while_holding;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let semaphore = Arc::new(Semaphore::new(1));
/// let permit = Arc::clone(&semaphore).try_acquire_owned().unwrap();
///
/// let mut job = Box::pin(while_holding(permit, async { 7 }));
/// assert_eq!(job.as_mut().await, 7);
/// assert_eq!(semaphore.available_permits(), 0);
///
/// drop(job);
/// assert_eq!(semaphore.available_permits(), 1);
/// # }
/// ```
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
