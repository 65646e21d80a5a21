//! The methods of a job.

use std::time::Duration;

use towpath_pattern::Job;

use crate::hedge::Hedge;
use crate::keep_cancelled::{CancelledInputs, KeepCancelled};
use crate::keep_input::KeepInput;
#[cfg(feature = "retry")]
use crate::retry::Retry;
use crate::timeout::Timeout;

/// Wraps a job. Every [`Job`] has these methods: a closure, a function, and a type that implements `Job`.
///
/// The calls read from the inside to the outside: `fetch.timeout(s).retry(policy)` limits every attempt, and
/// `fetch.retry(policy).timeout(s)` limits all attempts together.
///
/// A closure annotates its argument: `|url: String| async move { … }`. A type that is a job for several types of items
/// names the type of the item: `JobExt::<String>::timeout(fetch, limit)`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use towpath_fanout::{Job, anyhow, job_fn};
/// use towpath_job::JobExt;
///
/// async fn get(url: String) -> anyhow::Result<usize> {
///     Ok(url.len())
/// }
///
/// async fn parse(line: String) -> Result<u64, std::num::ParseIntError> {
///     line.parse()
/// }
///
/// struct Fetch;
///
/// impl Job<String> for Fetch {
///     type Out = usize;
///
///     async fn call(&self, url: String) -> anyhow::Result<usize> {
///         get(url).await
///     }
/// }
///
/// # fn is_job<In, J: Job<In>>(_: J) {}
/// let limit = Duration::from_secs(2);
/// is_job(get.timeout(limit));
/// is_job(Fetch.timeout(limit));
/// is_job(job_fn(parse).timeout(limit));
/// is_job((|url: String| async move { get(url).await }).timeout(limit));
/// ```
pub trait JobExt<In>: Job<In> + Sized {
    /// Limits the time of the job: after `limit`, the job is dropped, and the item counts as timed out.
    ///
    /// Not for a limit of the whole run: [`Scope::with_timeout`](towpath_pattern::Scope::with_timeout). Not for `blocking`
    /// work: the closure goes on after the limit.
    ///
    /// The time starts with the job. A wait for a permit, a rate or a resource of the pattern comes before the job and does
    /// not count.
    ///
    /// A job with a resource of `towpath-resource`: after the limit, the next job gets the resource, perhaps in the middle of
    /// a request. So place the limit inside the job, around the request, and discard the guard of the resource after the
    /// limit.
    ///
    /// # Errors
    ///
    /// The job fails with [`TimedOut`](towpath_pattern::TimedOut), whose text has the limit: "no result within 2s".
    /// [`Timeout::named`] adds a name. If the inner job completes at the last moment, the result of the inner job counts.
    ///
    /// # Panics
    ///
    /// The job panics in a runtime without timers.
    ///
    /// # Cancel safety
    ///
    /// The inner job is dropped at an await. A job that computes without an await is not cut.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use std::{future::pending, time::Duration};
    ///
    /// use towpath_fanout::{Fanout, OnFailure, PatternExt, anyhow};
    /// use towpath_job::JobExt;
    ///
    /// let ask = |_: u64| pending::<anyhow::Result<()>>();
    /// let ask = Fanout::new(2, ask.timeout(Duration::from_millis(5))).on_failure(OnFailure::Continue);
    /// let report = ask.run([1, 2]).finish().await;
    /// assert_eq!(report.last().timed_out, 2);
    /// assert_eq!(format!("{:#}", report.failures[0].cause()), "timed out: no result within 5ms");
    /// # }
    /// ```
    fn timeout(self, limit: Duration) -> Timeout<Self> {
        Timeout::new(self, limit)
    }

    /// Starts a second attempt if the first attempt has not completed after `after`. The first success is the output, and
    /// the other attempt is dropped.
    ///
    /// Not for a job with an effect that must not happen twice. Not for a failed attempt: an error before `after` is the
    /// error of the job, and `retry` tries again.
    ///
    /// The 95th percentile of the times of the job is a good value of `after`: one job in twenty then has a second
    /// attempt. [`Hedge::budget`] limits the share. At most two attempts run. The limit of the run counts jobs and not
    /// attempts.
    ///
    /// # Errors
    ///
    /// If one attempt fails while the other attempt runs, the other attempt goes on. If both attempts fail, the job fails
    /// with the error of the attempt that failed first, and the context [`HedgeFailed`](crate::HedgeFailed) has the later
    /// error.
    ///
    /// # Panics
    ///
    /// A panic of either attempt is the panic of the job. The job panics in a runtime without timers.
    ///
    /// # Cancel safety
    ///
    /// Both attempts are dropped with the job. The slower attempt is dropped at an await. A request that is stopped at the
    /// client may go on at the server.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::{future, sync::atomic::{AtomicU32, Ordering}, time::Duration};
    ///
    /// use towpath_fanout::{Fanout, PatternExt, anyhow, with_state};
    /// use towpath_job::JobExt;
    ///
    /// // The first replica does not answer.
    /// let read = with_state(AtomicU32::new(0), async |replicas: &AtomicU32, key: &'static str| {
    ///     match replicas.fetch_add(1, Ordering::Relaxed) {
    ///         0 => future::pending().await,
    ///         replica => Ok(format!("{key} from replica {replica}")),
    ///     }
    /// });
    /// let read = Fanout::new(1, read.hedge(Duration::from_millis(5)));
    /// assert_eq!(read.run(["a"]).collect().await?, ["a from replica 1"]);
    /// # Ok(()) }
    /// ```
    fn hedge(self, after: Duration) -> Hedge<Self>
    where
        In: Clone + Send,
    {
        Hedge::new(self, after)
    }

