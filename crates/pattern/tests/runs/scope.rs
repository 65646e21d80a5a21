//! The guarantees of a scope for its tasks and for the callers of `wait`.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::Instant;
use towpath_pattern::{Cancelled, Cause, Run, Scope, Settings, Source};

/// Counts the guards that are alive.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicUsize>);

struct Guard(Arc<AtomicUsize>);

impl Alive {
    fn guard(&self) -> Guard {
        self.0.fetch_add(1, Ordering::SeqCst);
        Guard(Arc::clone(&self.0))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A task that never ends by itself.
async fn endless(guard: Guard) -> anyhow::Result<()> {
    let _guard = guard;
    pending().await
}

#[tokio::test]
async fn wait_waits_for_every_task() {
    let (scope, alive) = (Scope::new("group"), Alive::default());
    for _ in 0..10 {
        let guard = alive.guard();
        scope.spawn("short", async move {
            tokio::task::yield_now().await;
            drop(guard);
            Ok(())
        });
    }
    scope.wait().await.expect("none failed");
    assert_eq!(alive.count(), 0);
}

#[tokio::test]
async fn first_failed_task_stops_the_others_and_is_reported() {
    let (scope, alive) = (Scope::new("group"), Alive::default());
    scope.spawn("endless", endless(alive.guard()));
    scope.spawn("failing", async { anyhow::bail!("no such host") });
    let failure = scope.wait().await.expect_err("one failed");
    assert_eq!(format!("{failure:#}"), "stage `failing` failed: no such host");
    assert_eq!(alive.count(), 0);
    scope.wait().await.expect("the failure was reported once");
}

#[tokio::test]
async fn task_panic_is_reported_with_its_message() {
    let scope = Scope::new("group");
    scope.spawn("panicking", async { panic!("on purpose") });
    let failure = scope.wait().await.expect_err("one panicked");
    assert!(matches!(failure.cause(), Cause::Panicked(panic) if panic.message() == "on purpose"));
}

#[tokio::test]
async fn panic_in_the_drop_of_a_cancelled_task_is_reported() {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("dropped loudly");
        }
    }
    let scope = Scope::new("group");
    scope.spawn("loud", async {
        let _loud = Loud;
        pending().await
    });
    tokio::task::yield_now().await;
    scope.cancel();
    let failure = scope.wait().await.expect_err("it panicked");
    assert!(matches!(failure.cause(), Cause::Panicked(panic) if panic.message() == "dropped loudly"));
}

