//! A job that goes wrong twice: what came first is told as its outcome, and what came later is told, too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::yield_now;
use towpath_pattern::{Capacity, OnFailure, Run, Scope, Settings, anyhow};

/// Panics in its drop.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// Ends at once, and panics in its drop.
struct Job {
    result: Option<anyhow::Result<Bomb>>,
    _later: Bomb,
}

impl Future for Job {
    type Output = anyhow::Result<Bomb>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.result.take().expect("polled once"))
    }
}

/// What the report of a run of one such job says: its counts, and its failures in order.
async fn said(on_failure: OnFailure, result: fn() -> anyhow::Result<Bomb>) -> (String, Vec<String>) {
    let settings = Settings { on_failure, ..Settings::new("twice", 1) };
    let job = move |_: u32| Job { result: Some(result()), _later: Bomb("of the future") };
    let report = Run::spawn(Scope::default(), vec![0].into(), settings, Arc::new(job)).finish().await;
    let failures = report.failures.iter().map(ToString::to_string).collect();
    (report.last().to_string(), failures)
}

#[tokio::test]
async fn an_output_and_its_future_that_both_panic_as_they_are_dropped_are_both_told() {
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        let (counts, failures) = said(on_failure, || Ok(Bomb("of the output"))).await;
        assert!(counts.starts_with("1 taken, 1 panicked"), "{on_failure:?}: {counts}");
        let panicked = "item 0 at stage `twice`: panicked: of the ";
        assert_eq!(failures, [format!("{panicked}future"), format!("{panicked}output")], "{on_failure:?}");
    }
}

#[tokio::test]
async fn an_error_is_not_masked_by_a_panic_of_its_future() {
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        let (counts, failures) = said(on_failure, || Err(anyhow::anyhow!("the error"))).await;
        assert!(counts.starts_with("1 taken, 1 errored"), "{on_failure:?}: {counts}");
        let wanted =
            ["item 0 at stage `twice`: the error", "item 0 at stage `twice`: panicked: of the future"];
        assert_eq!(failures, wanted, "{on_failure:?}");
    }
}

/// What the scope hears of a run that is dropped when so many items are settled.
async fn heard_of(run: Run<Bomb>, items: usize, scope: Scope) -> String {
    while run.stats()[0].counts.settled() < items {
        yield_now().await;
    }
    drop(run);
    scope.closed().await.expect_err("a job failed").to_string()
}

#[tokio::test]
async fn a_scope_hears_what_came_first_in_a_dropped_run_and_not_what_its_drop_came_to() {
    let roomy = || Settings {
        capacity: Some(Capacity::new(10)),
        on_failure: OnFailure::Continue,
        ..Settings::new("twice", 1)
    };
    let scope = Scope::new("around");
    let job = |item: u32| async move {
        anyhow::ensure!(item != 0, "the error");
        Ok(Bomb("of the output"))
    };
    let run = Run::spawn(scope.clone(), vec![0, 1].into(), roomy(), Arc::new(job));
    assert_eq!(heard_of(run, 2, scope).await, "item 0 at stage `twice`: the error");

    let scope = Scope::new("around");
    let job = |_: u32| Job { result: Some(Err(anyhow::anyhow!("the error"))), _later: Bomb("of the future") };
    let run = Run::spawn(scope.clone(), vec![0].into(), roomy(), Arc::new(job));
    assert_eq!(heard_of(run, 1, scope).await, "item 0 at stage `twice`: the error");
}

#[tokio::test]
async fn finish_goes_to_the_end_though_outputs_that_it_drops_panic_where_failures_stop_nothing() {
    let settings = Settings { on_failure: OnFailure::Continue, ..Settings::new("twice", 1) };
    let job = |_: u32| async { Ok(Bomb("of the output")) };
    let report = Run::spawn(Scope::default(), (0..100).into(), settings, Arc::new(job)).finish().await;
    assert_eq!((report.last().succeeded, report.failures.len()), (100, 100), "{report}");
}