    /// Keeps the input of a job that fails: [`FailureExt::input`](crate::FailureExt::input) returns the input.
    ///
    /// Not for large items in a run that continues after failures: the report keeps up to
    /// [`Report::KEPT_FAILURES`](towpath_pattern::Report::KEPT_FAILURES) failures, each with an input. Not for the items
    /// that a stopped run has not started: [`Source::kept`](towpath_pattern::Source::kept) returns these items.
    /// Not for the jobs that a stop has cancelled: [`keep_cancelled`](JobExt::keep_cancelled) keeps the inputs of these jobs.
    ///
    /// The job clones every item. An item with an expensive clone belongs in an `Arc`.
    ///
    /// # Errors
    ///
    /// The errors of the inner job have the input as the context [`Input`](crate::Input). A panic and a cancellation have
    /// no input: no error is returned. A time limit has an input inside of this wrapper, as in
    /// `fetch.timeout(limit).keep_input()`, and none outside.
    ///
    /// # Cancel safety
    ///
    /// The wrapped job is as cancel safe as the inner job.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use towpath_fanout::{Fanout, PatternExt};
    /// use towpath_job::{FailureExt, JobExt};
    ///
    /// let parse = |text: &'static str| async move { Ok(text.parse::<u64>()?) };
    /// let failure = Fanout::new(1, parse.keep_input()).run(["1", "two"]).collect().await.unwrap_err();
    /// assert_eq!(failure.input::<&'static str>(), Some(&"two"));
    /// # }
    /// ```
    fn keep_input(self) -> KeepInput<Self>
    where
        In: Clone + Send + Sync + 'static,
    {
        KeepInput::new(self)
    }

    /// Keeps the inputs of the jobs that are cancelled: started, and dropped before their end by a stop of the run, for
    /// example after the budget of a [drain](towpath_pattern::Run::drain). Returns the job, and the handle with the inputs.
    ///
    /// Not for the items that a stopped run has not started: [`Source::kept`](towpath_pattern::Source::kept) returns these
    /// items. With both, a drained run returns every input without an output. Not for effects that must not happen twice: a
    /// cancelled job may have done a part of its work, or all of it.
    ///
    /// The job clones every item. An item with an expensive clone belongs in an `Arc`. A job that returns an output or an
    /// error, or panics, keeps no input: [`keep_input`](JobExt::keep_input) is for errors.
    ///
    /// This wrapper is the last call: `fetch.timeout(limit).keep_cancelled()`. The handle then has at most as many inputs as a
    /// run has jobs at once. Inside of a time limit or a hedge, the handle would also have the input of every attempt that
    /// was dropped, until the inputs are taken.
    ///
    /// In a chain of stages, the input is the item of the stage with the wrapper. An output that waits between two stages at a
    /// cancellation is lost: its job in the first stage has completed, and its job in the second stage has not started.
    ///
    /// # Cancel safety
    ///
    /// The wrapped job is as cancel safe as the inner job.
    ///
    /// # Examples
    ///
    /// The second job is too long for the budget of the drain:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::time::Duration;
    ///
    /// use tokio::time::sleep;
    /// use towpath_fanout::{Fanout, PatternExt, Source, anyhow};
    /// use towpath_job::JobExt;
    ///
    /// let wait = |seconds: u64| async move { anyhow::Ok(sleep(Duration::from_secs(seconds)).await) };
    /// let (wait, cancelled) = wait.keep_cancelled();
    /// let (items, kept) = Source::new([1, 60, 3]).kept();
    ///
    /// let run = Fanout::new(2, wait).capacity(0).run(items);
    /// sleep(Duration::from_millis(1)).await;
    /// let report = run.drain(Duration::from_secs(10)).await;
    /// assert_eq!((report.last().succeeded, report.cancelled()), (1, 1));
    ///
    /// let mut again = cancelled.take(); // started, and not completed
    /// again.extend(kept.take().expect("the run is over").collect().await?); // never started
    /// assert_eq!(again, [60, 3]);
    /// # Ok(()) }
    /// ```
    fn keep_cancelled(self) -> (KeepCancelled<Self, In>, CancelledInputs<In>)
    where
        In: Clone + Send + 'static,
    {
        KeepCancelled::new(self)
    }

