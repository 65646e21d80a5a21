//! The handle of a task with a value.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::shared::Shared;
use super::task::{Ended, record_untaken};
use crate::failure::{Cancelled, Cause, Failure};
use crate::util::panic::drop_quietly;

/// The handle of a task with a value. Created by [`Scope::spawn_value`](crate::Scope::spawn_value).
///
/// The handle is a future of the value of the task, or of the failure. Dropping the handle does not cancel the task. If
/// the task fails and the handle has not returned the failure, [`Scope::wait`](crate::Scope::wait) returns the failure.
///
/// # Cancel safety
///
/// A `&mut TaskHandle` is cancel safe: a dropped wait loses neither the value nor the failure.
///
/// # Panics
///
/// A poll after completion panics.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
/// use towpath_pattern::Scope;
///
/// let page = Scope::new("page");
/// let mut user = page.spawn_value("user", async { Ok("Ada") });
/// let posts = page.spawn_value("posts", async { anyhow::bail!("no connection") });
///
/// // A timeout of this wait would not stop the task, and the handle could be awaited again.
/// let user = tokio::time::timeout(Duration::from_secs(5), &mut user).await?;
/// assert_eq!(user?, "Ada");
///
/// // The handle returns the failure, and the scope does not return the failure again.
/// let posts: Result<Vec<u64>, _> = posts.await;
/// assert_eq!(posts.expect_err("a failure").stage(), "posts");
/// page.wait().await?;
/// # Ok(()) }
/// ```
#[must_use = "a dropped handle leaves the failure to the scope; `Scope::spawn` spawns a task without a value"]
pub struct TaskHandle<T> {
    result: oneshot::Receiver<Ended<T>>,
    name: Arc<str>,
    /// No owner of the scope. A failure that the handle does not take moves to the parent after the handle is gone.
    scope: Arc<Shared>,
}

impl<T> TaskHandle<T> {
    pub(super) fn new(result: oneshot::Receiver<Ended<T>>, name: Arc<str>, scope: Arc<Shared>) -> Self {
        Self { result, name, scope }
    }

    /// Returns the failure that the scope keeps. If the scope has returned the failure already, the failure of the task is
    /// the cancellation of the scope.
    fn take_kept(&self, number: usize) -> Failure {
        self.scope.take_for_handle(number).unwrap_or_else(|| {
            let by = self.scope.cancelled_by_now().unwrap_or(Cancelled::Scope);
            self.cancelled(by)
        })
    }

    fn cancelled(&self, by: Cancelled) -> Failure {
        Failure::new(None, &self.name, Cause::Cancelled(by)).with_deadline_of(self.scope.deadline_of())
    }
}

impl<T> Future for TaskHandle<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.result).poll(cx)) {
            Ok(Ended::Value(value)) => Ok(value),
            Ok(Ended::Failed(failure) | Ended::Counted(failure)) => Err(failure),
            Ok(Ended::Kept(number)) => Err(self.take_kept(number)),
            // The drop of a task sends a message in any case.
            Err(_) => Err(self.cancelled(Cancelled::Runtime)),
        })
    }
}

impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        // Closed first: the task sends the message before, or has it back and records the failure.
        self.result.close();
        match self.result.try_recv() {
            Ok(Ended::Failed(failure)) => record_untaken(&self.scope, failure),
            Ok(Ended::Counted(failure)) => drop_quietly(failure),
            Ok(Ended::Value(_) | Ended::Kept(_)) | Err(_) => {}
        }
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("task", &self.name).finish_non_exhaustive()
    }
}
