//! Tasks with a value: the handle returns the value or the failure, and no failure is returned twice.

use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::time::sleep;
use towpath_pattern::{Cancelled, Cause, Failure, OnFailure, Scope, Settings, anyhow, scoped};

use super::{Bomb, run_in, settle};

const POLICIES: [OnFailure; 2] = [OnFailure::Stop, OnFailure::Continue];

fn fails() -> impl Future<Output = anyhow::Result<u32>> + Send {
    ready(Err(anyhow::anyhow!("on purpose")))
}

fn cancelled_by(failure: &Failure) -> Option<Cancelled> {
    match failure.cause() {
        Cause::Cancelled(by) => Some(*by),
        _ => None,
    }
}

#[tokio::test]
async fn handle_returns_the_value_before_and_after_the_end() {
    let scope = Scope::new("group");
    let early = scope.spawn_value("early", async { Ok(1) });
    assert_eq!(early.await.expect("it does not fail"), 1);
    let late = scope.spawn_value("late", async { Ok(2) });
    scope.wait().await.expect("nothing failed");
    assert_eq!(late.await.expect("it does not fail"), 2);
}

#[tokio::test]
async fn failure_that_the_handle_returns_is_not_in_the_scope() {
    for on_failure in POLICIES {
        let scope = Scope::new("group").on_failure(on_failure);
        let failure = scope.spawn_value("failing", fails()).await.expect_err("it failed");
        assert_eq!((failure.stage(), cancelled_by(&failure)), ("failing", None));
        assert_eq!(scope.token().is_cancelled(), on_failure == OnFailure::Stop);
        scope.wait().await.expect("the handle has returned the failure");
    }
}

#[tokio::test]
async fn panic_of_a_task_with_a_value_is_a_failure() {
    let scope = Scope::new("group");
    let handle = scope.spawn_value::<u32, _>("panicking", async { panic!("broken") });
    let failure = handle.await.expect_err("it panicked");
    assert!(matches!(failure.cause(), Cause::Panicked(panic) if panic.message() == "broken"));
}

/// The handle is dropped before the start, during the task, and after the end.
#[tokio::test]
async fn failure_of_a_dropped_handle_is_in_the_scope() {
    for on_failure in POLICIES {
        for turns in [0, 5, 50] {
            let scope = Scope::new("group").on_failure(on_failure);
            let handle = scope.spawn_value("failing", async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                fails().await
            });
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            drop(handle);
            let failure = scope.wait().await.expect_err("the handle returned no failure");
            assert_eq!((failure.stage(), cancelled_by(&failure)), ("failing", None));
            scope.wait().await.expect("it was returned once");
            assert_eq!(scope.token().is_cancelled(), on_failure == OnFailure::Stop);
        }
    }
}

/// The idiom of a task group: the wait returns the first cause, and stops the other tasks.
#[tokio::test]
async fn wait_returns_the_failure_of_a_held_handle() {
    let scope = Scope::new("group");
    let endless = scope.spawn_value("endless", pending::<anyhow::Result<u32>>());
    let failing = scope.spawn_value("failing", fails());
    let failure = scope.wait().await.expect_err("one failed");
    assert_eq!((failure.stage(), cancelled_by(&failure)), ("failing", None));
    for handle in [endless, failing] {
        let failure = handle.await.expect_err("the scope was cancelled");
        assert_eq!(cancelled_by(&failure), Some(Cancelled::Scope), "{failure}");
    }
    assert_eq!(scope.failure_count(), 1);
}

/// With `Continue`, the failure belongs to the handle until the drop.
#[tokio::test]
async fn wait_leaves_the_failure_to_a_handle_that_continues() {
    let scope = Scope::new("group").on_failure(OnFailure::Continue);
    let handle = scope.spawn_value("failing", fails());
    scope.wait().await.expect("the handle has the failure");
    drop(handle);
    assert_eq!(scope.take_failures().len(), 1);
}

