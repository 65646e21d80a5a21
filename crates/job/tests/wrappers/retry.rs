//! Further attempts after an error.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, advance, sleep};
use towpath_fanout::{Cause, Fanout, Job, OnFailure, PatternExt, Scope, anyhow, with_state};
use towpath_job::backon::{ConstantBuilder, ExponentialBuilder, FibonacciBuilder};
use towpath_job::{Attempts, JobExt, RetryStop};
use towpath_limit::Rate;

use crate::{SetOnDrop, calls, error, flag, flaky, scripted, seconds, settle};

/// Delays of one second.
fn every_second(retries: usize) -> ConstantBuilder {
    ConstantBuilder::new().with_delay(seconds(1)).with_max_times(retries)
}

fn stop_of(error: &anyhow::Error) -> (u32, &RetryStop) {
    let attempts = error.downcast_ref::<Attempts>().expect("the attempts");
    (attempts.count(), attempts.stop())
}

/// The waits are the delays of the policy: 1 s and 2 s.
#[tokio::test(start_paused = true)]
async fn retry_after_errors_returns_the_first_success() {
    let started = Instant::now();
    let (counter, job) = flaky(2);
    let job = job.retry(ExponentialBuilder::default()).without_jitter();
    assert_eq!(job.call(0).await.expect("the third attempt"), 2);
    assert_eq!((calls(&counter), started.elapsed()), (3, seconds(3)));
}

/// The failure has the last error and the number of attempts.
#[tokio::test(start_paused = true)]
async fn exhausted_policy_fails_with_the_number_of_attempts() {
    let (_, job) = flaky(9);
    let failure = Fanout::new(1, job.retry(every_second(2))).run([7]).collect().await.unwrap_err();
    assert_eq!(format!("{failure:#}"), "item 0 at stage `fanout` failed: after 3 attempts: error 2");
    let attempts = failure.downcast_ref::<Attempts>().expect("the attempts");
    assert_eq!((attempts.count(), attempts.stop()), (3, &RetryStop::Exhausted));
}

/// The error under a policy without a retry states one attempt.
#[tokio::test(start_paused = true)]
async fn policy_without_retries_makes_one_attempt() {
    let (counter, job) = flaky(9);
    let error = job.retry(every_second(0)).call(0).await.unwrap_err();
    assert_eq!((format!("{error:#}").as_str(), calls(&counter)), ("after 1 attempt: error 0", 1));
}

/// Returns the delays of the retries of 50 jobs that fail at the same time.
async fn delays(exact: bool, asked: Option<Duration>) -> Vec<Duration> {
    let delays = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&delays);
    let job = |_: u64| async { Err::<(), _>(anyhow::anyhow!("refused")) };
    let mut job = job
        .retry(every_second(1))
        .retry_after(move |_| asked)
        .notify(move |_, delay| list.lock().unwrap().push(delay));
    if exact {
        job = job.without_jitter();
    }
    Fanout::new(50, job).on_failure(OnFailure::Continue).run(0..50).finish().await;
    let mut delays = std::mem::take(&mut *delays.lock().unwrap());
    delays.sort();
    delays
}

/// By default, jobs that fail at the same time retry at different times.
#[tokio::test(start_paused = true)]
async fn jitter_is_on_by_default() {
    let delays = delays(false, None).await;
    assert!(delays.iter().all(|delay| (seconds(1)..seconds(2)).contains(delay)), "{delays:?}");
    assert!(delays[49].abs_diff(delays[0]) > Duration::from_millis(500), "{delays:?}");
}

