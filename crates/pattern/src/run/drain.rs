//! The drain of a run: no further items, then the end of the started jobs within a budget.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::outputs::Run;
use crate::failure::{Cancelled, Cause};
use crate::report::Report;
use crate::util::budget::{first_of, spent};

impl<Out: Send + 'static> Run<Out> {
    /// Takes no more items, lets the started jobs complete within `budget`, discards the outputs, and returns the report.
    ///
    /// The drain begins with [`Run::stop_taking`], so the items in a chain of stages complete as well. One budget holds
    /// for all stages, and also for the runs and tasks that jobs have started in the [scope of the
    /// jobs](crate::Job::call_in): an inner run takes all its items, since its job has started. After the budget, the run
    /// is cancelled: every job is dropped at its next await.
    ///
    /// The report has the counts: [`Report::cancelled`] items were dropped during their jobs, and `never_started` items
    /// came back through [`Source::kept`](crate::Source::kept). [`Report::forced`] is `true` if the budget was spent, and
    /// then the failures have a cancellation with the cause [`Cancelled::Drain`].
    ///
    /// To take the outputs, call [`Run::stop_taking`] and then [`Run::next`] until the end.
    ///
    /// # Panics
    ///
    /// Panics if the runtime has no timers.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: dropping the future cancels the run.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use tokio::time::sleep;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let wait = Arc::new(|seconds: u64| async move { Ok(sleep(Duration::from_secs(seconds)).await) });
    /// let start = |seconds| {
    ///     let (seconds, kept) = Source::new(seconds).kept();
    ///     let settings = Settings::new("wait", 2).capacity(0);
    ///     (Run::spawn(Scope::default(), seconds, settings, Arc::clone(&wait)), kept)
    /// };
    ///
    /// let (run, kept) = start([1, 2, 3]);
    /// sleep(Duration::from_millis(1)).await;
    /// let report = run.drain(Duration::from_secs(10)).await;
    /// assert_eq!(report.to_string(), "wait: 2 taken, 2 succeeded");
    /// assert_eq!(kept.take().expect("the run is over").next().await.transpose()?, Some(3));
    ///
    /// // The second job is too long for the budget.
    /// let (run, _) = start([1, 60, 3]);
    /// sleep(Duration::from_millis(1)).await;
    /// let report = run.drain(Duration::from_secs(10)).await;
    /// assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (1, 1, true));
    /// # Ok(()) }
    /// ```
    pub async fn drain(self, budget: Duration) -> Report {
        self.drain_until(spent(budget)).await
    }

    /// Discards the outputs until a signal, and then drains the run as [`Run::drain`] does. A second signal ends the drain
    /// before the end of the budget.
    ///
    /// Every call of `signal` returns a future that completes with the next signal, such as `tokio::signal::ctrl_c`. The
    /// output of the future does not count: an error of `ctrl_c` also begins the drain. The drain begins after the first
    /// poll of the second future. So the second future misses no signal that follows the begin of the drain.
    ///
    /// If the run ends without a signal, this method returns the report as [`Run::finish`] does.
    ///
    /// The outputs of a run that drains on a signal are taken by a last stage, or by [`Run::for_each`] under
    /// [`Scope::drain_on`](crate::Scope::drain_on).
    ///
    /// # Panics
    ///
    /// Panics if the runtime has no timers.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: dropping the future cancels the run.
    ///
    /// # Examples
    ///
    /// In a program, the line is `run.drain_on(tokio::signal::ctrl_c, budget).await`. The `signal` for SIGTERM is a closure:
    /// `|| async { Ok::<_, io::Error>(signal(SignalKind::terminate())?.recv().await) }`. Here, the signals come from a
    /// `Notify`:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use tokio::sync::Notify;
    /// use towpath_pattern::{Run, Scope, Settings, Source};
    ///
    /// let ctrl_c = Arc::new(Notify::new());
    /// let signal = Arc::clone(&ctrl_c);
    /// let job = Arc::new(move |number: u64| {
    ///     if number == 1_000 {
    ///         signal.notify_one();
    ///     }
    ///     async move { Ok(number) }
    /// });
    /// let run = Run::spawn(Scope::default(), Source::new(0..), Settings::new("count", 2), job);
    /// let report = run.drain_on(|| ctrl_c.notified(), Duration::from_secs(10)).await;
    /// assert!(report.last().succeeded > 1_000);
    /// assert!(!report.forced && report.failures.is_empty());
    /// # }
    /// ```
    pub async fn drain_on<S, Signal>(mut self, mut signal: S, budget: Duration) -> Report
    where
        S: FnMut() -> Signal,
        Signal: Future,
    {
        if self.discard_until(signal()).await {
            return self.finish().await;
        }
        self.drain_until(first_of(spent(budget), signal())).await
    }

    /// Takes no more items, and discards the outputs until the end, or until `force` cancels the run.
    async fn drain_until(mut self, force: impl Future) -> Report {
        let drained = async {
            self.stop_taking();
            self.discard_until(pending::<()>()).await;
        };
        // The poll of `force` comes before the begin of the drain. A `force` that is ready at once leaves the begin out.
        first_of(force, drained).await;
        self.stop_taking();
        let forced = !self.discard_until(ready(())).await;
        if forced {
            self.port.cancel(Cancelled::Drain);
        }
        let mut report = self.finish().await;
        // A run whose jobs have all completed is not cancelled, and neither is a run with a failure as its first cause.
        let is_drain = |cause: &Cause| matches!(cause, Cause::Cancelled(Cancelled::Drain));
        let full = report.failures.len() == Report::KEPT_FAILURES;
        report.forced = forced && (full || report.failures.iter().any(|failure| is_drain(failure.cause())));
        report
    }

    /// Discards the outputs until the end of the run, or until `interrupt` completes; returns whether the run is over.
    async fn discard_until(&mut self, interrupt: impl Future) -> bool {
        let mut interrupt = pin!(interrupt);
        poll_fn(|cx| {
            loop {
                match self.poll_finished(cx) {
                    Poll::Ready(Some(finished)) => self.discard(finished),
                    Poll::Ready(None) => return Poll::Ready(true),
                    Poll::Pending => return interrupt.as_mut().poll(cx).map(|_| false),
                }
            }
        })
        .await
    }
}
