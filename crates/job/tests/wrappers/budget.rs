//! The budget of further attempts.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use towpath_fanout::{Fanout, Job, OnFailure, PatternExt, anyhow};
use towpath_job::backon::ConstantBuilder;
use towpath_job::{Attempts, JobExt, RetryBudget, RetryStop};

use crate::{calls, scripted, seconds};

fn three_retries() -> ConstantBuilder {
    ConstantBuilder::new().with_delay(seconds(1)).with_max_times(3)
}

/// A hundred jobs fail, in two runs. Without the budget, there are 300 retries.
#[tokio::test(start_paused = true)]
async fn budget_shared_by_two_runs_bounds_a_storm() {
    let budget = RetryBudget::new(0.1).with_reserve(12);
    let counter = Arc::new(AtomicUsize::new(0));
    let run = |budget: &RetryBudget| {
        let counter = Arc::clone(&counter);
        let job = move |_: u64| {
            counter.fetch_add(1, Ordering::SeqCst);
            async { Err::<(), _>(anyhow::anyhow!("refused")) }
        };
        let job = job.retry(three_retries()).budget(budget);
        Fanout::new(8, job).on_failure(OnFailure::Continue).run(0..50)
    };
    let (first, second) = tokio::join!(run(&budget).finish(), run(&budget.clone()).finish());
    assert_eq!((first.last().errored, second.last().errored), (50, 50));
    assert_eq!(calls(&counter), 112);
    assert_eq!(budget.attempts_left(), 0);
    let empty = |failure: &&towpath_fanout::Failure| {
        failure.downcast_ref::<Attempts>().is_some_and(|attempts| *attempts.stop() == RetryStop::Budget)
    };
    assert!(first.failures.iter().filter(empty).count() >= 40);
}

/// With a share of a half, two successes allow one retry.
#[tokio::test(start_paused = true)]
async fn budget_grows_by_the_share_of_the_successes() {
    let budget = RetryBudget::new(0.5).with_reserve(2);
    let fails = Arc::new(Mutex::new(true));
    let is_failing = Arc::clone(&fails);
    let job = scripted(move |_| {
        let fails = *is_failing.lock().unwrap();
        async move {
            anyhow::ensure!(!fails, "refused");
            Ok(())
        }
    });
    let job = job.1.retry(three_retries()).budget(&budget);
    assert!(job.call(0).await.is_err());
    assert_eq!(budget.attempts_left(), 0);
    *fails.lock().unwrap() = false;
    job.call(0).await.expect("a success");
    assert_eq!(budget.attempts_left(), 0, "half an attempt");
    job.call(0).await.expect("a success");
    assert_eq!(budget.attempts_left(), 1);
}

/// After many successes, the budget holds no more than the reserve.
#[tokio::test(start_paused = true)]
async fn budget_after_many_successes_holds_the_reserve() {
    let budget = RetryBudget::new(0.9).with_reserve(3);
    let job = (|x: u64| async move { anyhow::Ok(x) }).retry(three_retries()).budget(&budget);
    Fanout::new(4, job).run(0..1_000).collect().await.expect("no failure");
    assert_eq!(budget.attempts_left(), 3);
}

/// An attempt that the policy, the error or the time refuses takes nothing from the budget.
#[tokio::test(start_paused = true)]
async fn budget_without_a_retry_stays_as_it_is() {
    let budget = RetryBudget::new(0.0);
    let fails = || crate::flaky(usize::MAX).1;
    let exhausted = fails().retry(ConstantBuilder::new().with_max_times(0)).budget(&budget);
    let refused = fails().retry(three_retries()).when(|_| false).budget(&budget);
    let late = fails().retry(three_retries()).total_time(Duration::ZERO).budget(&budget);
    for job in [exhausted, refused, late] {
        assert!(job.call(0).await.is_err());
    }
    assert_eq!(budget.attempts_left(), 10);
}

/// A share that is negative, infinite or not a number panics.
#[test]
fn budget_of_no_share_panics() {
    for share in [f64::NAN, f64::INFINITY, -0.1] {
        let payload = catch_unwind(|| RetryBudget::new(share)).expect_err("no share");
        let message = payload.downcast_ref::<String>().expect("a message");
        assert!(message.ends_with("is no share of successes; use 0.1"), "{message}");
    }
}

/// A huge share fills the budget with one success.
#[tokio::test(start_paused = true)]
async fn budget_of_a_huge_share_is_full_after_a_success() {
    let budget = RetryBudget::new(f64::MAX).with_reserve(u32::MAX);
    let job = crate::flaky(1).1.retry(three_retries()).budget(&budget);
    job.call(0).await.expect("the second attempt");
    assert_eq!(budget.attempts_left(), u64::from(u32::MAX));
}
