//! The results of a run for its receiver: the failure, the end, and the index of an output.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};

use futures_core::stream::FusedStream;
use tokio::task::yield_now;
use towpath_pattern::{Job, OnFailure, Report, Run, Scope, Settings, Source, anyhow};

/// Starts an ordered run of `job` over the given number of items. The run continues after failures.
fn going_on<J: Job<u32>>(scope: &Scope, items: u32, job: J) -> Run<J::Out> {
    let settings = Settings::new("check", 2).ordered().on_failure(OnFailure::Continue);
    Run::spawn(scope.clone(), Source::new(0..items), settings, Arc::new(job))
}

async fn even(item: u32) -> anyhow::Result<u32> {
    anyhow::ensure!(item.is_multiple_of(2), "{item} is odd");
    Ok(item)
}

#[tokio::test]
async fn collect_returns_the_first_failure_and_scope_the_next() {
    let scope = Scope::new("numbers");
    let first = going_on(&scope, 8, even).collect().await.expect_err("1 is odd");
    assert_eq!(format!("{first:#}"), "item 1 at stage `check` failed: 1 is odd");
    let next = scope.wait().await.expect_err("3 is odd");
    assert_eq!(format!("{next:#}"), "item 3 at stage `check` failed: 3 is odd");
}

/// An error that is counted until its drop.
#[derive(Debug)]
struct Living(Arc<AtomicUsize>);

impl std::fmt::Display for Living {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("living")
    }
}

impl std::error::Error for Living {}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[tokio::test]
async fn failed_collect_keeps_no_more_failures_than_a_report() {
    let living = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let job = {
        let most = Arc::clone(&most);
        move |_: u32| {
            most.fetch_max(living.fetch_add(1, SeqCst) + 1, SeqCst);
            let error = Living(Arc::clone(&living));
            async move { Err::<u32, _>(error.into()) }
        }
    };
    let run = going_on(&Scope::default(), 3_000, job);
    let at_once = Settings::new("check", 2).bound();
    run.collect().await.expect_err("each job fails");
    let most = most.load(SeqCst);
    assert!(most <= Report::KEPT_FAILURES + at_once + 1, "{most} errors at once");
}

#[tokio::test]
async fn run_is_terminated_after_its_last_output() {
    let scope = Scope::default();
    let mut run = going_on(&scope, 2, |item: u32| async move { Ok(item) });
    assert!(!run.is_terminated());
    assert!(run.next().await.is_some());
    // The outputs in the buffer of the receiver are not yielded yet.
    while run.report().stages[0].counts.running > 0 {
        yield_now().await;
    }
    assert!(!run.is_terminated());
    assert!(run.next().await.is_some() && run.next().await.is_none());
    assert!(run.is_terminated());
    assert!(run.next().await.is_none());
}

#[tokio::test]
async fn indexed_run_yields_the_index_of_outputs_and_failures() {
    let scope = Scope::default();
    let mut run = going_on(&scope, 3, even).indexed();
    let mut told = Vec::new();
    while let Some(result) = run.next().await {
        told.push(result.map(|(index, _)| index).map_err(|failure| failure.index()));
    }
    assert!(matches!(told[..], [Ok(0), Err(Some(1)), Ok(2)]), "{told:?}");
    let report = run.finish().await;
    assert_eq!((report.last().succeeded, report.last().errored), (2, 1));

    let stopped = going_on(&scope, 3, |item: u32| async move {
        yield_now().await;
        Ok(item)
    });
    let mut stopped = stopped.indexed();
    stopped.cancel();
    let failure = stopped.next().await.expect("an end with a failure").expect_err("it was cancelled");
    assert_eq!((failure.index(), failure.is_cancelled()), (None, true));
    assert!(stopped.into_inner().next().await.is_none());
}

#[tokio::test]
async fn report_counts_all_failures_and_keeps_the_first_thousand() {
    let bad = |item: u32| async move { Err::<u32, _>(anyhow::anyhow!("{item} is bad")) };
    let report = going_on(&Scope::default(), 1_100, bad).finish().await;
    assert_eq!((report.last().errored, report.failures.len()), (1_100, Report::KEPT_FAILURES));
    let told = report.failures.last().map(|failure| format!("{failure:#}"));
    assert_eq!(told.as_deref(), Some("item 999 at stage `check` failed: 999 is bad"));
}

#[tokio::test]
async fn failure_held_back_for_order_is_reported_after_a_stop() {
    let job = |item: u32| async move {
        if item == 0 {
            pending::<()>().await;
        }
        even(item).await
    };
    let run = going_on(&Scope::default(), 2, job);
    while run.report().stages[0].counts.errored < 1 {
        yield_now().await;
    }
    run.cancel();
    let report = run.finish().await;
    assert_eq!(
        told(&report),
        ["stage `check` was cancelled: the run was cancelled", "item 1 at stage `check` failed: 1 is odd"]
    );
}

