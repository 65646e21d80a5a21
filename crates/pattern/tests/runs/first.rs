//! `Run::first`: a race of jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use towpath_pattern::{Failure, OnFailure, Scope, Settings, anyhow};

use super::{Bomb, run_in};

/// Waits, and fails if the number is odd.
async fn even(seconds: u64) -> anyhow::Result<u64> {
    sleep(Duration::from_secs(seconds)).await;
    anyhow::ensure!(seconds.is_multiple_of(2), "{seconds} is odd");
    Ok(seconds)
}

#[tokio::test(start_paused = true)]
async fn first_success_cancels_the_rest_and_waits() {
    struct Gone(Arc<AtomicUsize>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let gone = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&gone);
    let job = move |seconds: u64| {
        let gone = Gone(Arc::clone(&count));
        async move {
            let result = even(seconds).await;
            drop(gone);
            result
        }
    };
    let scope = Scope::new("race");
    let run = run_in(&scope, [60, 2, 4], Settings::new("race", 3), job);
    let monitor = run.monitor();
    let started = Instant::now();
    assert_eq!(run.first().await.expect("no failure"), Some(2));
    assert_eq!((started.elapsed(), gone.load(Ordering::Relaxed)), (Duration::from_secs(2), 3));
    assert_eq!(monitor.report().cancelled(), 2);
    scope.wait().await.expect("a cancelled job is no failure");
}

#[tokio::test(start_paused = true)]
async fn first_under_stop_ends_with_the_first_failure() {
    let run = run_in(&Scope::default(), [8, 3, 1, 2], Settings::new("race", 4), even);
    let failure = run.first().await.expect_err("1 is odd");
    assert_eq!((failure.index(), failure.later().len()), (Some(2), 0));
}

#[tokio::test(start_paused = true)]
async fn first_under_continue_skips_failures() {
    let settings = || Settings::new("race", 4).on_failure(OnFailure::Continue);
    let scope = Scope::new("race");
    let run = run_in(&scope, [8, 3, 1, 4], settings(), even);
    assert_eq!(run.first().await.expect("4 is even"), Some(4));
    scope.wait().await.expect("the skipped failures are nowhere");

    let failure = run_in(&scope, [5, 3, 1], settings(), even).first().await.expect_err("all are odd");
    assert_eq!(failure.index(), Some(2));
    assert_eq!(failure.later().iter().map(Failure::index).collect::<Vec<_>>(), [Some(1), Some(0)]);
}

#[tokio::test]
async fn first_of_no_items_is_none() {
    let run = run_in(&Scope::default(), [0; 0], Settings::new("race", 4), even);
    assert_eq!(run.first().await.expect("no failure"), None);
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_cancelled_job_is_recorded_in_the_scope() {
    let job = |seconds: u64| async move {
        let bomb = (seconds > 2).then(|| Bomb("in the drop"));
        sleep(Duration::from_secs(seconds)).await;
        std::mem::forget(bomb);
        Ok(seconds)
    };
    let scope = Scope::new("race");
    let run = run_in(&scope, [60, 2], Settings::new("race", 3), job);
    assert_eq!(run.first().await.expect("a success"), Some(2));
    let failure = scope.wait().await.expect_err("the drop has panicked");
    assert!(format!("{failure:#}").contains("in the drop"));
}
