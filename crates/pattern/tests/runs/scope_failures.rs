//! Every failure of a task or a run is returned or counted once.

use std::fmt;
use std::future::pending;

use tokio::task::yield_now;
use towpath_pattern::{Job, OnFailure, Report, Run, Scope, Settings, Source, anyhow, scoped};

const ABOVE: usize = Report::KEPT_FAILURES + 500;

/// Returns the failure of a task in a scope of its own.
async fn failure(stage: &'static str) -> towpath_pattern::Failure {
    let scope = Scope::new(stage);
    scope.spawn(stage, async { anyhow::bail!("the release") });
    scope.wait().await.expect_err("the task failed")
}

/// The task cancels its scope, and returns the cancellation with a later failure, as `with_in` of a resource does.
#[tokio::test]
async fn cancellation_with_a_later_failure_is_a_failure_of_the_task() {
    let scope = Scope::new("request");
    let own = scope.clone();
    scope.spawn("transfer", async move {
        let inner = own.child("inner");
        let job = std::sync::Arc::new(|_: u32| pending::<anyhow::Result<()>>());
        let waits = Run::spawn(inner.clone(), Source::new([1]), Settings::new("wait", 1), job);
        inner.cancel();
        let stopped = waits.collect().await.expect_err("the scope was cancelled");
        let stopped = stopped.followed_by([failure("release").await]);
        // No await follows, so the task returns the failure before the stop.
        own.cancel();
        Err(stopped.into())
    });
    let failure = scope.wait().await.expect_err("the release failed");
    assert!(format!("{failure:#}").contains("stage `release` failed: the release"), "{failure:#}");
}

/// Handles that are dropped before the failures leave all failures to the scope.
#[tokio::test]
async fn failures_of_dropped_handles_are_counted_once() {
    let scope = Scope::new("server").on_failure(OnFailure::Continue);
    for _ in 0..ABOVE {
        drop(scope.spawn_value("task", async { Err::<(), _>(anyhow::anyhow!("no route")) }));
    }
    scope.wait().await.expect_err("all tasks failed");
    assert_eq!(scope.failure_count(), ABOVE);
}

/// A handle returns a failure that the full scope has counted.
#[tokio::test]
async fn failure_beyond_the_bound_is_returned_by_the_handle() {
    let scope = Scope::new("full").on_failure(OnFailure::Continue);
    for _ in 0..Report::KEPT_FAILURES {
        scope.spawn("task", async { anyhow::bail!("no route") });
    }
    scope.wait().await.expect_err("all tasks failed");
    scope.spawn("task", async { anyhow::bail!("no route") });
    while scope.failure_count() <= Report::KEPT_FAILURES {
        yield_now().await;
    }
    let stops = scope.clone().on_failure(OnFailure::Stop);
    let last = stops.spawn_value("last", async { Err::<(), _>(anyhow::anyhow!("no space")) });
    assert_eq!(format!("{:#}", last.await.expect_err("it failed")), "stage `last` failed: no space");
    assert_eq!(scope.failure_count(), Report::KEPT_FAILURES + 2);
}

/// A collected run leaves its further failures to the scope, which counts the failures beyond the bound.
#[tokio::test]
async fn failures_of_a_collected_run_are_all_counted() {
    let scope = Scope::new("import");
    let settings = Settings::new("fetch", 8).on_failure(OnFailure::Continue);
    let fails = std::sync::Arc::new(|_: usize| async { Err::<(), _>(anyhow::anyhow!("no route")) });
    let run = Run::spawn(scope.clone(), Source::new(0..2 * ABOVE), settings, fails);
    run.collect().await.expect_err("all items failed");
    scope.wait().await.expect_err("further items failed");
    assert_eq!(scope.failure_count(), 2 * ABOVE - 1);
}

#[derive(Debug)]
struct PanicsInSource;

impl fmt::Display for PanicsInSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error")
    }
}

impl std::error::Error for PanicsInSource {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        panic!("no source")
    }
}

#[tokio::test]
async fn panic_in_the_source_of_an_error_is_the_failure_of_the_task() {
    let scope = Scope::new("tasks");
    scope.spawn("task", async { Err(PanicsInSource.into()) });
    let failure = scope.wait().await.expect_err("the error panics");
    assert_eq!(failure.to_string(), "stage `task` panicked: no source");
}

/// Failures that are each followed by an earlier failure form a single list.
#[tokio::test]
async fn failures_followed_by_followed_failures_need_no_stack() {
    let mut all = failure("first").await;
    for _ in 0..20_000 {
        all = failure("next").await.followed_by([all]);
    }
    assert_eq!(all.later().len(), 20_000);
    assert_eq!(format!("{all:#}").matches("the release").count(), 20_001);
}

/// A job that fails after a task of its own scope: the error of the job comes first, and the task follows.
#[tokio::test]
async fn scoped_job_without_a_run_returns_its_error_and_the_failure_of_its_task() {
    let job = scoped(async |scope: &Scope, _: u32| {
        let task = scope.spawn_value("task", async { Err::<(), _>(anyhow::anyhow!("no space")) });
        while !scope.token().is_cancelled() {
            yield_now().await;
        }
        drop(task);
        Err::<(), _>(anyhow::anyhow!("no route"))
    });
    let error = job.call(1).await.expect_err("the job failed");
    let text = format!("{error:#}");
    assert!(text.ends_with(": no route") && text.contains("stage `task` failed: no space"), "{text}");
}

/// The future of the function panics in its drop, after its error.
#[tokio::test]
async fn scoped_job_whose_drop_panics_keeps_its_error() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }
    /// Fails, and panics in its drop.
    struct Fails(Bomb);
    impl Future for Fails {
        type Output = anyhow::Result<()>;

        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Self::Output> {
            std::task::Poll::Ready(Err(anyhow::anyhow!("no route")))
        }
    }
    fn fails(_: &Scope, _: u32) -> Fails {
        Fails(Bomb)
    }
    let error = scoped(fails).call(1).await.expect_err("the job failed");
    let text = format!("{error:#}");
    assert!(text.ends_with(": no route") && text.contains("in the drop"), "{text}");

    let job = std::sync::Arc::new(scoped(fails));
    let run = Run::spawn(Scope::default(), Source::new([1]), Settings::new("fetch", 1), job);
    let (outcomes, report) = run.outcomes().await;
    let first = outcomes[0].as_ref().expect_err("the job failed");
    assert_eq!(format!("{first:#}"), "item 0 at stage `fetch` failed: no route");
    assert_eq!(report.failures.len(), 1, "the panic of the drop");
}