/// A server sends the same delay to all clients: the jitter is added, and the wait is never shorter.
#[tokio::test(start_paused = true)]
async fn jitter_is_added_to_a_delay_of_the_error() {
    let delays = delays(false, Some(seconds(30))).await;
    assert!(delays.iter().all(|delay| (seconds(30)..seconds(31)).contains(delay)), "{delays:?}");
    assert!(delays[49].abs_diff(delays[0]) > Duration::from_millis(500), "{delays:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_without_jitter_waits_for_the_exact_delay() {
    assert_eq!(delays(true, None).await, [seconds(1); 50]);
    assert_eq!(delays(true, Some(seconds(30))).await, [seconds(30); 50]);
}

/// The job waits for the delay of the error in place of the delay of the policy.
#[tokio::test(start_paused = true)]
async fn delay_of_the_error_is_the_wait() {
    let started = Instant::now();
    let (_, job) = flaky(2);
    let job = job.retry(every_second(2)).without_jitter();
    let job = job.retry_after(|error| (error.to_string() == "error 0").then_some(seconds(20)));
    job.call(0).await.expect("the third attempt");
    assert_eq!(started.elapsed(), seconds(21), "20 s by the error, and 1 s by the policy");
}

/// The largest delay, with and without jitter, does not overflow.
#[tokio::test(start_paused = true)]
async fn largest_delay_is_a_wait() {
    let (counter, job) = flaky(1);
    let job = job.retry(std::iter::repeat(Duration::MAX)).retry_after(|_| Some(Duration::MAX));
    assert!(job.timeout(seconds(9)).call(0).await.is_err());
    assert_eq!(calls(&counter), 1);
}

/// An error that is not retryable fails at once, without a context.
#[tokio::test(start_paused = true)]
async fn error_that_is_not_retryable_is_returned_at_once() {
    let started = Instant::now();
    let (counter, job) = flaky(9);
    let job = job.retry(every_second(9)).when(|error| error.to_string() != "error 0");
    assert_eq!(format!("{:#}", job.call(0).await.unwrap_err()), "error 0");
    assert_eq!((calls(&counter), started.elapsed()), (1, seconds(0)));
}

/// The first error is retryable, the second is not.
#[tokio::test(start_paused = true)]
async fn error_that_is_not_retryable_ends_the_retries() {
    let (_, job) = flaky(9);
    let job = job.retry(every_second(9)).when(|error| error.to_string() == "error 0");
    let error = job.call(0).await.unwrap_err();
    assert_eq!(format!("{error:#}"), "after 2 attempts: error 1");
    assert_eq!(stop_of(&error), (2, &RetryStop::Refused));
}

/// Attempts of 4 s and waits of 1 s start at 0, 5 and 10 s. A total of the waits alone would allow ten retries.
#[tokio::test(start_paused = true)]
async fn total_time_includes_the_attempts() {
    let started = Instant::now();
    let (counter, job) = scripted(|call| async move {
        sleep(seconds(4)).await;
        Err::<(), _>(error(call))
    });
    let job = job.retry(every_second(100)).without_jitter().total_time(seconds(10));
    let error = job.call(0).await.unwrap_err();
    assert_eq!(calls(&counter), 3);
    assert_eq!(started.elapsed(), seconds(14), "no wait after the last attempt");
    assert_eq!(format!("{error:#}"), "after 3 attempts, with no time left for a further attempt: error 2");
}

/// A delay of the error beyond the total time fails at once.
#[tokio::test(start_paused = true)]
async fn total_time_bounds_the_delay_of_the_error() {
    let started = Instant::now();
    let (_, job) = flaky(9);
    let job = job.retry(every_second(9)).retry_after(|_| Some(seconds(3_600))).total_time(seconds(60));
    let error = job.call(0).await.unwrap_err();
    assert_eq!((stop_of(&error), started.elapsed()), ((1, &RetryStop::TotalTime), seconds(0)));
}

/// A panic is a bug, and no reason for a second attempt.
#[tokio::test(start_paused = true)]
async fn panic_of_an_attempt_is_not_retried() {
    let (counter, job) = scripted(|_| async {
        let is_bug = std::hint::black_box(true);
        assert!(!is_bug, "a bug");
        Ok(())
    });
    let failure = Fanout::new(1, job.retry(every_second(9))).run([7]).collect().await.unwrap_err();
    assert!(matches!(failure.cause(), Cause::Panicked(panic) if panic.message() == "a bug"));
    assert_eq!(calls(&counter), 1);
}

/// A panic of a task, in the error of the job, is a panic as well, also for a `when` that accepts all errors.
#[tokio::test(start_paused = true)]
async fn panic_in_the_error_of_an_attempt_is_not_retried() {
    let (counter, job) = scripted(|_| async { Ok(tokio::spawn(async { panic!("a bug") }).await?) });
    let job = job.retry(every_second(9)).when(|_| true);
    let failure = Fanout::new(1, job).run([7]).collect().await.map(|_: Vec<()>| ()).unwrap_err();
    assert!(matches!(failure.cause(), Cause::Panicked(_)), "{failure:#}");
    assert_eq!(calls(&counter), 1);
}

/// An attempt whose inner run was cancelled is not retried: the next inner run would be cancelled, too.
#[tokio::test(start_paused = true)]
async fn cancellation_of_an_inner_run_is_not_retried() {
    let (counter, job) = scripted(|_| async {
        let run = Fanout::new(1, |_: u64| pending::<anyhow::Result<()>>()).run([1]);
        run.cancel();
        run.collect().await?;
        Ok(())
    });
    assert!(job.retry(every_second(9)).call(0).await.is_err());
    assert_eq!(calls(&counter), 1);
}

/// A deadline of an inner run is a time limit of the attempt.
#[tokio::test(start_paused = true)]
async fn deadline_of_an_inner_run_is_retried() {
    let (counter, job) = scripted(|_| async {
        let scope = Scope::new("query").with_timeout(seconds(1));
        let run = Fanout::new(1, |_: u64| pending::<anyhow::Result<()>>()).run_in(&scope, [1]);
        run.collect().await?;
        Ok(())
    });
    assert!(job.retry(every_second(2)).call(0).await.is_err());
    assert_eq!(calls(&counter), 3);
}

/// The stop of the run ends an hour of waiting at once, and starts no attempt.
#[tokio::test(start_paused = true)]
async fn stop_during_a_wait_ends_the_wait_at_once() {
    let started = Instant::now();
    let (counter, job) = flaky(9);
    let job = job.retry(ConstantBuilder::new().with_delay(seconds(3_600)));
    let scope = Scope::new("crawl");
    let run = Fanout::new(2, job).run_in(&scope, [1, 2]);
    settle().await;
    scope.cancel();
    let report = run.finish().await;
    assert_eq!((report.last().cancelled, calls(&counter)), (2, 2));
    scope.wait().await.expect("a cancellation by hand");
    assert_eq!(started.elapsed(), seconds(0));
}

/// A failure of another item ends the wait, too.
#[tokio::test(start_paused = true)]
async fn failure_of_another_item_ends_the_wait() {
    let started = Instant::now();
    let job = |x: u64| async move {
        if x == 1 {
            sleep(seconds(5)).await;
        }
        anyhow::bail!("item {x}")
    };
    let job =
        job.retry(every_second(1).with_delay(seconds(3_600))).when(|error| error.to_string() == "item 0");
    let report = Fanout::<_>::new(2, typed(job)).run([0, 1]).finish().await;
    assert_eq!((report.last().cancelled, report.last().errored), (1, 1));
    assert_eq!(started.elapsed(), seconds(5));
}

fn typed<J: Job<u64, Out = ()>>(job: J) -> J {
    job
}

/// Under a policy of zero delays without an end, the job yields between two attempts.
#[tokio::test(start_paused = true)]
async fn stop_between_attempts_without_a_delay_takes_effect() {
    let (counter, job) = flaky(10_000);
    let job = job.retry(std::iter::repeat(Duration::ZERO));
    let scope = Scope::new("crawl");
    let run = Fanout::new(1, job).run_in(&scope, [1]);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    scope.cancel();
    assert_eq!(run.finish().await.last().cancelled, 1);
    assert!((1..10_000).contains(&calls(&counter)), "{}", calls(&counter));
}

/// A dropped run drops the wait, and its scope is empty.
#[tokio::test(start_paused = true)]
async fn dropped_run_drops_the_wait() {
    let (set, is_dropped) = flag();
    let held = SetOnDrop(set);
    let job = move |_: u64| {
        let _ = &held;
        async { Err::<(), _>(anyhow::anyhow!("refused")) }
    };
    let scope = Scope::new("crawl");
    let run = Fanout::new(1, job.retry(every_second(9))).run_in(&scope, [1]);
    settle().await;
    drop(run);
    scope.wait().await.expect("no failure");
    assert!(is_dropped());
}

/// An attempt that timed out holds its connection until its drop, and the drop comes before the wait.
#[tokio::test(start_paused = true)]
async fn failed_attempt_is_dropped_before_the_wait() {
    let (set, is_dropped) = flag();
    let job = move |_: u64| {
        let held = SetOnDrop(Arc::clone(&set));
        async move {
            let _held = held;
            pending::<()>().await;
            Ok(())
        }
    };
    let job = job.timeout(seconds(1)).retry(every_second(1).with_delay(seconds(3_600)));
    let run = Fanout::new(1, job).run([1]);
    settle().await;
    advance(seconds(2)).await;
    settle().await;
    assert!(is_dropped());
    drop(run);
}

/// The future of an attempt that fails, and panics in its drop.
struct PanicsInDrop;

impl Future for PanicsInDrop {
    type Output = anyhow::Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<anyhow::Result<()>> {
        Poll::Ready(Err(anyhow::anyhow!("refused")))
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in the drop");
    }
}

/// The panic is reported, masks no error, and ends the retries.
#[tokio::test(start_paused = true)]
async fn panic_in_the_drop_of_an_attempt_is_in_the_error() {
    let (counter, job) = scripted(|_| PanicsInDrop);
    let failure = Fanout::new(1, job.retry(every_second(9))).run([7]).collect().await.unwrap_err();
    assert_eq!(
        format!("{failure:#}"),
        "item 0 at stage `fanout` failed: after 1 attempt, the last of which was dropped and panicked: in the \
         drop: refused"
    );
    assert_eq!(calls(&counter), 1);
}

/// After the last attempt, the run drops the attempt and records the panic.
#[tokio::test(start_paused = true)]
async fn panic_in_the_drop_of_the_last_attempt_is_recorded() {
    let (_, job) = scripted(|_| PanicsInDrop);
    let report = Fanout::new(1, job.retry(every_second(0))).run([7]).finish().await;
    let texts: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert_eq!(texts[0], "item 0 at stage `fanout` failed: after 1 attempt: refused");
    assert!(texts[1].contains("panicked: in the drop"), "{texts:?}");
}

/// A waiting job keeps its slot: the second item starts after the retry of the first.
#[tokio::test(start_paused = true)]
async fn waiting_job_keeps_its_slot() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&order);
    let job = move |x: u64| {
        let mut list = list.lock().unwrap();
        list.push(x);
        let fails = *list == [0];
        async move {
            anyhow::ensure!(!fails, "refused");
            Ok(x)
        }
    };
    Fanout::new(1, job.retry(every_second(1))).run([0, 1]).collect().await.expect("no failure");
    assert_eq!(*order.lock().unwrap(), [0, 0, 1]);
}