#[tokio::test]
async fn cancelled_scope_ends_without_a_failure() {
    let (scope, alive) = (Scope::new("group"), Alive::default());
    scope.spawn("endless", endless(alive.guard()));
    scope.cancel();
    scope.wait().await.expect("a requested cancellation is no failure");
    assert_eq!(alive.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn deadline_stops_the_tasks_and_is_reported() {
    let (scope, alive) = (Scope::new("group").with_timeout(Duration::from_secs(5)), Alive::default());
    scope.spawn("endless", endless(alive.guard()));
    let began = Instant::now();
    let failure = scope.wait().await.expect_err("the deadline passed");
    assert!(matches!(failure.cause(), Cause::Cancelled(Cancelled::Deadline)));
    assert_eq!((began.elapsed(), alive.count()), (Duration::from_secs(5), 0));
}

#[tokio::test(start_paused = true)]
async fn inner_deadline_is_never_later_than_the_outer_one() {
    let outer = Scope::new("outer").with_timeout(Duration::from_secs(1));
    let inner = outer.child("inner").with_timeout(Duration::from_secs(60));
    assert_eq!(inner.deadline(), outer.deadline());
    assert_eq!(inner.name(), "inner");
}

#[tokio::test]
async fn cancelling_a_scope_reaches_inward_and_not_outward() {
    let (outer, alive) = (Scope::new("outer"), Alive::default());
    let (left, right) = (outer.child("left"), outer.child("right"));
    left.spawn("endless", endless(alive.guard()));
    right.spawn("endless", endless(alive.guard()));
    left.cancel();
    left.wait().await.expect("it was asked for");
    assert_eq!(alive.count(), 1);
    outer.cancel();
    right.wait().await.expect("it was asked for");
    assert_eq!(alive.count(), 0);
}

#[tokio::test]
async fn wait_on_a_parent_waits_for_the_child_and_its_failure() {
    let (outer, alive) = (Scope::new("outer"), Alive::default());
    let inner = outer.child("inner");
    let guard = alive.guard();
    inner.spawn("failing", async move {
        tokio::task::yield_now().await;
        drop(guard);
        anyhow::bail!("deep inside")
    });
    drop(inner.clone());
    let waits = tokio::spawn(async move { outer.wait().await });
    tokio::task::yield_now().await;
    drop(inner);
    let failure = waits.await.expect("it does not panic").expect_err("one failed");
    assert_eq!((failure.stage(), alive.count()), ("failing", 0));
}

/// A future of `wait` that is dropped after any number of polls takes no failure from the next `wait`.
#[tokio::test]
async fn wait_may_be_dropped_at_every_poll() {
    for polls in 0..12 {
        let (outer, alive) = (Scope::new("outer"), Alive::default());
        let inner = outer.child("inner").child("innermost");
        let guard = alive.guard();
        inner.spawn("failing", async move {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            drop(guard);
            anyhow::bail!("deep inside")
        });
        let waited = {
            let mut closed = Box::pin(inner.wait());
            let mut waited = None;
            for _ in 0..polls {
                if let Poll::Ready(told) = closed.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    waited = Some(told);
                    break;
                }
                tokio::task::yield_now().await;
            }
            waited
        };
        let told = match waited {
            Some(told) => told,
            None => inner.wait().await,
        };
        assert_eq!(format!("{:#}", told.expect_err("one failed")), "stage `failing` failed: deep inside");
        outer.wait().await.expect("the failure was reported once");
        assert_eq!(alive.count(), 0);
    }
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_tasks() {
    let (scope, alive) = (Scope::new("group"), Alive::default());
    scope.spawn("endless", endless(alive.guard()));
    let token = scope.token().clone();
    drop(scope);
    assert!(token.is_cancelled());
    while alive.count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn scope_returns_its_name_and_its_deadline() {
    let scope = Scope::new("request");
    assert_eq!((scope.name(), scope.deadline()), ("request", None));
    let limited = Scope::new("limited").with_timeout(Duration::from_secs(3));
    assert_eq!(limited.deadline(), Some(Instant::now() + Duration::from_secs(3)));
}

/// An error that panics in its drop.
#[derive(Debug)]
struct LoudError;

impl std::fmt::Display for LoudError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("loud")
    }
}

impl std::error::Error for LoudError {}

impl Drop for LoudError {
    fn drop(&mut self) {
        panic!("an error, dropped loudly");
    }
}

#[tokio::test]
async fn unreported_failure_that_panics_in_its_drop_does_not_abort() {
    let fails = || async { Err(LoudError.into()) };
    let start = |scope: &Scope| {
        let job = move |(): ()| fails();
        Run::<()>::spawn(scope.clone(), Source::new([()]), Settings::new("loud", 1), Arc::new(job))
    };
    // The failures of a scope move to the parent with the last owner, or are dropped with the last owner.
    let (outer, inner) = (Scope::new("outer"), Scope::new("inner"));
    let between = outer.child("between");
    for scope in [&inner, &between] {
        let runs = [start(scope), start(scope)];
        while runs.iter().any(|run| run.report().stages[0].counts.errored == 0) {
            tokio::task::yield_now().await;
        }
        runs.into_iter().for_each(drop);
        scope.spawn("loud", fails());
        while !scope.token().is_cancelled() {
            tokio::task::yield_now().await;
        }
    }
    drop(inner);
    drop((between, outer));
}

/// Returns the result of `wait` on a scope whose runtime was shut down after `then`. If `begun` is set, the task was
/// polled before.
fn told_after_a_shutdown<F>(begun: bool, task: F, then: impl FnOnce(&Scope)) -> Result<(), String>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let scope = Scope::new("group");
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        scope.spawn("task", task);
        for _ in 0..if begun { 5 } else { 0 } {
            tokio::task::yield_now().await;
        }
        then(&scope);
    });
    drop(runtime);
    let other = Builder::new_current_thread().build().unwrap();
    other.block_on(scope.wait()).map_err(|failure| format!("{failure:#}"))
}

#[test]
fn task_of_a_shut_down_runtime_is_reported_as_cancelled() {
    let shut_down = Err("stage `task` was cancelled: the runtime was shut down".to_owned());
    for begun in [true, false] {
        assert_eq!(told_after_a_shutdown(begun, pending(), |_| ()), shut_down, "begun: {begun}");
        assert_eq!(told_after_a_shutdown(begun, pending(), Scope::cancel), Ok(()), "begun: {begun}");
    }
    assert_eq!(told_after_a_shutdown(true, async { Ok(()) }, |_| ()), Ok(()));
    let failed = told_after_a_shutdown(true, async { anyhow::bail!("by itself") }, |_| ());
    assert_eq!(failed, Err("stage `task` failed: by itself".to_owned()));
}

#[test]
fn failure_of_the_last_owner_of_a_scope_moves_to_the_parent() {
    let outer = Scope::new("outer");
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let inner = outer.child("inner");
        let owned = inner.clone();
        inner.spawn("task", async move {
            let _owned = owned;
            pending().await
        });
        drop(inner);
        tokio::task::yield_now().await;
    });
    drop(runtime);
    let other = Builder::new_current_thread().build().unwrap();
    let failure = other.block_on(outer.wait()).expect_err("it was cut short");
    assert_eq!(format!("{failure:#}"), "stage `task` was cancelled: the runtime was shut down");
}
