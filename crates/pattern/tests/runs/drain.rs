//! The drain of a run and of a scope: a single budget for all started work, and no new work.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use towpath_pattern::{
    Cancelled, Cause, Completed, OnFailure, PatternExt, Run, Scope, Settings, Source, Spawned, Taken, Work,
    anyhow, scoped,
};

use super::{run_in, settle};

const SECOND: Duration = Duration::from_secs(1);

async fn sleeps(seconds: u64) -> anyhow::Result<u64> {
    sleep(Duration::from_secs(seconds)).await;
    Ok(seconds)
}

fn is_drain(cause: &Cause) -> bool {
    matches!(cause, Cause::Cancelled(Cancelled::Drain))
}

#[tokio::test(start_paused = true)]
async fn drain_completes_what_has_started_and_gives_back_the_rest() {
    let (source, kept) = Source::new(1..).kept();
    let run = run_in(&Scope::default(), source, Settings::new("sleep", 3), sleeps);
    settle().await;
    let started = Instant::now();
    let report = run.drain(60 * SECOND).await;
    assert_eq!(started.elapsed(), 3 * SECOND, "the last job");
    let counts = report.last();
    assert_eq!((counts.succeeded, report.cancelled(), report.forced), (3, 0, false));
    assert_eq!(counts.taken, 3 + counts.never_started);
    assert!(report.failures.is_empty());
    let mut rest = kept.take().expect("the run is over");
    assert_eq!(rest.next().await.expect("endless").expect("no failure"), 4);
}