/// An ordered run waits for the output of a retried item.
#[tokio::test(start_paused = true)]
async fn ordered_outputs_wait_for_a_retry() {
    let failed = Arc::new(Mutex::new(false));
    let job = move |x: u64| {
        let fails = x == 0 && !std::mem::replace(&mut *failed.lock().unwrap(), true);
        async move {
            anyhow::ensure!(!fails, "refused");
            Ok(x)
        }
    };
    let outputs = Fanout::new(4, job.retry(every_second(1))).ordered().run(0..4).collect().await;
    assert_eq!(outputs.expect("no failure"), [0, 1, 2, 3]);
}

/// Every policy of backon, and an iterator of delays.
#[tokio::test(start_paused = true)]
async fn policies_of_all_kinds_retry() {
    async fn waits<P>(policy: P) -> Duration
    where
        P: towpath_job::backon::BackoffBuilder<Backoff: 'static> + Clone + 'static,
    {
        let started = Instant::now();
        let job = flaky(3).1.retry(policy).without_jitter();
        job.call(0).await.expect("the fourth attempt");
        started.elapsed()
    }
    assert_eq!(waits(ExponentialBuilder::default()).await, seconds(1 + 2 + 4));
    assert_eq!(waits(FibonacciBuilder::default()).await, seconds(1 + 1 + 2));
    assert_eq!(waits(ConstantBuilder::default()).await, seconds(3));
    assert_eq!(waits([1, 5, 9].map(seconds).into_iter()).await, seconds(15));
}

