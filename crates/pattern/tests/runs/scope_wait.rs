//! The failures that a scope has recorded, and the tasks that have ended, when `wait` returns.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::yield_now;
use towpath_pattern::{Cause, Completed, OnFailure, Run, Scope, Settings, Source, Taken, Work, anyhow};

use crate::settle;

fn single() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// Returns the number of runs, of 300, whose failure is recorded only after the end of the outer scope. The first job
/// of a run fails, and the second job waits. A run is in a child of the outer scope, and is dropped on a thread of its
/// own.
fn told_too_late(collects: bool) -> usize {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let mut too_late = 0;
    for _ in 0..300 {
        let outer = Scope::new("outer");
        let job = |item: u32| async move {
            anyhow::ensure!(item != 0, "came first");
            pending::<anyhow::Result<u32>>().await
        };
        let inner = outer.child("inner");
        let settings = Settings::new("stage", 2).on_failure(OnFailure::Continue);
        let run = {
            let _entered = runtime.enter();
            Run::spawn(inner, Source::new(vec![0, 1]), settings, Arc::new(job))
        };
        let dropped = runtime.block_on(async {
            while run.report().stages[0].counts.errored == 0 {
                yield_now().await;
            }
            if !collects {
                return thread::spawn(move || drop(run));
            }
            let mut collecting = Box::pin(run.collect());
            assert!(collecting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            thread::spawn(move || drop(collecting))
        });
        let closed = runtime.block_on(outer.wait());
        dropped.join().expect("no panic");
        too_late += usize::from(closed.is_ok() && runtime.block_on(outer.wait()).is_err());
    }
    too_late
}

#[test]
fn dropped_run_records_its_failure_before_the_parent_ends() {
    assert_eq!((told_too_late(false), told_too_late(true)), (0, 0), "of 300 runs each");
}

#[tokio::test]
async fn wait_includes_a_task_spawned_since_the_last_end() {
    let scope = Scope::new("around");
    let (ends, begins) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let alive = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ends);
    scope.spawn("first", async move {
        end.notified().await;
        Ok(())
    });
    let (waited, there) = (scope.clone(), Arc::clone(&alive));
    let waiting = tokio::spawn(async move {
        waited.wait().await.expect("nothing failed");
        there.load(SeqCst)
    });
    let (spawns, there, begin) = (scope.clone(), Arc::clone(&alive), Arc::clone(&begins));
    tokio::spawn(async move {
        begin.notified().await;
        there.store(true, SeqCst);
        spawns.spawn("second", async move {
            settle().await;
            there.store(false, SeqCst);
            Ok(())
        });
    });
    settle().await;
    ends.notify_one();
    begins.notify_one();
    assert!(!waiting.await.expect("no panic"), "the second is alive");
}

/// The job of item 1 fails, and the shutdown never completes.
struct NeverCloses;

impl Work<u32, u32> for NeverCloses {
    async fn work(&self, taken: Taken<u32, u32>, _: &Scope) -> Completed<u32, u32> {
        let (item, running) = taken.start();
        running.complete(if item == 1 { Err(anyhow::anyhow!("of the first stage")) } else { Ok(item) })
    }

    async fn shutdown(&self) -> Vec<Cause> {
        pending().await
    }
}

#[test]
fn upstream_failure_is_reported_if_the_runtime_ends_meanwhile() {
    for cancelled in [false, true] {
        let (runtime, scope) = (single(), Scope::new("around"));
        let run = runtime.block_on(async {
            let roomy = Settings::new("first", 1).capacity(10).on_failure(OnFailure::Continue);
            let first = Run::spawn(scope.clone(), Source::new(vec![0, 1]), roomy, NeverCloses);
            let tight = Settings::new("second", 1).capacity(0);
            let endless = |_: u32| pending::<anyhow::Result<u32>>();
            let run = Run::spawn(scope.clone(), Source::new(first), tight, Arc::new(endless));
            settle().await;
            if cancelled {
                run.cancel();
                settle().await;
            }
            run
        });
        drop(runtime);
        let report = single().block_on(run.finish());
        let closed = single().block_on(scope.wait());
        let told =
            report.failures.iter().any(|failure| format!("{failure:#}").contains("of the first stage"));
        assert!(told || closed.is_err(), "cancelled before: {cancelled}: {report}");
    }
}
