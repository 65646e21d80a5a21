//! The scope of the jobs of a run: failures in it, its cancellation, and a run whose tasks are left.

use std::future::{Future, pending};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::timeout;
use towpath_pattern::{
    Cancelled, Cause, Failure, Job, OnFailure, Report, Run, Scope, Settings, Source, anyhow, scoped,
};

use crate::{run_in, settle};

const POLICIES: [OnFailure; 2] = [OnFailure::Stop, OnFailure::Continue];

/// Returns the output of `future`. The clock is paused, so the time is up when no task can proceed.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("it hangs")
}

async fn finish<Out: Send + 'static>(run: Run<Out>) -> Report {
    soon(run.finish()).await
}

fn assert_only(report: &Report, expected: &str) {
    let failures: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert_eq!(failures, [expected], "{report}");
}

fn is_by(failure: &Failure, by: Cancelled) -> bool {
    matches!(failure.cause(), Cause::Cancelled(cancelled) if *cancelled == by)
}

/// A task that fails after all jobs have completed.
async fn fails_later() -> anyhow::Result<()> {
    settle().await;
    settle().await;
    anyhow::bail!("too late")
}

#[tokio::test(start_paused = true)]
async fn failure_of_a_task_fails_a_run_that_had_succeeded() {
    for on_failure in POLICIES {
        let job = scoped(async |scope: &Scope, item: u32| {
            if item == 0 {
                scope.spawn("task", fails_later());
            }
            Ok(item)
        });
        let scope = Scope::new("outer");
        let mut run = run_in(&scope, 0..3, Settings::new("stage", 2).on_failure(on_failure), job);
        let mut outcomes = Vec::new();
        while let Some(outcome) = soon(run.next()).await {
            outcomes.push(outcome.map_err(|failure| format!("{failure:#}")));
        }
        let failure = outcomes.pop().expect("there are four");
        assert_eq!(failure, Err("stage `task` failed: too late".to_owned()));
        assert_eq!(outcomes.len(), 3);
        assert!(outcomes.iter().all(Result::is_ok));
        assert!(finish(run).await.failures.is_empty(), "it was taken");
        soon(scope.wait()).await.expect("it was reported");
    }
}

/// The scope of a dropped run gets the failure of a task.
#[tokio::test(start_paused = true)]
async fn failure_of_a_task_of_a_dropped_run_goes_to_the_scope() {
    let job = scoped(async |scope: &Scope, item: u32| {
        scope.spawn("task", async { anyhow::bail!("on purpose") });
        Ok(item)
    });
    let scope = Scope::new("outer");
    let run = run_in(&scope, 0..1, Settings::new("stage", 1), job);
    settle().await;
    drop(run);
    let failure = soon(scope.wait()).await.expect_err("a task failed");
    assert_eq!(format!("{failure:#}"), "stage `task` failed: on purpose");
}

/// The other jobs wait, so only the failure wakes the run.
#[tokio::test(start_paused = true)]
async fn failure_of_a_task_stops_a_run_whose_jobs_wait() {
    for on_failure in POLICIES {
        let job = scoped(async |scope: &Scope, item: u32| {
            if item == 0 {
                scope.spawn("task", fails_later());
            }
            pending::<anyhow::Result<u32>>().await
        });
        let scope = Scope::new("outer");
        let run = run_in(&scope, 0..3, Settings::new("stage", 2).on_failure(on_failure), job);
        assert_only(&finish(run).await, "stage `task` failed: too late");
        soon(scope.wait()).await.expect("it was reported");
    }
}

/// A failure of a task cancels the tasks of the other jobs. The errors of these jobs do not mask the failure.
#[tokio::test(start_paused = true)]
async fn failure_of_a_task_is_the_first_cause() {
    for on_failure in POLICIES {
        for in_child in [false, true] {
            let job = scoped(async |scope: &Scope, (in_child, item): (bool, u32)| {
                if item == 2 {
                    scope.spawn("task", async { anyhow::bail!("first") });
                }
                let scope = if in_child { scope.child("child") } else { scope.clone() };
                let inner = run_in(&scope, 0..2, Settings::new("inner", 2), |_: i32| pending());
                Ok(inner.collect().await.map(|_: Vec<()>| item)?)
            });
            let scope = Scope::new("outer");
            let items = (0..5).map(move |item| (in_child, item));
            let run = run_in(&scope, items, Settings::new("stage", 3).on_failure(on_failure), job);
            let report = finish(run).await;
            assert_only(&report, "stage `task` failed: first");
            assert_eq!(report.stages[0].counts.errored, 0, "{report}");
            soon(scope.wait()).await.expect("it was reported");
        }
    }
}

