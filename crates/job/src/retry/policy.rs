//! The decision for or against a further attempt, and the wait for the attempt.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use backon::BackoffBuilder;
use tokio::time::{Instant, Sleep, sleep};
use towpath_pattern::{Cancelled, Cause, Failure, Panic};

use super::attempts::{Attempts, RetryStop};
use crate::budget::RetryBudget;

type Delays = Box<dyn Iterator<Item = Duration> + Send>;
type Notify = Arc<dyn Fn(&anyhow::Error, Duration) + Send + Sync>;
/// A function of the user on the error of an attempt.
type OnError<R> = Arc<dyn Fn(&anyhow::Error) -> R + Send + Sync>;

#[derive(Clone)]
pub(super) struct Policy {
    delays: Arc<dyn Fn() -> Delays + Send + Sync>,
    when: Option<OnError<bool>>,
    retry_after: Option<OnError<Option<Duration>>>,
    notify: Option<Notify>,
    budget: Option<RetryBudget>,
    total: Option<Duration>,
    is_exact: bool,
}

impl Policy {
    pub(super) fn new<P>(policy: P) -> Self
    where
        P: BackoffBuilder<Backoff: 'static> + Clone + 'static,
    {
        Self {
            delays: Arc::new(move || Box::new(policy.clone().build())),
            when: None,
            retry_after: None,
            notify: None,
            budget: None,
            total: None,
            is_exact: false,
        }
    }

    pub(super) fn set_when(&mut self, when: impl Fn(&anyhow::Error) -> bool + Send + Sync + 'static) {
        self.when = Some(Arc::new(when));
    }

    pub(super) fn set_retry_after(
        &mut self,
        delay: impl Fn(&anyhow::Error) -> Option<Duration> + Send + Sync + 'static,
    ) {
        self.retry_after = Some(Arc::new(delay));
    }

    pub(super) fn set_notify(&mut self, notify: impl Fn(&anyhow::Error, Duration) + Send + Sync + 'static) {
        self.notify = Some(Arc::new(notify));
    }

    pub(super) fn set_budget(&mut self, budget: &RetryBudget) {
        self.budget = Some(budget.clone());
    }

    pub(super) fn set_total_time(&mut self, total: Duration) {
        self.total = Some(total);
    }

    pub(super) fn set_exact(&mut self) {
        self.is_exact = true;
    }

    /// Returns the time of the start of the first attempt, if the policy needs the time.
    pub(super) fn start_time(&self) -> Option<Instant> {
        self.total.map(|_| Instant::now())
    }

    pub(super) fn succeeded(&self) {
        self.budget.iter().for_each(RetryBudget::deposit);
    }

    pub(super) fn first_error(&self) -> Retrying {
        Retrying { delays: (self.delays)(), attempts: 0, wait: Wait::Over }
    }

    fn is_retryable(&self, error: &anyhow::Error) -> bool {
        !Panic::is_in(error) && !is_cancelled(error) && self.when.as_ref().is_none_or(|when| when(error))
    }

    /// Returns the delay before the next attempt.
    fn delay(&self, policy: Duration, error: &anyhow::Error) -> Duration {
        let asked = self.retry_after.as_ref().and_then(|delay| delay(error));
        let jitter = if self.is_exact { Duration::ZERO } else { policy.mul_f64(fastrand::f64()) };
        asked.unwrap_or(policy).saturating_add(jitter)
    }

    fn is_too_late(&self, delay: Duration, started: Option<Instant>) -> bool {
        let (Some(total), Some(started)) = (self.total, started) else { return false };
        started.elapsed().saturating_add(delay) > total
    }
}

/// Returns whether an inner run was stopped from outside, and not by a deadline: a retry would meet the same stop.
fn is_cancelled(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|link| link.downcast_ref::<Failure>())
        .any(|failure| matches!(failure.cause(), Cause::Cancelled(by) if *by != Cancelled::Deadline))
}

/// The state of a job after its first error.
pub(super) struct Retrying {
    delays: Delays,
    /// The attempts that have failed.
    attempts: u32,
    wait: Wait,
}

enum Wait {
    Over,
    /// A wait without a delay yields once: a stop of the run takes effect between any two attempts.
    Yield,
    Sleep(Pin<Box<Sleep>>),
}

impl Retrying {
    /// Counts a failed attempt, and starts the wait for the next attempt. Returns the reason if no attempt follows.
    pub(super) fn schedule(
        &mut self,
        policy: &Policy,
        error: &anyhow::Error,
        started: Option<Instant>,
    ) -> Result<(), RetryStop> {
        self.attempts = self.attempts.saturating_add(1);
        if !policy.is_retryable(error) {
            return Err(RetryStop::Refused);
        }
        let delay = self.delays.next().ok_or(RetryStop::Exhausted)?;
        let delay = policy.delay(delay, error);
        if policy.is_too_late(delay, started) {
            return Err(RetryStop::TotalTime);
        }
        // The budget comes last, because an attempt that is not made takes nothing from the budget.
        if !policy.budget.as_ref().is_none_or(RetryBudget::withdraw) {
            return Err(RetryStop::Budget);
        }
        if let Some(notify) = &policy.notify {
            notify(error, delay);
        }
        self.wait = if delay.is_zero() { Wait::Yield } else { Wait::Sleep(Box::pin(sleep(delay))) };
        Ok(())
    }

    pub(super) fn attempts(&self, stop: RetryStop) -> Attempts {
        Attempts::new(self.attempts, stop)
    }

    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.wait {
            Wait::Over => return Poll::Ready(()),
            Wait::Yield => {
                self.wait = Wait::Over;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Wait::Sleep(sleep) => ready!(sleep.as_mut().poll(cx)),
        }
        self.wait = Wait::Over;
        Poll::Ready(())
    }
}
