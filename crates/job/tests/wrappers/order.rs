//! The order of the wrappers.

use std::future::pending;

use tokio::time::{Instant, sleep};
use towpath_fanout::{Fanout, Job, PatternExt, TimedOut, anyhow};
use towpath_job::backon::ConstantBuilder;
use towpath_job::{Attempts, JobExt};

use crate::{calls, scripted, seconds};

fn retries() -> ConstantBuilder {
    ConstantBuilder::new().with_delay(seconds(1)).with_max_times(2)
}

/// Every attempt has two seconds: 2 + 1 + 2 + 1 + 2.
#[tokio::test(start_paused = true)]
async fn timeout_inside_of_retry_limits_every_attempt() {
    let started = Instant::now();
    let (counter, job) = scripted(|_| pending::<anyhow::Result<()>>());
    let job = job.timeout(seconds(2)).retry(retries()).without_jitter();
    let failure = Fanout::new(1, job).run([0]).collect().await.unwrap_err();
    assert_eq!((calls(&counter), started.elapsed()), (3, seconds(8)));
    assert_eq!(
        format!("{failure:#}"),
        "item 0 at stage `fanout` timed out: after 3 attempts: no result within 2s"
    );
}

/// All attempts together have four seconds, and the limit cuts the second wait.
#[tokio::test(start_paused = true)]
async fn timeout_outside_of_retry_limits_all_attempts() {
    let started = Instant::now();
    let (counter, job) = scripted(|call| async move {
        sleep(seconds(2)).await;
        Err::<(), _>(crate::error(call))
    });
    let job = job.retry(ConstantBuilder::new().with_delay(seconds(1)).with_max_times(9)).without_jitter();
    let error = job.timeout(seconds(4)).call(0).await.unwrap_err();
    assert_eq!((calls(&counter), started.elapsed()), (2, seconds(4)));
    assert_eq!(error.downcast_ref(), Some(&TimedOut { after: seconds(4) }));
    assert!(!error.is::<Attempts>());
}

/// With the hedge inside of the retry, each of the three attempts is a pair of attempts.
#[tokio::test(start_paused = true)]
async fn hedge_inside_of_retry_hedges_every_attempt() {
    let (counter, job) = scripted(|call| async move {
        sleep(seconds(5)).await;
        Err::<(), _>(crate::error(call))
    });
    let error = job.hedge(seconds(1)).retry(retries()).call(0).await.unwrap_err();
    assert_eq!((calls(&counter), error.downcast_ref::<Attempts>().unwrap().count()), (6, 3));
}

/// With the hedge outside of the retry, two series of attempts run at the same time.
#[tokio::test(start_paused = true)]
async fn hedge_outside_of_retry_starts_a_second_series() {
    let started = Instant::now();
    let (counter, job) = scripted(|call| async move {
        sleep(seconds(5)).await;
        Err::<(), _>(crate::error(call))
    });
    let job = job.retry(retries()).without_jitter().hedge(seconds(1));
    assert!(job.call(0).await.is_err());
    assert_eq!((calls(&counter), started.elapsed()), (6, seconds(1 + 17)));
}

/// A time limit inside of a hedge starts with each attempt.
#[tokio::test(start_paused = true)]
async fn timeout_inside_of_hedge_starts_with_each_attempt() {
    let started = Instant::now();
    let (_, job) = scripted(|_| pending::<anyhow::Result<()>>());
    assert!(job.timeout(seconds(3)).hedge(seconds(2)).call(0).await.is_err());
    assert_eq!(started.elapsed(), seconds(5));
}
