//! A task of a scope that drives a run in this scope, and a stop from outside: the result is the same in every round.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use towpath_pattern::anyhow::Context;
use towpath_pattern::{Cancelled, Cause, OnFailure, Run, Scope, Settings, anyhow};

use crate::run_in;

pub(crate) const ROUNDS: usize = 300;

pub(crate) fn threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime")
}

/// Starts a run that never ends by itself.
pub(crate) fn endless(scope: &Scope) -> Run<()> {
    run_in(scope, 0..4, Settings::new("inner", 2), |_: i32| pending::<anyhow::Result<()>>())
}

pub(crate) type Driving = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// A way in which a task, or a job, drives a run in a scope.
pub(crate) type Drive = fn(Scope) -> Driving;

pub(crate) const DRIVES: [(&str, Drive); 6] = [
    ("collect", |scope| Box::pin(async move { Ok(endless(&scope).collect().await.map(drop)?) })),
    ("next", |scope| Box::pin(async move { Ok(endless(&scope).next().await.expect("it fails")?) })),
    ("context", |scope| {
        Box::pin(async move { endless(&scope).collect().await.map(drop).context("while it collected") })
    }),
    ("child", |scope| Box::pin(async move { Ok(endless(&scope.child("inner")).collect().await.map(drop)?) })),
    ("discarding the rest", |scope| {
        Box::pin(async move {
            let mut report = endless(&scope).finish().await;
            Err(report.failures.pop().expect("it fails").into())
        })
    }),
    ("failures go on", |scope| {
        Box::pin(async move {
            let mut settings = Settings::new("inner", 2);
            settings.on_failure = OnFailure::Continue;
            let run = run_in(&scope, 0..4, settings, |_: i32| pending::<anyhow::Result<()>>());
            Ok(run.collect().await.map(drop)?)
        })
    }),
];

/// Returns a text for every way with unexpected results: the number of these rounds, and the first result.
pub(crate) fn differing<F>(drives: &[(&str, Drive)], round: impl Fn(usize, Drive) -> F) -> Vec<String>
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let runtime = threads();
    let mut differing = Vec::new();
    for (what, drive) in drives {
        // The round is spawned, so it runs on a thread of the runtime, concurrently with the tasks of the round.
        let came_to = |at| runtime.block_on(runtime.spawn(round(at, *drive))).expect("no panic");
        let wrong: Vec<_> = (0..ROUNDS).filter_map(|at| came_to(at).err()).collect();
        if let Some(first) = wrong.first() {
            differing.push(format!("{what}: {} of {ROUNDS}, as: {first}", wrong.len()));
        }
    }
    differing
}

/// Lets the tasks proceed to a point that depends on the round.
pub(crate) async fn a_while(round: usize) {
    for _ in 0..round % 16 {
        yield_now().await;
    }
}

#[test]
fn task_driving_a_run_in_a_cancelled_scope_leaves_no_failure() {
    let differing = differing(&DRIVES, |round, drive| async move {
        let scope = Scope::new("both");
        for _ in 0..2 {
            scope.spawn("driving", drive(scope.clone()));
        }
        a_while(round).await;
        scope.cancel();
        scope.wait().await.map_err(|failure| format!("{failure:#}"))
    });
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn task_of_a_child_driving_a_run_in_a_cancelled_parent_leaves_no_failure() {
    let differing = differing(&DRIVES, |round, drive| async move {
        let scope = Scope::new("both");
        let child = scope.child("child");
        child.spawn("driving", drive(scope.clone()));
        drop(child.clone());
        a_while(round).await;
        scope.cancel();
        child.wait().await.and(scope.wait().await).map_err(|failure| format!("{failure:#}"))
    });
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn task_driving_a_run_whose_token_is_cancelled_leaves_no_failure() {
    let differing = differing(&DRIVES, |round, drive| async move {
        let scope = Scope::new("both");
        scope.spawn("driving", drive(scope.clone()));
        a_while(round).await;
        scope.token().cancel();
        scope.wait().await.map_err(|failure| format!("{failure:#}"))
    });
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn task_driving_a_run_at_the_deadline_fails_with_the_deadline() {
    let differing = differing(&DRIVES, |_, drive| async move {
        let scope = Scope::new("both").with_timeout(Duration::from_millis(1));
        scope.spawn("driving", drive(scope.clone()));
        let failure = scope.wait().await.expect_err("the deadline passed");
        let deadline = matches!(failure.cause(), Cause::Cancelled(Cancelled::Deadline));
        if deadline { Ok(()) } else { Err(format!("{failure:#}")) }
    });
    assert!(differing.is_empty(), "{differing:#?}");
}

/// A cancellation of the run alone is a failure of the task that drives the run.
#[tokio::test]
async fn task_whose_run_is_cancelled_alone_has_failed() {
    let scope = Scope::new("both");
    let within = scope.clone();
    scope.spawn("driving", async move {
        let run = endless(&within);
        run.cancel();
        Ok(run.collect().await.map(drop)?)
    });
    let failure = scope.wait().await.expect_err("it failed");
    assert!(matches!(failure.cause(), Cause::Errored(_)), "{failure:#}");
}

#[tokio::test]
async fn task_that_fails_by_itself_in_a_cancelled_scope_has_failed() {
    let scope = Scope::new("both");
    let within = scope.clone();
    scope.spawn("failing", async move {
        within.cancel();
        anyhow::bail!("by itself")
    });
    let failure = scope.wait().await.expect_err("it failed");
    assert_eq!(format!("{failure:#}"), "stage `failing` failed: by itself");
}

/// The earlier deadline of an inner scope is a failure of the task, as long as the scope of the task is not cancelled.
#[tokio::test(start_paused = true)]
async fn task_driving_a_run_with_an_earlier_deadline_has_failed() {
    let scope = Scope::new("outer").with_timeout(Duration::from_secs(2));
    let inner = scope.with_timeout(Duration::from_secs(1));
    scope.spawn("driving", async move { Ok(endless(&inner).collect().await.map(drop)?) });
    let failure = scope.wait().await.expect_err("it failed");
    assert!(matches!(failure.cause(), Cause::Errored(_)), "{failure:#}");
}
