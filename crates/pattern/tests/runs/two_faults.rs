//! A job that goes wrong twice: what came first is told as its outcome, and what came later is told, too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use towpath_pattern::{OnFailure, Run, Scope, Settings, anyhow};

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