#[tokio::test(start_paused = true)]
async fn drain_cancels_at_the_end_of_the_budget() {
    let run = run_in(&Scope::default(), 1.., Settings::new("sleep", 5), sleeps);
    settle().await;
    let started = Instant::now();
    let report = run.drain(3500 * SECOND / 1000).await;
    assert_eq!(started.elapsed(), 3500 * SECOND / 1000);
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (3, 2, true));
    assert!(report.failures.len() == 1 && is_drain(report.failures[0].cause()));
    assert!(report.to_string().contains("the drain was forced"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn drain_of_a_completed_run_is_not_forced() {
    let run = run_in(&Scope::default(), [0], Settings::new("sleep", 5), sleeps);
    settle().await;
    let report = run.drain(Duration::ZERO).await;
    assert_eq!((report.last().succeeded, report.forced), (1, false));
}

/// The times of the stages add up to more than the budget: all stages share a single budget.
#[tokio::test(start_paused = true)]
async fn budget_is_one_for_all_stages() {
    for (budget, succeeded, forced) in [(7, 2, false), (5, 0, true)] {
        let scope = Scope::default();
        let stage = |source| Run::spawn(scope.clone(), source, Settings::new("stage", 2), Arc::new(sleeps));
        let run = stage(Source::new(stage(Source::new(vec![3, 3]))));
        settle().await;
        let started = Instant::now();
        let report = run.drain(budget * SECOND).await;
        assert_eq!(started.elapsed(), SECOND * budget.min(6));
        assert_eq!((report.last().succeeded, report.forced), (succeeded, forced));
        assert_eq!(report.stages[0].counts.succeeded, 2);
    }
}

/// The inner run takes all its items, and its tasks are no part of the drain.
#[tokio::test(start_paused = true)]
async fn inner_run_of_a_started_job_completes_within_the_budget() {
    for (budget, forced) in [(20, false), (4, true)] {
        let inner = scoped(async |scope: &Scope, items: u64| {
            sleep(SECOND).await;
            let run = run_in(scope, 0..items, Settings::new("inner", 1), |_| sleeps(1));
            let outputs = run.collect().await?.len();
            let late = scope.spawn_value("late", async { Ok(1) });
            Ok(outputs + late.await?)
        });
        let scope = Scope::new("scope");
        let outer =
            Run::spawn(scope.clone(), Source::new([5, 5, 5]), Settings::new("outer", 1), Arc::new(inner));
        let mut outer = Some(outer);
        settle().await;
        let started = Instant::now();
        let report = if forced {
            outer.take().expect("once").drain(budget * SECOND).await
        } else {
            // The drain of the scope reaches the run, and neither the inner run nor the task of the job.
            scope.drain(budget * SECOND).await.expect("everything is complete");
            outer.take().expect("once").finish().await
        };
        let expected = if forced { budget } else { 6 };
        assert_eq!(started.elapsed(), SECOND * expected);
        assert_eq!((report.last().succeeded, report.cancelled()), if forced { (0, 1) } else { (1, 0) });
        scope.wait().await.expect("nothing is left");
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_drain_cancels_the_run() {
    let scope = Scope::new("scope");
    let run = run_in(&scope, 1.., Settings::new("sleep", 2), |item: u64| sleeps(1_000 * item));
    let monitor = run.monitor();
    settle().await;
    assert!(tokio::time::timeout(SECOND, run.drain(60 * SECOND)).await.is_err());
    let started = Instant::now();
    scope.wait().await.expect("no failure");
    assert_eq!((started.elapsed(), monitor.report().cancelled()), (Duration::ZERO, 2));
}

#[tokio::test(start_paused = true)]
async fn first_signal_drains_and_second_signal_cancels() {
    for (second, elapsed, forced) in [(false, 6, false), (true, 5, true)] {
        let signal = Arc::new(Notify::new());
        let notify = Arc::clone(&signal);
        tokio::spawn(async move {
            sleep(3 * SECOND).await;
            notify.notify_one();
            sleep(2 * SECOND).await;
            if second {
                notify.notify_one();
            }
        });
        let run = run_in(&Scope::default(), [2, 4, 4, 4, 9, 9], Settings::new("sleep", 1), sleeps);
        let started = Instant::now();
        let report = run.drain_on(|| signal.notified(), 60 * SECOND).await;
        assert_eq!(started.elapsed(), elapsed * SECOND);
        assert_eq!((report.forced, report.cancelled()), (forced, usize::from(second)));
        assert_eq!(report.last().succeeded, if second { 1 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn run_that_ends_without_a_signal_is_not_drained() {
    let run = run_in(&Scope::default(), [2, 4], Settings::new("sleep", 1), sleeps);
    let report = run.drain_on(pending::<()>, SECOND).await;
    assert_eq!((report.last().succeeded, report.forced), (2, false));
}

#[tokio::test(start_paused = true)]
async fn failure_of_a_draining_run_is_its_first_cause() {
    let job = |item: u64| async move {
        sleep(Duration::from_secs(item)).await;
        anyhow::ensure!(item < 2, "too long");
        Ok(())
    };
    let run = run_in(&Scope::default(), 1.., Settings::new("sleep", 3), job);
    settle().await;
    let report = run.drain(60 * SECOND).await;
    assert_eq!((report.last().errored, report.last().cancelled, report.forced), (1, 1, false));
    assert_eq!(report.failures[0].index(), Some(1));
}

/// The jobs are complete, and only the release of their shared values takes longer than the budget.
#[tokio::test(start_paused = true)]
async fn slow_shutdown_of_the_work_is_no_forced_end() {
    struct Slow;
    impl Work<u64, u64> for Slow {
        async fn work(&self, taken: Taken<u64, u64>, _: &Scope) -> Completed<u64, u64> {
            let (item, running) = taken.start();
            running.complete(Ok(item))
        }

        async fn shutdown(&self) -> Vec<Cause> {
            sleep(5 * SECOND).await;
            Vec::new()
        }
    }
    let run = Run::spawn(Scope::default(), Source::new([1, 2]), Settings::new("slow", 1), Slow);
    settle().await;
    let started = Instant::now();
    let report = run.drain(SECOND).await;
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (2, 0, false));
    assert_eq!(started.elapsed(), 5 * SECOND, "a shutdown has a limit of its own");
}

/// A run, a chain of runs, a child with a run, and tasks.
#[tokio::test(start_paused = true)]
async fn scope_drains_all_runs_and_tasks_of_its_children() {
    let scope = Scope::new("server");
    let child = scope.child("child").child("grandchild");
    let mut runs = Vec::new();
    for scope in [&scope, &child] {
        runs.push(run_in(scope, 1.., Settings::new("sleep", 3), sleeps));
    }
    let first = run_in(&scope, 1.., Settings::new("first", 2), sleeps);
    runs.push(run_in(&child, first, Settings::new("second", 2), sleeps));
    let tasks = Arc::new(AtomicUsize::new(0));
    for scope in [&scope, &child] {
        let tasks = Arc::clone(&tasks);
        let spawned = scope.spawn("task", async move {
            sleep(2 * SECOND).await;
            tasks.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        assert!(!spawned.is_refused());
    }
    settle().await;
    let finish = async { futures_util::future::join_all(runs.into_iter().map(Run::finish)).await };
    let (drained, reports) = tokio::join!(scope.drain(60 * SECOND), finish);
    drained.expect("everything is complete");
    assert_eq!(tasks.load(Ordering::Relaxed), 2);
    for report in reports {
        assert_eq!((report.cancelled(), report.failures.len()), (0, 0));
        assert!(report.stages[0].counts.succeeded > 0);
        assert_eq!(report.stages[0].counts.succeeded, report.last().succeeded);
    }
}

#[tokio::test(start_paused = true)]
async fn task_and_run_that_come_during_a_drain_are_refused() {
    let scope = Scope::new("server");
    let child = scope.child("child");
    let outside = scope.clone();
    scope.spawn("long", async {
        sleep(5 * SECOND).await;
        Ok(())
    });
    let late = async {
        sleep(SECOND).await;
        for scope in [&outside, &child] {
            assert_eq!(scope.spawn("late", async { Ok(()) }), Spawned::Refused(Cancelled::Scope));
            let value = scope.spawn_value("late", async { Ok(1) });
            assert!(value.await.expect_err("refused").is_cancelled());
            let started = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&started);
            let run = run_in(scope, [1, 2], Settings::new("late", 2), move |item: u64| {
                count.fetch_add(1, Ordering::Relaxed);
                async move { Ok(item) }
            });
            let failure = run.collect().await.expect_err("refused");
            assert!(matches!(failure.cause(), Cause::Cancelled(Cancelled::Scope)));
            assert_eq!(started.load(Ordering::Relaxed), 0);
        }
    };
    let started = Instant::now();
    let (drained, ()) = tokio::join!(scope.drain(60 * SECOND), late);
    drained.expect("a refusal is no failure");
    assert_eq!(started.elapsed(), 5 * SECOND);
    assert!(scope.spawn("later", async { Ok(()) }).is_refused(), "the scope stays closed");
    assert_eq!(scope.failure_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn scope_cancels_at_the_end_of_the_budget() {
    let scope = Scope::new("server");
    let child = scope.child("child");
    child.spawn("endless", pending());
    let run = run_in(&scope, 1.., Settings::new("sleep", 2), |item: u64| sleeps(100 * item));
    settle().await;
    let started = Instant::now();
    let failure = scope.drain(7 * SECOND).await.expect_err("the budget was spent");
    assert_eq!(started.elapsed(), 7 * SECOND);
    assert_eq!(failure.stage(), "server");
    assert!(is_drain(failure.cause()));
    let failure = child.wait().await.expect_err("the task was stopped");
    assert!(failure.stage() == "endless" && is_drain(failure.cause()));
    let report = run.finish().await;
    assert_eq!(report.cancelled(), 2);
    assert!(is_drain(report.failures[0].cause()));
    assert!(scope.spawn("late", async { Ok(()) }).is_refused());
    scope.wait().await.expect("a refusal after the drain is no failure");
}

#[tokio::test(start_paused = true)]
async fn second_signal_cancels_the_scope() {
    let scope = Scope::new("server");
    scope.spawn("endless", pending());
    let signal = Notify::new();
    let signals = async {
        for _ in 0..2 {
            sleep(SECOND).await;
            signal.notify_one();
        }
    };
    let started = Instant::now();
    let (drained, ()) = tokio::join!(scope.drain_on(|| signal.notified(), 60 * SECOND), signals);
    assert!(is_drain(drained.expect_err("forced").cause()));
    assert_eq!(started.elapsed(), 2 * SECOND);
}

/// Signals as `tokio::signal` does: a signal without a listener is lost. A wake-up is a signal.
struct Signals(Notify);

impl Wake for Signals {
    fn wake(self: Arc<Self>) {
        self.0.notify_waiters();
    }
}

/// The begin of the drain sends the second signal, before any other code of the drain runs.
#[tokio::test(start_paused = true)]
async fn second_signal_at_the_begin_of_the_drain_is_not_lost() {
    let scope = Scope::new("server");
    scope.spawn("endless", pending());
    let signals = Arc::new(Signals(Notify::new()));
    let waker = Waker::from(Arc::clone(&signals));
    let mut begin = pin!(scope.draining());
    assert!(begin.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let first = async { signals.0.notify_waiters() };
    let drain = scope.drain_on(|| async { signals.0.notified().await }, 60 * SECOND);
    let started = Instant::now();
    let (drained, ()) = tokio::join!(drain, first);
    assert!(is_drain(drained.expect_err("forced").cause()));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

/// An output whose drop is a signal.
struct SignalsOnDrop(Arc<Notify>);

impl Drop for SignalsOnDrop {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

/// The begin of the drain discards an output, whose drop sends the second signal. The future of the first signal runs
/// the jobs, and then completes: the output comes neither before the first signal nor after the begin of the drain.
#[test]
fn second_signal_at_the_begin_of_a_drain_of_a_run_is_not_lost() {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let entered = runtime.enter();
    let signal = Arc::new(Notify::new());
    let output = Arc::clone(&signal);
    let job = move |item: u64| {
        let output = Arc::clone(&output);
        async move {
            match item {
                1 => Ok(SignalsOnDrop(output)),
                _ => pending().await,
            }
        }
    };
    let run = run_in(&Scope::default(), [1, 2], Settings::new("signals", 2), job);
    let mut calls = 0;
    let next_signal = || {
        calls += 1;
        let is_first = calls == 1;
        let (signal, runtime) = (&signal, &runtime);
        async move {
            if is_first {
                runtime.block_on(settle());
            } else {
                signal.notified().await;
            }
        }
    };
    let started = Instant::now();
    let mut drain = pin!(run.drain_on(next_signal, 60 * SECOND));
    // Outside the runtime, where the future of the first signal may run the jobs.
    assert!(drain.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let report = runtime.block_on(drain);
    assert_eq!((report.last().succeeded, report.cancelled(), report.forced), (1, 1, true));
    assert_eq!(started.elapsed(), Duration::ZERO);
    drop(entered);
}

#[tokio::test(start_paused = true)]
async fn dropped_drain_leaves_the_scope_closed_and_running() {
    let scope = Scope::new("server");
    scope.spawn("task", async {
        sleep(5 * SECOND).await;
        Ok(())
    });
    assert!(tokio::time::timeout(SECOND, scope.drain(60 * SECOND)).await.is_err());
    assert!(scope.spawn("late", async { Ok(()) }).is_refused());
    scope.drain(10 * SECOND).await.expect("the task goes on");
}

#[tokio::test(start_paused = true)]
async fn accept_loop_ends_with_the_begin_of_a_drain() {
    let scope = Scope::new("server");
    for scope in [scope.clone(), scope.child("child")] {
        let draining = scope.draining();
        scope.spawn("accept", async move {
            draining.await;
            Ok(())
        });
    }
    settle().await;
    let started = Instant::now();
    scope.drain(60 * SECOND).await.expect("the loops have ended");
    assert_eq!(started.elapsed(), Duration::ZERO);
}

/// The future holds no clone of the scope, so the drop of the last clone cancels the scope.
#[tokio::test(start_paused = true)]
async fn draining_does_not_keep_the_scope_alive() {
    let scope = Scope::new("server");
    let (draining, of_child) = (scope.draining(), scope.child("child").draining());
    drop(scope);
    tokio::time::timeout(SECOND, draining).await.expect("the scope is cancelled");
    tokio::time::timeout(SECOND, of_child).await.expect("the child is cancelled");
}

/// A task in a sibling goes on, and so does a spawn in the parent.
#[tokio::test(start_paused = true)]
async fn drain_of_a_child_leaves_the_parent_open() {
    let parent = Scope::new("parent");
    let (child, sibling) = (parent.child("child"), parent.child("sibling"));
    let run = run_in(&sibling, 0..10, Settings::new("sleep", 1), |_| sleeps(1));
    settle().await;
    child.drain(SECOND).await.expect("the child is empty");
    assert!(child.spawn("late", async { Ok(()) }).is_refused());
    assert!(!sibling.spawn("task", async { Ok(()) }).is_refused());
    assert!(!parent.spawn("task", async { Ok(()) }).is_refused());
    assert_eq!(run.collect().await.expect("no failure").len(), 10);
}

/// Spawns race with the drain: an accepted task has ended when the drain returns.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn accepted_task_has_ended_when_the_drain_returns() {
    for _ in 0..300 {
        let scope = Scope::new("server").on_failure(OnFailure::Continue);
        let (accepted, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let spawner = scope.child("child");
        let counts = (Arc::clone(&accepted), Arc::clone(&ended));
        let spawning = tokio::spawn(async move {
            loop {
                let ended = Arc::clone(&counts.1);
                counts.0.fetch_add(1, Ordering::SeqCst);
                let outcome = spawner.spawn("task", async move {
                    tokio::task::yield_now().await;
                    ended.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
                if outcome.is_refused() {
                    counts.0.fetch_sub(1, Ordering::SeqCst);
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        tokio::task::yield_now().await;
        scope.drain(60 * SECOND).await.expect("no failure");
        let seen = ended.load(Ordering::SeqCst);
        spawning.await.expect("no panic");
        assert_eq!((seen, ended.load(Ordering::SeqCst)), (accepted.load(Ordering::SeqCst), seen));
    }
}

#[tokio::test]
async fn pattern_runs_in_a_scope_that_drains_on_a_signal() {
    struct Each;
    impl towpath_pattern::Pattern<u64> for Each {
        type Out = u64;

        fn start(&self, input: Source<u64>, scope: Scope) -> Run<u64> {
            Run::spawn(scope, input, Settings::new("each", 4), Arc::new(|item: u64| async move { Ok(item) }))
        }
    }
    let scope = Scope::new("main");
    let signal = Notify::new();
    let mut run = Each.run_in(&scope, 0..);
    let outputs = async {
        let mut outputs = 0;
        while let Some(output) = run.next().await {
            output.expect("no failure");
            outputs += 1;
            if outputs == 100 {
                signal.notify_one();
            }
        }
        outputs
    };
    let (drained, outputs) = tokio::join!(scope.drain_on(|| signal.notified(), SECOND), outputs);
    drained.expect("everything is complete");
    assert!(outputs >= 100);
}
