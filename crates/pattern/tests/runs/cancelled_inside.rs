//! A run whose jobs drive runs of the same scope, and a stop from outside: the result is the same in every round.

use std::future::Future;
use std::time::Duration;

use tokio::task::yield_now;
use towpath_pattern::{Cancelled, Cause, Failure, OnFailure, Run, Scope, Settings};

use crate::cancelled_task::{DRIVES, Drive, differing, endless};
use crate::run_in;

/// Drives a run between the outer run and the inner run.
const NESTED: (&str, Drive) = ("nested", |scope| {
    Box::pin(async move {
        let within = scope.clone();
        let job = move |_: i32| {
            let scope = within.clone();
            async move { Ok(endless(&scope).collect().await.map(drop)?) }
        };
        Ok(run_in(&scope, 0..2, Settings::new("between", 2), job).collect().await.map(drop)?)
    })
});

fn outer(scope: &Scope, on_failure: OnFailure, drive: Drive) -> Run<()> {
    let within = scope.clone();
    let mut settings = Settings::new("outer", 2);
    settings.on_failure = on_failure;
    run_in(scope, 0..4, settings, move |_: i32| drive(within.clone()))
}

/// Waits until two jobs of a run have started, and then for a time that depends on the round.
async fn begun(run: &Run<()>, round: usize) {
    while run.report().stages[0].counts.running < 2 {
        yield_now().await;
    }
    for _ in 0..round % 8 {
        yield_now().await;
    }
}

fn is_by(failure: &Failure, by: Cancelled) -> bool {
    matches!(failure.cause(), Cause::Cancelled(cancelled) if *cancelled == by)
}

/// Tries every way to drive a run, under both policies.
fn try_all<F>(round: impl Fn(usize, OnFailure, Drive) -> F)
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let drives: Vec<_> = DRIVES.into_iter().chain([NESTED]).collect();
    for on_failure in [OnFailure::Stop, OnFailure::Continue] {
        let differing = differing(&drives, |at, drive| round(at, on_failure, drive));
        assert!(differing.is_empty(), "{on_failure:?}: {differing:#?}");
    }
}

async fn closed(scope: &Scope) -> Result<(), String> {
    scope.wait().await.map_err(|failure| format!("closed: {failure:#}"))
}

#[test]
fn outer_run_of_a_cancelled_scope_counts_its_items_as_cancelled() {
    try_all(|round, on_failure, drive| async move {
        let scope = Scope::new("both");
        let run = outer(&scope, on_failure, drive);
        begun(&run, round).await;
        scope.cancel();
        let report = run.finish().await;
        let counts = report.stages[0].counts;
        let only = matches!(&report.failures[..], [failure] if is_by(failure, Cancelled::Scope));
        if counts.errored > 0 || !only {
            return Err(report.to_string());
        }
        closed(&scope).await
    });
}

#[test]
fn outer_run_of_a_cancelled_scope_fails_as_cancelled() {
    try_all(|round, on_failure, drive| async move {
        let scope = Scope::new("both");
        let run = outer(&scope, on_failure, drive);
        begun(&run, round).await;
        scope.cancel();
        let failure = run.collect().await.expect_err("it was cancelled");
        if !is_by(&failure, Cancelled::Scope) {
            return Err(format!("{failure:#}"));
        }
        closed(&scope).await
    });
}

#[test]
fn outer_run_dropped_in_a_cancelled_scope_leaves_no_failure() {
    try_all(|round, on_failure, drive| async move {
        let scope = Scope::new("both");
        let run = outer(&scope, on_failure, drive);
        begun(&run, round).await;
        scope.cancel();
        for _ in 0..round % 3 {
            yield_now().await;
        }
        drop(run);
        closed(&scope).await
    });
}

#[test]
fn outer_run_dropped_in_an_open_scope_leaves_no_failure() {
    try_all(|round, on_failure, drive| async move {
        let scope = Scope::new("both");
        let run = outer(&scope, on_failure, drive);
        begun(&run, round).await;
        drop(run);
        closed(&scope).await
    });
}

/// A later stage does not count the cancellation of the first stage as a failure either.
#[test]
fn later_stage_of_a_cancelled_scope_fails_as_cancelled() {
    try_all(|round, on_failure, drive| async move {
        let scope = Scope::new("both");
        let first = outer(&scope, on_failure, drive);
        begun(&first, round).await;
        let within = scope.clone();
        let mut settings = Settings::new("later", 2);
        settings.on_failure = on_failure;
        let run = run_in(&scope, first, settings, move |()| drive(within.clone()));
        scope.cancel();
        let report = run.finish().await;
        let only = report.failures.iter().all(|failure| is_by(failure, Cancelled::Scope));
        if report.stages.iter().any(|stage| stage.counts.errored > 0) || !only {
            return Err(report.to_string());
        }
        closed(&scope).await
    });
}

#[test]
fn outer_run_at_the_deadline_fails_with_the_deadline() {
    try_all(|_, on_failure, drive| async move {
        let scope = Scope::new("both").with_timeout(Duration::from_millis(1));
        let run = outer(&scope, on_failure, drive);
        let failure = run.collect().await.expect_err("it was stopped");
        if is_by(&failure, Cancelled::Deadline) { Ok(()) } else { Err(format!("{failure:#}")) }
    });
}

/// A task that drives the outer run adds no failure.
#[test]
fn task_driving_nested_runs_in_a_cancelled_scope_leaves_no_failure() {
    try_all(|round, on_failure, drive| async move {
        let scope = Scope::new("both");
        let within = scope.clone();
        scope.spawn(
            "driving",
            async move { Ok(outer(&within, on_failure, drive).collect().await.map(drop)?) },
        );
        for _ in 0..round % 16 {
            yield_now().await;
        }
        scope.cancel();
        closed(&scope).await
    });
}

/// A cancellation of the inner run alone is an error of the job that drives it.
#[tokio::test]
async fn job_whose_inner_run_is_cancelled_alone_has_failed() {
    let scope = Scope::new("outer");
    let within = scope.clone();
    let job = move |(): ()| {
        let scope = within.clone();
        async move {
            let run = endless(&scope);
            run.cancel();
            Ok(run.collect().await.map(drop)?)
        }
    };
    let failure =
        run_in(&scope, [()], Settings::new("outer", 1), job).collect().await.expect_err("it failed");
    assert!(matches!(failure.cause(), Cause::Errored(_)), "{failure:#}");
}
