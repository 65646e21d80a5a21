//! A second attempt next to a slow first attempt.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::task::coop::{has_budget_remaining, unconstrained};
use tokio::time::{Sleep, sleep};
use towpath_pattern::{Job, Scope};

use crate::budget::RetryBudget;

/// A job with a second attempt next to a slow first attempt. Created by [`JobExt::hedge`](crate::JobExt::hedge).
#[derive(Clone, Debug)]
#[must_use = "a job does nothing until a run calls the job"]
pub struct Hedge<J> {
    job: J,
    after: Duration,
    budget: Option<RetryBudget>,
}

impl<J> Hedge<J> {
    pub(crate) fn new(job: J, after: Duration) -> Self {
        Self { job, after, budget: None }
    }

    /// Takes every second attempt from a budget; without a budget, every slow job gets a second attempt. If the budget is
    /// empty at that moment, the job goes on with the first attempt alone.
    ///
    /// When all replicas of a service are slow, hedges double the load exactly then. A budget limits the share of hedges.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use towpath_fanout::anyhow;
    /// use towpath_job::{JobExt, RetryBudget};
    ///
    /// let budget = RetryBudget::new(0.05);
    /// let read = |key: u64| async move { anyhow::Ok(key) };
    /// let read = read.hedge(Duration::from_millis(50)).budget(&budget);
    /// # fn is_job<In, J: towpath_fanout::Job<In>>(_: J) {}
    /// # is_job(read);
    /// ```
    pub fn budget(mut self, budget: &RetryBudget) -> Self {
        self.budget = Some(budget.clone());
        self
    }
}

/// The error of the second attempt to fail, as a context of the error of the first attempt to fail.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::time::Duration;
///
/// use towpath_fanout::{Job, anyhow};
/// use towpath_job::{HedgeFailed, JobExt};
///
/// # fn as_job<J: Job<u64, Out = ()>>(job: J) -> J { job }
/// let read = as_job(|_: u64| async {
///     tokio::time::sleep(Duration::from_millis(30)).await;
///     anyhow::bail!("no route")
/// });
/// let read = read.hedge(Duration::from_millis(1));
/// let error = read.call(1).await.expect_err("both attempts fail");
/// assert_eq!(format!("{error:#}"), "both attempts failed, the later with `no route`: no route");
/// let failed = error.downcast_ref::<HedgeFailed>().expect("both attempts failed");
/// assert_eq!(failed.later().to_string(), "no route");
/// # }
/// ```
#[derive(Debug)]
pub struct HedgeFailed {
    later: anyhow::Error,
}

impl HedgeFailed {
    /// Returns the error of the attempt that failed later.
    #[must_use]
    pub fn later(&self) -> &anyhow::Error {
        &self.later
    }
}

impl fmt::Display for HedgeFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "both attempts failed, the later with `{:#}`", self.later)
    }
}

impl Error for HedgeFailed {}

#[diagnostic::do_not_recommend]
impl<In, J> Job<In> for Hedge<J>
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

impl<J> Hedge<J> {
    fn start<In: Clone, F, S: Fn(In) -> F>(&self, item: In, start: S) -> Hedging<'_, In, F, S> {
        Hedging {
            first: start(item.clone()),
            second: None,
            timer: sleep(self.after),
            item: Some(item),
            start,
            failed: None,
            first_ended: false,
            budget: self.budget.as_ref(),
        }
    }
}

pin_project! {
    /// Both attempts are dropped with this future: a panic in the drop of an attempt then masks neither an error nor an
    /// output.
    struct Hedging<'a, In, F, S> {
        #[pin]
        first: F,
        // Hardly any job needs the second attempt, so a waiting job has no memory for the attempt.
        second: Option<Pin<Box<F>>>,
        #[pin]
        timer: Sleep,
        // Present until the timer has fired.
        item: Option<In>,
        start: S,
        // The error of the attempt that has failed, while the other attempt goes on.
        failed: Option<anyhow::Error>,
        first_ended: bool,
        budget: Option<&'a RetryBudget>,
    }
}

impl<In, F, S, Out> Future for Hedging<'_, In, F, S>
where
    F: Future<Output = anyhow::Result<Out>>,
    S: Fn(In) -> F,
{
    type Output = anyhow::Result<Out>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let had_budget = has_budget_remaining();
        if !*this.first_ended
            && let Poll::Ready(result) = this.first.poll(cx)
        {
            *this.first_ended = true;
            if let Some(ended) = end(result, this.failed, this.second.is_none(), *this.budget) {
                return Poll::Ready(ended);
            }
        }
        // The first attempt may use up the cooperative budget of the task in every poll. The timer and the second attempt
        // are then polled without the budget, so that they make progress, too.
        let starved = had_budget && !has_budget_remaining();
        if this.item.is_some() && pin!(unconstrained(this.timer)).poll(cx).is_ready() {
            let item = this.item.take();
            if this.budget.is_none_or(RetryBudget::withdraw) {
                *this.second = item.map(|item| Box::pin((this.start)(item)));
            }
        }
        let Some(second) = this.second.as_mut().filter(|_| *this.first_ended || this.failed.is_none()) else {
            return Poll::Pending;
        };
        let polled = if starved { pin!(unconstrained(second)).poll(cx) } else { second.as_mut().poll(cx) };
        match polled {
            Poll::Ready(result) => {
                end(result, this.failed, *this.first_ended, *this.budget).map_or(Poll::Pending, Poll::Ready)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Returns the result of the job after the end of an attempt, or keeps the error while the other attempt goes on.
fn end<Out>(
    result: anyhow::Result<Out>,
    failed: &mut Option<anyhow::Error>,
    is_last: bool,
    budget: Option<&RetryBudget>,
) -> Option<anyhow::Result<Out>> {
    let error = match result {
        Ok(output) => {
            budget.into_iter().for_each(RetryBudget::deposit);
            return Some(Ok(output));
        }
        Err(error) => error,
    };
    if let Some(first) = failed.take() {
        return Some(Err(first.context(HedgeFailed { later: error })));
    }
    if is_last {
        return Some(Err(error));
    }
    *failed = Some(error);
    None
}
