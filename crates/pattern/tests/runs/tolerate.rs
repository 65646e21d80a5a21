//! `OnFailure::Tolerate`: some failures are yielded, and the next failure stops the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use towpath_pattern::{Cause, OnFailure, PatternExt, Run, Scope, Settings, Source, anyhow};

use super::run_in;

/// Fails for every third number.
async fn thirds(item: u64) -> anyhow::Result<u64> {
    anyhow::ensure!(item % 3 != 2, "no {item}");
    if item % 9 == 6 {
        tokio::task::yield_now().await;
    }
    Ok(item)
}

fn settings(failures: usize) -> Settings {
    Settings::new("thirds", 2).on_failure(OnFailure::Tolerate(failures))
}

#[tokio::test]
async fn failure_beyond_the_number_stops() {
    for failures in [0, 1, 2, 5] {
        for settings in [settings(failures), settings(failures).ordered()] {
            let last = Arc::new(AtomicU64::new(0));
            let seen = Arc::clone(&last);
            let job = move |item: u64| {
                seen.fetch_max(item, Ordering::Relaxed);
                thirds(item)
            };
            let run = run_in(&Scope::default(), 0.., settings, job);
            let (outcomes, report) = run.outcomes().await;
            let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
            assert_eq!(failed.len(), failures + 1);
            assert!(outcomes.last().is_some_and(Result::is_err), "the last failure stops the run");
            assert_eq!(report.last().errored, failures + 1);
            let stop = 3 * failures as u64 + 2;
            assert_eq!(last.load(Ordering::Relaxed).saturating_sub(stop), 0, "no job starts after the stop");
        }
    }
}

#[tokio::test]
async fn tolerated_failures_do_not_stop() {
    let (outcomes, report) = run_in(&Scope::default(), 0..9, settings(3), thirds).outcomes().await;
    assert_eq!((outcomes.len(), report.last().errored, report.last().succeeded), (9, 3, 6));
    assert!(report.failures.is_empty());
}

#[tokio::test]
async fn panics_count_as_failures() {
    let job = |item: u64| async move {
        if item.is_multiple_of(2) { panic!("no {item}") } else { thirds(item).await }
    };
    let (outcomes, report) = run_in(&Scope::default(), 0.., settings(2), job).outcomes().await;
    let last = outcomes.last().expect("a failure").as_ref().expect_err("the third");
    assert!(matches!(last.cause(), Cause::Panicked(_)));
    assert_eq!((report.last().panicked, report.last().errored), (3, 0));
}

/// Stage 1 yields ten failures in place of items.
#[tokio::test]
async fn every_stage_counts_its_own_failures() {
    for (second, stops) in [(2, true), (10, false)] {
        let first = run_in(&Scope::default(), 0..30, settings(10), thirds);
        let run = run_in(&Scope::default(), first, settings(second), |item: u64| async move { Ok(item) });
        let (outcomes, report) = run.outcomes().await;
        let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        assert_eq!(failed, if stops { 3 } else { 10 });
        assert_eq!(report.last().succeeded < 20, stops, "{report}");
    }
}

#[tokio::test]
async fn scope_cancels_at_the_failure_beyond_the_number() {
    let scope = Scope::new("server").on_failure(OnFailure::Tolerate(2));
    for connection in ["1", "2"] {
        scope.spawn(connection, async { anyhow::bail!("reset") });
    }
    assert!(scope.wait().await.is_err());
    assert!(!scope.spawn("endless", std::future::pending()).is_refused(), "two failures are tolerated");
    let third = scope.spawn_value::<(), _>("3", async { anyhow::bail!("reset") });
    assert_eq!(third.await.expect_err("reset").stage(), "3");
    assert_eq!(scope.wait().await.expect_err("the second").stage(), "2");
    scope.wait().await.expect("each failure is returned once");
    assert!(scope.spawn("4", async { Ok(()) }).is_refused());
}

#[tokio::test]
async fn pattern_with_a_tolerated_number_counts_for_each_run() {
    struct Thirds;
    impl towpath_pattern::Pattern<u64> for Thirds {
        type Out = u64;

        fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
            Run::spawn(scope, input, settings(1), Arc::new(thirds))
        }
    }
    for _ in 0..2 {
        let report = Thirds.run([2, 3, 4]).finish().await;
        assert_eq!((report.last().succeeded, report.failures.len()), (2, 1));
    }
}
