//! `Run::for_each`: an async closure on every output.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use towpath_pattern::{Cancelled, Cause, OnFailure, Scope, Settings, anyhow};

use super::{Bomb, run_in};

async fn itself(item: u64) -> anyhow::Result<u64> {
    anyhow::ensure!(item != 100, "no output");
    Ok(item)
}

fn settings(on_failure: OnFailure) -> Settings {
    Settings::new("some", 2).ordered().on_failure(on_failure)
}

/// A spawned future: the future is `Send`.
#[tokio::test]
async fn closure_gets_every_output_one_at_a_time() {
    let run = run_in(&Scope::default(), 0..50, settings(OnFailure::Stop), itself);
    let task = tokio::spawn(async move {
        let (active, mut seen) = (AtomicUsize::new(0), Vec::new());
        let each = |item| {
            seen.push(item);
            assert_eq!(active.fetch_add(1, Ordering::Relaxed), 0, "one at a time");
            async {
                tokio::task::yield_now().await;
                active.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            }
        };
        let report = run.for_each(each).await;
        (seen, report.expect("no failure"))
    });
    let (seen, report) = task.await.expect("no panic");
    assert!(seen.into_iter().eq(0..50));
    assert_eq!(report.last().delivered, 50);
}

#[tokio::test]
async fn failure_of_the_closure_stops_an_endless_run() {
    let scope = Scope::new("scope");
    let run = run_in(&scope, 0.., settings(OnFailure::Stop), itself);
    let mut calls = 0;
    let each = |item| {
        calls += 1;
        async move { if item < 7 { Ok(()) } else { Err(anyhow::anyhow!("no space")) } }
    };
    let failure = run.for_each(each).await.expect_err("no space");
    assert_eq!((failure.stage(), failure.index(), calls), ("for_each", Some(7), 8));
    scope.wait().await.expect("the cancellation is no failure");
    assert_eq!(scope.failure_count(), 0);
}

#[tokio::test]
async fn failures_of_the_closure_follow_the_policy() {
    for (policy, expected) in
        [(OnFailure::Continue, 10), (OnFailure::Tolerate(1), 6), (OnFailure::Tolerate(9), 10)]
    {
        let scope = Scope::new("scope");
        let run = run_in(&scope, 0..10, settings(policy), itself);
        let mut calls = 0;
        let each = |item: u64| {
            calls += 1;
            async move { if item % 3 == 2 { Err(anyhow::anyhow!("no space")) } else { Ok(()) } }
        };
        let failure = run.for_each(each).await.expect_err("no space");
        assert_eq!((failure.index(), calls), (Some(2), expected));
        assert_eq!(scope.take_failures()[0].index(), Some(5));
    }
}

#[tokio::test]
async fn panic_of_the_closure_is_a_failure() {
    let run = run_in(&Scope::default(), 0..10, settings(OnFailure::Stop), itself);
    let failure = run.for_each(|item| async move { if item == 3 { panic!("three") } else { Ok(()) } }).await;
    let failure = failure.expect_err("a panic");
    assert!(matches!(failure.cause(), Cause::Panicked(panic) if panic.message() == "three"));
    assert_eq!(failure.index(), Some(3));

    // An error, and then a panic in the drop of the future.
    let scope = Scope::new("scope");
    let run = run_in(&scope, 0..10, settings(OnFailure::Stop), itself);
    let each = |item: u64| super::Leaves {
        result: Some(Err(anyhow::anyhow!("no {item}"))),
        _later: Bomb("in the drop"),
    };
    let failure = run.for_each(each).await.expect_err("no 0");
    assert_eq!(failure.cause().to_string(), "no 0");
    assert!(scope.wait().await.expect_err("a panic").cause().to_string().contains("in the drop"));
}

#[tokio::test]
async fn failure_of_a_job_ends_the_outputs() {
    let run = run_in(&Scope::default(), 95..200, settings(OnFailure::Stop), itself);
    let mut last = 0;
    let failure = run.for_each(|item| {
        last = item;
        async { Ok(()) }
    });
    let failure = failure.await.expect_err("no output");
    assert_eq!((failure.stage(), failure.index(), last), ("some", Some(5), 99));
}

#[tokio::test(start_paused = true)]
async fn cancelled_scope_drops_a_closure_that_waits() {
    let scope = Scope::new("scope").with_timeout(Duration::from_secs(3));
    let run = run_in(&scope, [1], settings(OnFailure::Continue), itself);
    let failure = run.for_each(|_| async {
        sleep(Duration::from_secs(60)).await;
        Ok(())
    });
    let failure = failure.await;
    let failure = failure.expect_err("the deadline passes");
    assert!(matches!(failure.cause(), Cause::Cancelled(Cancelled::Deadline)));
    assert_eq!(failure.index(), Some(0));
}
