//! What a run gives to its taker: which failure, until when, and with which index.

use std::sync::Arc;

use futures_core::stream::FusedStream;
use tokio::task::yield_now;
use towpath_pattern::{Job, OnFailure, Order, Report, Run, Scope, Settings, Source, anyhow};

/// A run of `job` over so many items in their order, which goes on after failures.
fn going_on<J: Job<u32>>(scope: &Scope, items: u32, job: J) -> Run<J::Out> {
    let settings =
        Settings { order: Order::Ordered, on_failure: OnFailure::Continue, ..Settings::new("check", 2) };
    Run::spawn(scope.clone(), Source::from(0..items), settings, Arc::new(job))
}

async fn even(item: u32) -> anyhow::Result<u32> {
    anyhow::ensure!(item.is_multiple_of(2), "{item} is odd");
    Ok(item)
}

#[tokio::test]
async fn collect_gives_the_first_failure_and_the_scope_hears_of_the_next() {
    let scope = Scope::new("numbers");
    let first = going_on(&scope, 8, even).collect().await.expect_err("1 is odd");
    assert_eq!(first.to_string(), "item 1 at stage `check`: 1 is odd");
    let next = scope.closed().await.expect_err("3 is odd");
    assert_eq!(next.to_string(), "item 3 at stage `check`: 3 is odd");
}

#[tokio::test]
async fn a_run_says_that_it_is_at_its_end_once_all_is_yielded() {
    let scope = Scope::default();
    let mut run = going_on(&scope, 2, |item: u32| async move { Ok(item) });
    assert!(!run.is_terminated());
    assert!(run.next().await.is_some());
    // What was taken for the taker already is not yielded yet.
    while run.stats()[0].counts.running > 0 {
        yield_now().await;
    }
    assert!(!run.is_terminated());
    assert!(run.next().await.is_some() && run.next().await.is_none());
    assert!(run.is_terminated());
    assert!(run.next().await.is_none());
}

#[tokio::test]
async fn an_indexed_run_tells_the_input_of_outputs_and_failures() {
    let scope = Scope::default();
    let mut run = going_on(&scope, 3, even).indexed();
    let mut told = Vec::new();
    while let Some((index, result)) = run.next().await {
        told.push((index, result.is_ok()));
    }
    assert_eq!(told, [(Some(0), true), (Some(1), false), (Some(2), true)]);
    let report = run.finish().await;
    assert_eq!((report.last().succeeded, report.last().errored), (2, 1));

    let stopped = going_on(&scope, 3, |item: u32| async move {
        yield_now().await;
        Ok(item)
    });
    let mut stopped = stopped.indexed();
    stopped.cancel();
    let (index, result) = stopped.next().await.expect("an end that says why");
    assert_eq!((index, result.expect_err("it was cancelled").is_cancelled()), (None, true));
    assert!(stopped.into_inner().next().await.is_none());
}

#[tokio::test]
async fn a_report_counts_all_failures_and_keeps_the_first_thousand() {
    let bad = |item: u32| async move { Err::<u32, _>(anyhow::anyhow!("{item} is bad")) };
    let report = going_on(&Scope::default(), 1_100, bad).finish().await;
    assert_eq!((report.last().errored, report.failures.len()), (1_100, Report::KEPT_FAILURES));
    let told = report.failures.last().map(ToString::to_string);
    assert_eq!(told.as_deref(), Some("item 999 at stage `check`: 999 is bad"));
}

#[tokio::test]
async fn a_failure_that_order_holds_back_is_told_when_the_run_is_stopped() {
    let job = |item: u32| async move {
        if item == 0 {
            std::future::pending::<()>().await;
        }
        even(item).await
    };
    let run = going_on(&Scope::default(), 2, job);
    while run.stats()[0].counts.errored < 1 {
        yield_now().await;
    }
    run.cancel();
    let report = run.finish().await;
    let told: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["item 1 at stage `check`: 1 is odd", "stage `check`: cancelled: the run was cancelled"]
    );
}
