//! Further attempts after an error.

mod attempts;
mod policy;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use backon::BackoffBuilder;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use towpath_pattern::internal::panic::catch;
use towpath_pattern::{Cause, Job, Scope};

use crate::budget::RetryBudget;
pub use attempts::{Attempts, RetryStop};
use policy::{Policy, Retrying};

/// A job with further attempts after an error. Created by [`JobExt::retry`](crate::JobExt::retry).
#[derive(Clone)]
#[must_use = "a job does nothing until a run calls the job"]
pub struct Retry<J> {
    job: J,
    policy: Policy,
}

impl<J> Retry<J> {
    pub(crate) fn new<P>(job: J, policy: P) -> Self
    where
        P: BackoffBuilder<Backoff: 'static> + Clone + 'static,
    {
        Self { job, policy: Policy::new(policy) }
    }

    /// Retries only the errors for which `retryable` returns `true`; by default, all errors.
    ///
    /// The function gets the error with all contexts: [`anyhow::Error::downcast_ref`] and [`anyhow::Error::chain`] find
    /// the error of a library. A panic is never retried, and the function is not called. The same holds for an error
    /// with the cancellation of an inner run, except for a cancellation by a deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::io;
    ///
    /// use towpath_fanout::{Job, anyhow};
    /// use towpath_job::JobExt;
    /// use towpath_job::backon::ExponentialBuilder;
    ///
    /// let open = |_: u64| async { anyhow::Result::<()>::Err(io::Error::from(io::ErrorKind::NotFound).into()) };
    /// let transient = [io::ErrorKind::TimedOut, io::ErrorKind::ConnectionReset];
    /// let open = open
    ///     .retry(ExponentialBuilder::default())
    ///     .when(move |error| error.downcast_ref::<io::Error>().is_some_and(|e| transient.contains(&e.kind())));
    /// let error = open.call(7).await.expect_err("no such page");
    /// assert!(error.is::<io::Error>(), "one attempt");
    /// # }
    /// ```
    pub fn when(mut self, retryable: impl Fn(&anyhow::Error) -> bool + Send + Sync + 'static) -> Self {
        self.policy.set_when(retryable);
        self
    }

    /// Takes the delay from the error, for example from the header `Retry-After` of a response.
    ///
    /// If `delay` returns `None`, the policy decides on the delay. Otherwise the returned delay replaces the delay of
    /// the policy. The jitter, up to the delay of the policy, is added: a server sends the same delay to all clients.
    /// The policy always decides on the number of attempts.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{error::Error, fmt, time::Duration};
    ///
    /// use towpath_fanout::anyhow;
    /// use towpath_job::JobExt;
    /// use towpath_job::backon::ExponentialBuilder;
    ///
    /// #[derive(Debug)]
    /// struct TooManyRequests {
    ///     retry_after: Duration,
    /// }
    /// # impl fmt::Display for TooManyRequests {
    /// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("too many requests") }
    /// # }
    /// # impl Error for TooManyRequests {}
    ///
    /// let get = |url: String| async move { anyhow::Ok(url.len()) };
    /// let get = get
    ///     .retry(ExponentialBuilder::default())
    ///     .retry_after(|error| Some(error.downcast_ref::<TooManyRequests>()?.retry_after))
    ///     .total_time(Duration::from_secs(60));
    /// # fn is_job<In, J: towpath_fanout::Job<In>>(_: J) {}
    /// # is_job(get);
    /// ```
    pub fn retry_after(
        mut self,
        delay: impl Fn(&anyhow::Error) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.policy.set_retry_after(delay);
        self
    }

    /// Calls `notify` before every wait, with the error of the attempt and the delay, for example to write a log.
    ///
    /// Without this call, an error before a successful attempt is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_fanout::anyhow;
    /// use towpath_job::JobExt;
    /// use towpath_job::backon::ExponentialBuilder;
    ///
    /// let get = |url: String| async move { anyhow::Ok(url.len()) };
    /// let get = get
    ///     .retry(ExponentialBuilder::default())
    ///     .notify(|error, delay| eprintln!("again in {delay:?}: {error:#}"));
    /// # fn is_job<In, J: towpath_fanout::Job<In>>(_: J) {}
    /// # is_job(get);
    /// ```
    pub fn notify(mut self, notify: impl Fn(&anyhow::Error, Duration) + Send + Sync + 'static) -> Self {
        self.policy.set_notify(notify);
        self
    }