/// Panics in its drop.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("as it is dropped");
    }
}

fn told(report: &Report) -> Vec<String> {
    report.failures.iter().map(|failure| format!("{failure:#}")).collect()
}

#[tokio::test]
async fn report_has_the_first_cause_before_its_effects() {
    let job = |item: u32| async move {
        if item == 0 {
            yield_now().await;
            anyhow::bail!("the first cause");
        }
        let _guard = PanicsInDrop;
        pending::<anyhow::Result<()>>().await
    };
    let run = Run::spawn(Scope::default(), Source::new(0..2), Settings::new("stops", 2), Arc::new(job));
    let report = run.finish().await;
    let first = "item 0 at stage `stops` failed: the first cause";
    assert_eq!(told(&report), [first, "item 1 at stage `stops` panicked: as it is dropped"]);
    assert!(report.to_string().ends_with(&format!("first failure not taken: {first}")), "{report}");
}

#[tokio::test]
async fn report_has_yielded_failures_before_the_others() {
    let outputs = |item: u32| async move {
        anyhow::ensure!(item.is_multiple_of(2), "{item} is odd");
        Ok(PanicsInDrop)
    };
    let report = going_on(&Scope::default(), 4, outputs).finish().await;
    let dropped = "stage `check` panicked: as it is dropped";
    let yielded = ["item 1 at stage `check` failed: 1 is odd", "item 3 at stage `check` failed: 3 is odd"];
    assert_eq!(told(&report)[..2], yielded, "{:?}", report.failures);
    assert!(told(&report)[2..].iter().all(|failure| failure == dropped));
}

#[tokio::test]
async fn failures_of_a_dropped_future_come_first_in_the_scope() {
    let bad = |item: u32| async move { Err::<u32, _>(anyhow::anyhow!("{item} is bad")) };
    let scope = Scope::default();
    for finishes in [true, false] {
        let run = going_on(&scope, 1_100, bad);
        let mut taking: std::pin::Pin<Box<dyn Future<Output = ()>>> = if finishes {
            Box::pin(async { drop(run.finish().await) })
        } else {
            Box::pin(async { drop(run.outcomes().await) })
        };
        for _ in 0..50 {
            assert!(taking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            yield_now().await;
        }
        drop(taking);
        let failure = scope.wait().await.expect_err("all are bad");
        assert_eq!(format!("{failure:#}"), "item 0 at stage `check` failed: 0 is bad");
        // The next round starts without the other failures.
        assert!(!scope.take_failures().is_empty());
    }
}

/// Starts a run of three outputs that panic in their drops. The fourth job fails, or waits forever.
fn three_that_panic(scope: &Scope, fails: bool) -> Run<PanicsInDrop> {
    let job = move |item: u32| async move {
        if item == 3 && fails {
            anyhow::bail!("no more");
        }
        if item == 3 {
            pending::<()>().await;
        }
        Ok(PanicsInDrop)
    };
    Run::spawn(scope.clone(), Source::new(0..4), Settings::new("three", 1), Arc::new(job))
}

const DROPPED: &str = "stage `three` panicked: as it is dropped";

#[tokio::test]
async fn collect_that_fails_drops_its_outputs_one_by_one() {
    let scope = Scope::default();
    let Err(failure) = three_that_panic(&scope, true).collect().await else { panic!("item 3 fails") };
    assert_eq!(format!("{failure:#}"), "item 3 at stage `three` failed: no more");
    assert_eq!(format!("{:#}", scope.wait().await.expect_err("they panicked")), DROPPED);
}

#[tokio::test]
async fn collect_that_is_dropped_drops_its_outputs_one_by_one() {
    let scope = Scope::default();
    let mut collecting = Box::pin(three_that_panic(&scope, false).collect());
    for _ in 0..50 {
        assert!(collecting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        yield_now().await;
    }
    drop(collecting);
    assert_eq!(format!("{:#}", scope.wait().await.expect_err("they panicked")), DROPPED);
}

#[tokio::test]
async fn run_with_a_taken_failure_fails_its_downstream_stage() {
    let fails = |_: u32| async { Err::<u32, _>(anyhow::anyhow!("no")) };
    let mut first =
        Run::spawn(Scope::default(), Source::new(0..3), Settings::new("first", 1), Arc::new(fails));
    first.next().await.expect("a failure").expect_err("each job fails");
    let pass = |item: u32| async move { Ok(item) };
    let second = Run::spawn(Scope::default(), Source::new(first), Settings::new("second", 1), Arc::new(pass));
    let failure = second.collect().await.expect_err("it had been stopped");
    assert_eq!(format!("{failure:#}"), "stage `second` was cancelled: the run before it had been stopped");
}