    /// Tries the job again after an error, by a policy of [backon](crate::backon).
    ///
    /// Not for a job with an effect that must not happen twice. Not for a slow service: [`hedge`](JobExt::hedge) or
    /// [`timeout`](JobExt::timeout) inside of the retries.
    ///
    /// The policy has the delays, and so the number of attempts: `ExponentialBuilder::default()` has three retries, after 1,
    /// 2 and 4 seconds. The methods of [`Retry`] set the rest: [`when`](Retry::when) the retryable errors,
    /// [`retry_after`](Retry::retry_after) a delay from the error, [`budget`](Retry::budget) a bound for all jobs together,
    /// [`total_time`](Retry::total_time) a bound of the time, [`notify`](Retry::notify) a log. The wait is longer than the
    /// delay by a random share of the delay, at most twice as long: see [`without_jitter`](Retry::without_jitter).
    ///
    /// A waiting job counts towards the limit of the run and keeps its permit, and an ordered run waits for its output. The
    /// failed attempt is dropped before the wait. A limiter of the pattern counts the job, and not the attempts: a rate of
    /// attempts is an `until_ready` inside of the job, as in the second example. A job with a resource of `towpath-resource`
    /// has no `retry`: the guard of the resource is no `Clone`, and an error may have broken the resource.
    ///
    /// # Errors
    ///
    /// The job fails with the error of the last attempt. The context [`Attempts`](crate::Attempts) has the number of
    /// attempts: "after 3 attempts: connection refused". The earlier errors are dropped: [`notify`](Retry::notify) gets
    /// every error.
    ///
    /// # Panics
    ///
    /// A panic of an attempt is the panic of the job, and is not retried. A panic in the drop of a failed attempt is a part
    /// of the error. The job panics in a runtime without timers.
    ///
    /// # Cancel safety
    ///
    /// A stop of the run drops the attempt or the wait. No further attempt starts.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
    /// use std::{sync::atomic::{AtomicU32, Ordering}, time::Duration};
    ///
    /// use towpath_fanout::{Fanout, PatternExt, anyhow, with_state};
    /// use towpath_job::JobExt;
    /// use towpath_job::backon::ExponentialBuilder;
    ///
    /// // The first two attempts fail.
    /// let get = with_state(AtomicU32::new(0), async |attempts: &AtomicU32, url: &'static str| {
    ///     anyhow::ensure!(attempts.fetch_add(1, Ordering::Relaxed) >= 2, "connection refused");
    ///     Ok(url.len())
    /// });
    /// let get = get.retry(ExponentialBuilder::new().with_min_delay(Duration::from_millis(1)));
    /// assert_eq!(Fanout::new(1, get).run(["a.example"]).collect().await?, [9]);
    /// # Ok(()) }
    /// ```
    ///
    /// A rate of attempts: two requests per second, the retries included.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> anyhow::Result<()> {
    /// use std::time::Duration;
    ///
    /// use tokio::time::Instant;
    /// use towpath_fanout::{Fanout, OnFailure, PatternExt, anyhow, with_state};
    /// use towpath_job::JobExt;
    /// use towpath_job::backon::ConstantBuilder;
    /// use towpath_limit::Rate;
    ///
    /// let twice = ConstantBuilder::new().with_delay(Duration::ZERO).with_max_times(1);
    /// let get = with_state(Rate::per_second(2), async |rate: &Rate, url: &'static str| {
    ///     rate.until_ready().await; // counts every attempt
    ///     anyhow::ensure!(url != "void.example", "connection refused");
    ///     Ok(url.len())
    /// });
    /// let begin = Instant::now();
    /// let urls = ["void.example", "void.example"];
    /// let get = Fanout::new(2, get.retry(twice)).on_failure(OnFailure::Continue);
    /// assert_eq!(get.run(urls).finish().await.last().errored, 2);
    /// assert_eq!(begin.elapsed(), Duration::from_millis(1500)); // four attempts
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "retry")]
    fn retry<P>(self, policy: P) -> Retry<Self>
    where
        In: Clone + Send,
        P: backon::BackoffBuilder<Backoff: 'static> + Clone + 'static,
    {
        Retry::new(self, policy)
    }
}

impl<In, J: Job<In>> JobExt<In> for J {}