/// Every call starts the policy from the beginning.
#[tokio::test(start_paused = true)]
async fn policy_starts_again_for_every_item() {
    let (counter, job) = flaky(usize::MAX);
    let job = job.retry(every_second(2));
    for _ in 0..3 {
        assert_eq!(stop_of(&job.call(0).await.unwrap_err()).0, 3);
    }
    assert_eq!(calls(&counter), 9);
}

/// A rate of the pattern counts the two jobs; a rate inside of the job counts the four attempts.
#[tokio::test(start_paused = true)]
async fn rate_counts_jobs_outside_and_attempts_inside() {
    let at_once = || ConstantBuilder::new().with_delay(Duration::ZERO).with_max_times(1);
    let elapsed = async |rate: &Rate, inside: Option<Rate>| {
        let started = Instant::now();
        let job = with_state(inside, async |inside: &Option<Rate>, _: u64| {
            if let Some(rate) = inside {
                rate.until_ready().await;
            }
            Err::<(), _>(error(0))
        });
        let pattern = Fanout::new(2, job.retry(at_once())).on_failure(OnFailure::Continue).limited_by(rate);
        assert_eq!(pattern.run([1, 2]).finish().await.last().errored, 2);
        started.elapsed()
    };
    assert_eq!(elapsed(&Rate::per_second(1), None).await, seconds(1));
    let often = Rate::per_second(1000).burst(9);
    assert_eq!(elapsed(&often, Some(Rate::per_second(1))).await, seconds(3));
}
