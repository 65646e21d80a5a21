//! Wrong uses, and the messages for them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use towpath_semaphore::{Limit, PatternExt, Scope, Semaphore, WithPermit};
use towpath_testkit::panic_of;

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A limit of zero panics, and the location is the line of the caller.
#[test]
fn limit_of_zero_panics_at_the_caller() {
    let semaphore = Semaphore::new(1);
    let line = line!() + 1;
    let (message, place) = panic_of(|| WithPermit::new(0, &semaphore, |x: u64| async move { Ok(x) }));
    assert_eq!(message, "a limit of 0 would never run a job; use 1 or more");
    let place = place.expect("a place");
    assert!(place.contains(&format!("misuse.rs:{line}:")), "the panic was at {place}");
}

/// `Limit::try_from` returns an error for zero.
#[test]
fn limit_from_a_number_is_checked_without_a_panic() {
    assert_eq!(Limit::try_from(3).map(Limit::get), Ok(3));
    let refused = Limit::try_from(0).expect_err("zero is no limit");
    assert_eq!(refused.to_string(), "a limit of 0 would never run a job; use 1 or more");
}

/// A run outside a tokio runtime panics at the caller, and the message has the remedy.
#[test]
fn run_outside_a_runtime_panics_with_advice() {
    let double = WithPermit::new(2, &Semaphore::new(2), |x: u64| async move { Ok(x * 2) });
    let line = line!() + 1;
    let (message, place) = panic_of(|| double.run([1]));
    assert!(message.starts_with("a run of `semaphore` was started outside a tokio runtime; start it"));
    let place = place.expect("a place");
    assert!(place.contains(&format!("misuse.rs:{line}:")), "the panic was at {place}");
}

/// A deadline on a runtime without timers panics, and the message names the timers.
#[test]
fn deadline_without_timers_panics_with_the_reason() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (message, _) = panic_of(|| {
        runtime.block_on(async {
            let scope = Scope::new("hurried").with_timeout(Duration::from_secs(1));
            let pass = WithPermit::new(2, &Semaphore::new(2), |x: u64| async move { Ok(x) });
            pass.run_in(&scope, [1]).collect().await
        })
    });
    assert!(message.contains("timers are disabled"), "{message}");
}

/// `new` saturates at `MAX_PERMITS`, and a run with the largest limit and capacity completes.
#[tokio::test]
async fn largest_semaphore_limit_and_capacity_run_all_jobs() {
    let scope = Scope::new("patient").with_timeout(Duration::MAX);
    let semaphore = Semaphore::new(usize::MAX);
    assert_eq!(
        (semaphore.total_permits(), semaphore.available_permits()),
        (Semaphore::MAX_PERMITS, Semaphore::MAX_PERMITS)
    );
    let double = WithPermit::new(usize::MAX, &semaphore, |x: u64| async move { Ok(x * 2) });
    let roomy = double.clone().capacity(usize::MAX);
    for pattern in [double, roomy.clone(), roomy.ordered()] {
        let outputs = pattern.run_in(&scope, 0..1_000).collect().await.expect("it does not fail");
        assert_eq!(outputs.iter().sum::<u64>(), 999_000);
    }
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

/// `add_permits` saturates at `MAX_PERMITS`, also while a permit is taken.
#[tokio::test]
async fn add_permits_at_the_maximum_saturates() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS - 2);
    let permit = semaphore.acquire().await.expect("it is open");
    for more in [1, 5, usize::MAX] {
        semaphore.add_permits(more);
    }
    assert_eq!(semaphore.total_permits(), Semaphore::MAX_PERMITS);
    drop(permit);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

/// A run without items completes without outputs, also under a semaphore without permits.
#[tokio::test]
async fn run_of_no_items_needs_no_permit() {
    let pass = WithPermit::new(2, &Semaphore::new(0), |x: u64| async move { Ok(x) });
    let outputs = pass.run(Vec::new()).collect().await;
    assert!(outputs.expect("it does not fail").is_empty());
}

/// A call for more permits than the total blocks later calls, until the call is cancelled.
#[tokio::test]
async fn acquire_beyond_the_total_waits_until_cancelled() {
    let semaphore = Semaphore::new(2);
    assert_eq!(
        semaphore.try_acquire_many(u32::MAX).expect_err("there are two").to_string(),
        "too few permits are available"
    );
    let mut many = Box::pin(semaphore.acquire_many(u32::MAX));
    assert!(poll_once(many.as_mut()).is_pending());
    let mut one = Box::pin(semaphore.acquire());
    assert!(poll_once(one.as_mut()).is_pending(), "no later call passes the call for many permits");
    drop(many);
    assert!(matches!(poll_once(one.as_mut()), Poll::Ready(Ok(_))));
    drop(one);
    assert_eq!(semaphore.available_permits(), 2);
}

/// A permit with a count of zero is acquired at once, and releases nothing.
#[tokio::test]
async fn permit_of_zero_releases_nothing() {
    let semaphore = Semaphore::new(0);
    drop(semaphore.acquire_many(0).await.expect("it is open"));
    drop(semaphore.try_acquire_many(0).expect("it is open"));
    assert_eq!((semaphore.available_permits(), semaphore.total_permits()), (0, 0));
}

/// After a close, every call and every item fails with the message of the error.
#[tokio::test]
async fn closed_semaphore_fails_calls_and_runs_with_the_reason() {
    const SAYS: &str = "the semaphore is closed";
    let semaphore = Semaphore::new(2);
    semaphore.close();
    assert_eq!(semaphore.acquire().await.expect_err("it is closed").to_string(), SAYS);
    assert_eq!(semaphore.acquire_many(0).await.expect_err("it is closed").to_string(), SAYS);
    assert_eq!(semaphore.try_acquire().expect_err("it is closed").to_string(), SAYS);
    let failure = WithPermit::new(2, &semaphore, |x: u64| async move { Ok(x) }).run([1]).collect().await;
    assert_eq!(
        format!("{:#}", failure.expect_err("it is closed")),
        format!("item 0 at stage `semaphore` failed: {SAYS}")
    );
}

/// A job that waits for its own semaphore waits until the run is stopped: the documented misuse. All permits are then
/// free.
#[tokio::test(start_paused = true)]
async fn job_waiting_for_its_own_semaphore_waits_until_a_stop() {
    let semaphore = Semaphore::new(2);
    let own = semaphore.clone();
    let twice = WithPermit::new(2, &semaphore, move |x: u64| {
        let own = own.clone();
        async move {
            let _second = own.acquire_many_owned(2).await?;
            Ok(x)
        }
    });
    let scope = Scope::new("stopped").with_timeout(Duration::from_secs(1));
    let failure = twice.run_in(&scope, 0..5).collect().await.expect_err("no job has three permits of two");
    assert_eq!(
        format!("{failure:#}"),
        "stage `semaphore` was cancelled: the deadline of the scope `stopped` passed"
    );
    assert_eq!(semaphore.available_permits(), 2);
}
