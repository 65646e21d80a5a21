//! The time limit of a job.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::error::Elapsed;
use towpath_pattern::{Job, Scope, TimedOut};

/// A job with a time limit. Created by [`JobExt::timeout`](crate::JobExt::timeout).
#[derive(Clone, Debug)]
#[must_use = "a job does nothing until a run calls the job"]
pub struct Timeout<J> {
    job: J,
    limit: Limit,
}

#[derive(Clone, Debug)]
struct Limit {
    after: Duration,
    name: Option<Arc<str>>,
}

impl<J> Timeout<J> {
    pub(crate) fn new(job: J, after: Duration) -> Self {
        Self { job, limit: Limit { after, name: None } }
    }

    /// Names the limit: the failure has the name. The name distinguishes several limits of one job.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::{future::pending, time::Duration};
    ///
    /// use towpath_fanout::{Fanout, PatternExt, anyhow};
    /// use towpath_job::JobExt;
    ///
    /// let ask = |_: u64| pending::<anyhow::Result<()>>();
    /// let ask = ask.timeout(Duration::from_millis(5)).named("answer");
    /// let failure = Fanout::new(1, ask).run([7]).collect().await.expect_err("no answer comes");
    /// assert_eq!(
    ///     format!("{failure:#}"),
    ///     "item 0 at stage `fanout` timed out: the limit `answer`: no result within 5ms"
    /// );
    /// # }
    /// ```
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.limit.name = Some(name.into());
        self
    }
}

impl Limit {
    fn passed(&self) -> anyhow::Error {
        let error = anyhow::Error::from(TimedOut { after: self.after });
        match &self.name {
            Some(name) => error.context(format!("the limit `{name}`")),
            None => error,
        }
    }

    fn start<F: Future>(&self, job: F) -> Limited<'_, F> {
        Limited { job: tokio::time::timeout(self.after, job), limit: self }
    }
}

// A compile error about a closure that is no job does not suggest this wrapper, because such a closure is seldom meant
// to be a wrapper.
#[diagnostic::do_not_recommend]
impl<In, J: Job<In>> Job<In> for Timeout<J> {
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.limit.start(self.job.call(item))
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.limit.start(self.job.call_in(item, scope))
    }
}

pin_project! {
    /// The job is dropped with this future, and not at the end of the time: a panic of the drop then masks no timeout.
    struct Limited<'a, F> {
        // Polls the job first: a result at the last moment counts. Looks at the time even if the job has used up the
        // cooperative budget of the task.
        #[pin]
        job: tokio::time::Timeout<F>,
        limit: &'a Limit,
    }
}

impl<F, Out> Future for Limited<'_, F>
where
    F: Future<Output = anyhow::Result<Out>>,
{
    type Output = anyhow::Result<Out>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.job.poll(cx).map(|result| result.unwrap_or_else(|_: Elapsed| Err(this.limit.passed())))
    }
}