/// A task in a child of the scope fails alone.
#[tokio::test(start_paused = true)]
async fn failure_in_a_child_that_its_job_waits_for_stops_no_other_job() {
    let job = scoped(async |scope: &Scope, item: u32| {
        let own = scope.child("own");
        own.spawn("task", async move {
            anyhow::ensure!(item != 1, "on purpose");
            Ok(())
        });
        own.wait().await?;
        Ok(item)
    });
    let settings = Settings::new("stage", 2).on_failure(OnFailure::Continue);
    let report = finish(run_in(&Scope::new("outer"), 0..5, settings, job)).await;
    assert_eq!((report.stages[0].counts.succeeded, report.stages[0].counts.errored), (4, 1), "{report}");
}

/// The failure of a child without a wait is reported at the end of the run, and is not lost.
#[tokio::test(start_paused = true)]
async fn failure_in_a_child_without_a_wait_is_reported_at_the_end() {
    let job = scoped(async |scope: &Scope, item: u32| {
        scope.child("own").spawn("task", async move { anyhow::bail!("of {item}") });
        yield_now().await;
        Ok(item)
    });
    let scope = Scope::new("outer");
    let report = finish(run_in(&scope, 0..1, Settings::new("stage", 1), job)).await;
    // The child has no owner left, so its task may be cancelled before the first poll.
    assert!(report.failures.len() <= 1, "{report}");
    soon(scope.wait()).await.expect("nothing is left");
}

#[tokio::test(start_paused = true)]
async fn cancellation_of_the_scope_of_the_jobs_stops_the_run() {
    for on_failure in POLICIES {
        let job = scoped(async |scope: &Scope, item: u32| {
            if item == 1 {
                scope.cancel();
            }
            let inner = run_in(scope, 0..2, Settings::new("inner", 2), |_: i32| pending());
            Ok(inner.collect().await.map(|_: Vec<()>| item)?)
        });
        let scope = Scope::new("outer");
        let run = run_in(&scope, 0..9, Settings::new("stage", 3).on_failure(on_failure), job);
        let report = finish(run).await;
        assert!(matches!(&report.failures[..], [failure] if is_by(failure, Cancelled::Scope)), "{report}");
        assert_eq!(report.stages[0].counts.errored, 0, "{report}");
        soon(scope.wait()).await.expect("cancelled by hand");
    }
}

/// Starts a run whose one job has completed, and whose task never ends; waits until the output is there.
async fn with_a_task_left(scope: &Scope) -> Run<u32> {
    let job = scoped(async |scope: &Scope, item: u32| {
        scope.spawn("task", pending());
        Ok(item)
    });
    let mut run = run_in(scope, 0..1, Settings::new("stage", 1), job);
    assert_eq!(soon(run.next()).await.expect("an output").expect("no failure"), 0);
    settle().await;
    run
}

#[tokio::test(start_paused = true)]
async fn run_that_waits_for_a_task_can_be_cancelled() {
    type Cancel = fn(&Run<u32>, &Scope);
    let cancels: [Cancel; 3] =
        [|run, _| run.cancel(), |_, scope| scope.cancel(), |_, scope| scope.token().cancel()];
    for cancel in cancels {
        let scope = Scope::new("outer");
        let run = with_a_task_left(&scope).await;
        cancel(&run, &scope);
        let report = finish(run).await;
        assert!(
            matches!(&report.failures[..], [failure] if is_by(failure, Cancelled::Scope)
            || is_by(failure, Cancelled::Run)),
            "{report}"
        );
        assert_eq!(report.stages[0].counts.succeeded, 1);
        soon(scope.wait()).await.expect("cancelled by hand");
    }
}

#[tokio::test(start_paused = true)]
async fn run_that_waits_for_a_task_can_be_dropped() {
    let scope = Scope::new("outer");
    drop(with_a_task_left(&scope).await);
    soon(scope.wait()).await.expect("a drop is no failure");
}

#[tokio::test(start_paused = true)]
async fn run_that_waits_for_a_task_stops_at_the_deadline() {
    let scope = Scope::new("outer").with_timeout(Duration::from_secs(1));
    let report = finish(with_a_task_left(&scope).await).await;
    assert!(matches!(&report.failures[..], [failure] if is_by(failure, Cancelled::Deadline)), "{report}");
}

/// The stage before waits for a task, and the stage behind fails meanwhile.
#[tokio::test(start_paused = true)]
async fn stage_that_waits_for_a_task_stops_for_the_downstream_stage() {
    let scope = Scope::new("outer");
    let job = scoped(async |scope: &Scope, item: u32| {
        scope.spawn("task", pending());
        Ok(item)
    });
    let first = run_in(&scope, 0..1, Settings::new("first", 1), job);
    let next = run_in(&scope, first, Settings::new("next", 1), |_: u32| async {
        settle().await;
        anyhow::Result::<()>::Err(anyhow::anyhow!("behind"))
    });
    assert_only(&finish(next).await, "item 0 at stage `next` failed: behind");
    soon(scope.wait()).await.expect("it was reported");
}