#[tokio::test]
async fn dropped_handle_does_not_cancel_the_task() {
    let scope = Scope::new("group");
    let done = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&done);
    drop(scope.spawn_value("task", async move {
        tokio::task::yield_now().await;
        count.fetch_add(1, SeqCst);
        Ok(Bomb("of the value"))
    }));
    let failure = scope.wait().await.expect_err("the drop of the value panicked");
    assert!(matches!(failure.cause(), Cause::Panicked(panic) if panic.message() == "of the value"));
    assert_eq!(done.load(SeqCst), 1);
}

/// A wait that is dropped at any poll loses no result.
#[tokio::test]
async fn wait_for_a_handle_may_be_dropped_at_every_poll() {
    for on_failure in POLICIES {
        for polls in 0..8 {
            for good in [true, false] {
                let scope = Scope::new("group").on_failure(on_failure);
                let mut handle = scope.spawn_value("task", async move {
                    for _ in 0..4 {
                        tokio::task::yield_now().await;
                    }
                    if good { Ok(7) } else { fails().await }
                });
                let mut result = None;
                for _ in 0..polls {
                    let mut waiting = pin!(&mut handle);
                    if let Poll::Ready(ended) = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
                    {
                        result = Some(ended);
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                let result = match result {
                    Some(result) => result,
                    None => handle.await,
                };
                assert_eq!(
                    result.map_err(|failure| failure.stage().to_owned()),
                    if good { Ok(7) } else { Err("task".to_owned()) }
                );
                scope.wait().await.expect("the handle has returned the failure");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn handle_of_a_stopped_or_refused_task_returns_the_cancellation() {
    let by_hand = Scope::new("by hand");
    let stopped = by_hand.spawn_value("stopped", pending::<anyhow::Result<()>>());
    settle().await;
    by_hand.cancel();
    let refused = by_hand.spawn_value("refused", pending::<anyhow::Result<()>>());
    for (handle, name) in [(stopped, "stopped"), (refused, "refused")] {
        let failure = handle.await.expect_err("it was cancelled");
        assert_eq!((failure.stage(), cancelled_by(&failure)), (name, Some(Cancelled::Scope)));
    }
    by_hand.wait().await.expect("a cancellation by hand is no failure");
    drop(by_hand.spawn_value("refused", pending::<anyhow::Result<()>>()));
    by_hand.wait().await.expect("nor with a dropped handle");

    let hurried = Scope::new("hurried").with_timeout(Duration::from_secs(1));
    let stopped = hurried.spawn_value("stopped", pending::<anyhow::Result<()>>());
    sleep(Duration::from_secs(2)).await;
    let refused = hurried.spawn_value("refused", pending::<anyhow::Result<()>>());
    for handle in [stopped, refused] {
        let failure = handle.await.expect_err("the deadline passed");
        assert_eq!(cancelled_by(&failure), Some(Cancelled::Deadline));
        assert_eq!(failure.deadline_of(), Some("hurried"));
    }
    hurried.wait().await.expect("the handles have returned the failures");
}

#[test]
fn handle_of_a_task_whose_runtime_is_shut_down_says_so() {
    let scope = Scope::new("group");
    let runtime = Builder::new_current_thread().build().unwrap();
    let handle = {
        let _entered = runtime.enter();
        scope.spawn_value("task", pending::<anyhow::Result<()>>())
    };
    runtime.block_on(tokio::task::yield_now());
    drop(runtime);
    let other = Builder::new_current_thread().build().unwrap();
    let failure = other.block_on(handle).expect_err("the runtime was shut down");
    assert_eq!(cancelled_by(&failure), Some(Cancelled::Runtime));
}

/// The failure moves to the parent when the handle of an ownerless child is dropped.
#[tokio::test]
async fn failure_in_a_child_without_owner_moves_to_the_parent() {
    for on_failure in POLICIES {
        let parent = Scope::new("parent");
        let child = parent.child("child").on_failure(on_failure);
        let handle = child.spawn_value("failing", fails());
        settle().await;
        drop((child, handle));
        assert_eq!(parent.wait().await.expect_err("it moved").stage(), "failing");
    }
}

/// The future panics in its drop after an error: both are failures.
#[tokio::test]
async fn panic_of_the_drop_follows_the_error_of_a_task() {
    for on_failure in POLICIES {
        let scope = Scope::new("group").on_failure(on_failure);
        let handle = scope.spawn_value("task", super::Leaves::<u32>::new(Err(anyhow::anyhow!("first"))));
        let failure = handle.await.expect_err("it failed");
        assert!(matches!(failure.cause(), Cause::Errored(_)));
        let later = scope.wait().await.expect_err("the drop panicked");
        assert!(matches!(later.cause(), Cause::Panicked(panic) if panic.message() == "of the future"));
    }
}

/// In the scope of the jobs, the failure is the first cause of the run, even if the job waits for the handle.
#[tokio::test]
async fn run_reports_the_failure_of_a_task_that_a_job_waits_for() {
    for turns in 0..4 {
        let job = scoped(async |scope: &Scope, turns: usize| {
            let handle = scope.spawn_value("task", async move {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                fails().await
            });
            Ok(handle.await?)
        });
        let scope = Scope::new("outer");
        let report = run_in(&scope, [turns], Settings::new("stage", 1), job).finish().await;
        let stages: Vec<_> = report.failures.iter().map(Failure::stage).collect();
        assert_eq!(stages, ["task"], "{:?}", report.failures);
        scope.wait().await.expect("the run has reported the failure");
    }
}

/// A job handles the failure of its task: the run goes on.
#[tokio::test]
async fn job_may_handle_the_failure_of_a_task_that_continues() {
    let job = scoped(async |scope: &Scope, (): ()| {
        let scope = scope.clone().on_failure(OnFailure::Continue);
        let failed = scope.spawn_value("task", fails()).await.is_err();
        Ok(failed)
    });
    let scope = Scope::new("outer");
    let run = run_in(&scope, [()], Settings::new("stage", 1), job);
    assert_eq!(run.collect().await.expect("the job has handled the failure"), [true]);
}

/// The task ends on one thread while the handle is dropped on another: exactly one of both reports the failure.
#[test]
fn failure_that_races_with_the_drop_of_the_handle_is_kept() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        for on_failure in POLICIES {
            for _ in 0..2_000 {
                let scope = Scope::new("group").on_failure(on_failure);
                let gate = Arc::new(Notify::new());
                let opened = Arc::clone(&gate);
                let handle = scope.spawn_value("failing", async move {
                    opened.notified().await;
                    fails().await
                });
                gate.notify_one();
                let dropped = tokio::spawn(async move { drop(handle) });
                dropped.await.expect("no panic");
                let first = scope.wait().await;
                assert_eq!(first.expect_err("it failed").stage(), "failing");
                assert!(scope.take_failures().is_empty());
            }
        }
    });
}

/// The waker of the handle panics: the handle has its result all the same, and the scope has the panic.
#[tokio::test]
async fn panic_of_the_waker_of_a_handle_is_a_failure() {
    struct Loud;
    impl std::task::Wake for Loud {
        fn wake(self: Arc<Self>) {
            panic!("of the waker");
        }
    }
    let scope = Scope::new("group");
    let mut handle = scope.spawn_value("task", async {
        tokio::task::yield_now().await;
        Ok(3)
    });
    let waker = Waker::from(Arc::new(Loud));
    let first = poll_fn(|_| Poll::Ready(pin!(&mut handle).poll(&mut Context::from_waker(&waker)))).await;
    assert!(first.is_pending());
    let failure = scope.wait().await.expect_err("the waker panicked");
    assert!(matches!(failure.cause(), Cause::Panicked(panic) if panic.message() == "of the waker"));
    assert_eq!(handle.await.expect("it has a value"), 3);
}

#[tokio::test]
async fn debug_of_a_handle_has_the_name_of_the_task() {
    let handle = Scope::new("group").spawn_value("task", async { Ok(1) });
    assert_eq!(format!("{handle:?}"), "TaskHandle { task: \"task\", .. }");
}
