//! A panic in the drop of a future or stream is reported after the error that it returned, and does not replace the
//! error.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use towpath_pattern::{OnFailure, Report, Run, Scope, Settings, Source, Yield, anyhow};

/// Fails in its poll, and panics in its drop.
struct FailsAndPanics;

impl Future for FailsAndPanics {
    type Output = anyhow::Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(anyhow::anyhow!("returned first")))
    }
}

impl Stream for FailsAndPanics {
    type Item = anyhow::Result<u32>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Err(anyhow::anyhow!("returned first"))))
    }
}

impl Drop for FailsAndPanics {
    fn drop(&mut self) {
        panic!("dropped later");
    }
}

const RETURNED: &str = "item 0 at stage `source` failed: returned first";

/// Returns the report of a run over `source`. No outputs are taken.
async fn report(source: Source<u32>, on_failure: OnFailure) -> Report {
    let settings = Settings::new("pass", 1).on_failure(on_failure);
    let pass = |item: u32| async move { Ok(item) };
    Run::spawn(Scope::default(), source, settings, Arc::new(pass)).finish().await
}

fn told(told: impl IntoIterator<Item = impl fmt::Display>) -> Vec<String> {
    told.into_iter().map(|failure| format!("{failure:#}")).collect()
}

#[tokio::test]
async fn stream_error_is_reported_before_the_panic_of_its_drop() {
    let source = || Source::try_stream(FailsAndPanics);
    let stopped = report(source(), OnFailure::Stop).await;
    assert_eq!(told(stopped.failures), [RETURNED, "stage `source` panicked: dropped later"]);
    let went_on = report(source(), OnFailure::Continue).await;
    assert_eq!(told(went_on.failures), [RETURNED, "stage `source` panicked: dropped later"]);
}

#[tokio::test]
async fn generator_error_is_reported_before_the_panic_of_its_drop() {
    let source = || Source::try_generate(|_: Yield<u32>| FailsAndPanics);
    let stopped = report(source(), OnFailure::Stop).await;
    assert_eq!(told(stopped.failures), [RETURNED, "stage `source` panicked: dropped later"]);
    let went_on = report(source(), OnFailure::Continue).await;
    assert_eq!(told(went_on.failures), [RETURNED, "stage `source` panicked: dropped later"]);
}

#[tokio::test]
async fn source_read_by_hand_yields_error_then_panic_then_end() {
    for mut source in
        [Source::try_stream(FailsAndPanics), Source::try_generate(|_: Yield<u32>| FailsAndPanics)]
    {
        let mut failures = Vec::new();
        while let Some(next) = source.next().await {
            failures.push(next.expect_err("it has no items"));
        }
        assert_eq!(told(failures), [RETURNED, "stage `source` panicked: dropped later"]);
    }
}

#[tokio::test]
async fn task_error_is_not_masked_by_the_panic_of_its_drop() {
    let scope = Scope::new("group");
    scope.spawn("failing", FailsAndPanics);
    let failure = scope.wait().await.expect_err("it failed");
    assert_eq!(format!("{failure:#}"), "stage `failing` failed: returned first");
}