/// A task of the first stage fails while the second stage waits.
#[tokio::test(start_paused = true)]
async fn failure_of_a_task_of_the_first_stage_stops_the_second() {
    let scope = Scope::new("outer");
    let job = scoped(async |scope: &Scope, item: u32| {
        scope.spawn("task", fails_later());
        Ok(item)
    });
    let first = run_in(&scope, 0..1, Settings::new("first", 1), job);
    let next = run_in(&scope, first, Settings::new("next", 1), |_: u32| pending::<anyhow::Result<()>>());
    assert_only(&finish(next).await, "stage `task` failed: too late");
    soon(scope.wait()).await.expect("it was reported");
}

/// A clone of the scope that outlives the run is cancelled.
#[tokio::test(start_paused = true)]
async fn scope_that_outlives_its_run_starts_nothing() {
    for used in [false, true] {
        let kept = Arc::new(Mutex::new(None));
        let job = KeepsItsScope { kept: Arc::clone(&kept), used };
        let scope = Scope::new("outer");
        let report = finish(run_in(&scope, 0..1, Settings::new("stage", 1), job)).await;
        assert!(report.failures.is_empty(), "{report}");
        let of_the_jobs = kept.lock().expect("no panic").take().expect("the job ran");
        let polled = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&polled);
        of_the_jobs.spawn("task", async move {
            counting.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        soon(scope.wait()).await.expect("nothing is left");
        assert_eq!(polled.load(Ordering::Relaxed), 0);
        assert!(of_the_jobs.token().is_cancelled());
    }
}

struct KeepsItsScope {
    kept: Arc<Mutex<Option<Scope>>>,
    used: bool,
}

impl Job<u32> for KeepsItsScope {
    type Out = u32;

    async fn call(&self, _: u32) -> anyhow::Result<u32> {
        unreachable!("a pattern calls `call_in`")
    }

    async fn call_in(&self, item: u32, scope: &Scope) -> anyhow::Result<u32> {
        if self.used {
            scope.spawn("task", async { Ok(()) });
        }
        *self.kept.lock().expect("no panic") = Some(scope.clone());
        Ok(item)
    }
}

/// A task of a job waits until the output is taken, and the receiver takes the output.
#[tokio::test(start_paused = true)]
async fn task_that_waits_for_its_output_to_be_taken_ends() {
    let job = scoped(async |scope: &Scope, _: u32| {
        let (taken, until_taken) = oneshot::channel::<()>();
        scope.spawn("task", async move { Ok(until_taken.await?) });
        Ok(taken)
    });
    let mut run = run_in(&Scope::new("outer"), 0..100, Settings::new("stage", 2).capacity(0), job);
    while let Some(taken) = soon(run.next()).await {
        taken.expect("no failure").send(()).expect("the task waits");
    }
    assert!(finish(run).await.failures.is_empty());
}

/// A task of a job that feeds the source of its own run.
#[tokio::test(start_paused = true)]
async fn task_that_sends_to_the_source_of_its_run_ends() {
    let (sender, source) = Source::channel(1);
    sender.send(0).await.expect("there is room");
    let job = Feeds { sender: Arc::new(Mutex::new(Some(sender))) };
    let outputs = soon(run_in(&Scope::new("outer"), source, Settings::new("stage", 1), job).collect()).await;
    assert_eq!(outputs.expect("no failure").len(), 11);
}

/// The first job starts a task that sends ten more items and drops the sender.
struct Feeds {
    sender: Arc<Mutex<Option<async_channel::Sender<u32>>>>,
}

impl Job<u32> for Feeds {
    type Out = u32;

    async fn call(&self, _: u32) -> anyhow::Result<u32> {
        unreachable!("a pattern calls `call_in`")
    }

    async fn call_in(&self, item: u32, scope: &Scope) -> anyhow::Result<u32> {
        if let Some(sender) = self.sender.lock().expect("no panic").take() {
            scope.spawn("feeding", async move {
                for item in 1..=10 {
                    sender.send(item).await?;
                }
                Ok(())
            });
        }
        Ok(item)
    }
}

/// A scoped function that is called without a scope waits for a scope of its own.
#[tokio::test(start_paused = true)]
async fn scoped_function_called_without_a_scope_waits_for_its_own() {
    let job = scoped(async |scope: &Scope, ended: Arc<AtomicUsize>| {
        scope.spawn("task", async move {
            settle().await;
            ended.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        Ok(())
    });
    let ended = Arc::new(AtomicUsize::new(0));
    soon(job.call(Arc::clone(&ended))).await.expect("no failure");
    assert_eq!(ended.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn scoped_function_called_without_a_scope_fails_at_once() {
    let job = scoped(async |scope: &Scope, in_task: bool| {
        if in_task {
            scope.spawn("task", async { anyhow::bail!("of the task") });
            let inner = run_in(scope, 0..2, Settings::new("inner", 2), |_: i32| pending());
            Ok(inner.collect().await.map(|_: Vec<()>| ())?)
        } else {
            scope.spawn("task", pending());
            anyhow::bail!("of the function")
        }
    });
    let error = soon(job.call(false)).await.expect_err("it fails");
    assert_eq!(error.to_string(), "of the function");
    let error = soon(job.call(true)).await.expect_err("its task fails");
    assert_eq!(format!("{error:#}"), "stage `task` failed: of the task");
}