    /// Takes every retry from a budget, which other jobs may share; without a budget, only the policy limits the retries.
    ///
    /// If the budget is empty, the job fails with the error of the last attempt, and with [`RetryStop::Budget`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_fanout::{Job, anyhow};
    /// use towpath_job::backon::ExponentialBuilder;
    /// use towpath_job::{JobExt, RetryBudget};
    ///
    /// let budget = RetryBudget::new(0.1).with_reserve(0);
    /// # fn as_job<J: Job<u64, Out = ()>>(job: J) -> J { job }
    /// let get = as_job(|_: u64| async { anyhow::bail!("no route") });
    /// let error = get.retry(ExponentialBuilder::default()).budget(&budget).call(7).await.unwrap_err();
    /// assert_eq!(format!("{error:#}"), "after 1 attempt, with no retry left in the budget: no route");
    /// # }
    /// ```
    pub fn budget(mut self, budget: &RetryBudget) -> Self {
        self.policy.set_budget(budget);
        self
    }

    /// Starts no attempt later than `total` after the start of the first attempt.
    ///
    /// The time includes the attempts and the waits. If the next wait would end later, the job fails immediately, with the
    /// error of the last attempt and [`RetryStop::TotalTime`]. A running attempt is not cut:
    /// [`timeout`](crate::JobExt::timeout) on the outside cuts the last attempt, too.
    ///
    /// `with_total_delay` of a policy of backon counts the waits alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use towpath_fanout::anyhow;
    /// use towpath_job::JobExt;
    /// use towpath_job::backon::ExponentialBuilder;
    ///
    /// let get = |url: String| async move { anyhow::Ok(url.len()) };
    /// let get = get
    ///     .timeout(Duration::from_secs(5))
    ///     .retry(ExponentialBuilder::default().without_max_times())
    ///     .total_time(Duration::from_secs(30));
    /// # fn is_job<In, J: towpath_fanout::Job<In>>(_: J) {}
    /// # is_job(get);
    /// ```
    pub fn total_time(mut self, total: Duration) -> Self {
        self.policy.set_total_time(total);
        self
    }

    /// Waits exactly for the delay of the policy or of the error.
    ///
    /// By default, the wait is longer by a random share of the delay of the policy: jobs that fail at the same time do
    /// not retry at the same time. Use this method for tests, and for a policy with a jitter of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use towpath_fanout::anyhow;
    /// use towpath_job::JobExt;
    /// use towpath_job::backon::ExponentialBuilder;
    ///
    /// let get = |url: String| async move { anyhow::Ok(url.len()) };
    /// let get = get.retry(ExponentialBuilder::default().with_jitter()).without_jitter();
    /// # fn is_job<In, J: towpath_fanout::Job<In>>(_: J) {}
    /// # is_job(get);
    /// ```
    pub fn without_jitter(mut self) -> Self {
        self.policy.set_exact();
        self
    }

    fn start<In: Clone, F, S: Fn(In) -> F>(&self, item: In, start: S) -> Attempting<'_, In, F, S> {
        Attempting {
            attempt: Some(start(item.clone())),
            item,
            start,
            started: self.policy.start_time(),
            retrying: None,
            policy: &self.policy,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<In, J> Job<In> for Retry<J>
where
    In: Clone + Send,
    J: Job<In>,
{
    type Out = J::Out;

    fn call(&self, item: In) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.start(item, |item| self.job.call(item))
    }

    fn call_in(&self, item: In, scope: &Scope) -> impl Future<Output = anyhow::Result<J::Out>> + Send {
        self.start(item, |item| self.job.call_in(item, scope))
    }
}

pin_project! {
    /// The last attempt is dropped with this future: a panic of the drop then masks neither the error nor the output.
    struct Attempting<'a, In, F, S> {
        // Empty during a wait: a waiting job holds no connection of a failed attempt.
        #[pin]
        attempt: Option<F>,
        item: In,
        start: S,
        // Only for a policy with a total time.
        started: Option<Instant>,
        // Allocated after the first error.
        retrying: Option<Box<Retrying>>,
        policy: &'a Policy,
    }
}

impl<In, F, S, Out> Future for Attempting<'_, In, F, S>
where
    In: Clone,
    F: Future<Output = anyhow::Result<Out>>,
    S: Fn(In) -> F,
{
    type Output = anyhow::Result<Out>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Some(attempt) = this.attempt.as_mut().as_pin_mut() {
                let error = match ready!(attempt.poll(cx)) {
                    Ok(output) => {
                        this.policy.succeeded();
                        return Poll::Ready(Ok(output));
                    }
                    Err(error) => error,
                };
                let retrying = this.retrying.get_or_insert_with(|| Box::new(this.policy.first_error()));
                if let Err(stop) = retrying.schedule(this.policy, &error, *this.started) {
                    return Poll::Ready(Err(retrying.attempts(stop).add_to(error)));
                }
                if let Err(payload) = catch(|| this.attempt.set(None)) {
                    let stop = RetryStop::Panicked(Cause::from_panic(payload).to_string());
                    return Poll::Ready(Err(retrying.attempts(stop).add_to(error)));
                }
            }
            if let Some(retrying) = this.retrying.as_mut() {
                ready!(retrying.poll_wait(cx));
            }
            this.attempt.set(Some((this.start)(this.item.clone())));
        }
    }
}
